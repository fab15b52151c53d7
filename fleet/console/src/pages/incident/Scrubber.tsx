// One moment of a stretch of time. What was before the event is marked as pre-roll, by hatching and by word.
import { preRoll } from "./stepping";
import type { Words } from "./words";

interface Props {
  fromUs: number;
  untilUs: number;
  atUs: number;
  beganUs: number | null;
  onSeek: (atUs: number) => void;
  clock: (atUs: number) => string;
  t: Words;
}

const STEP_MS = 20;

export function Scrubber({ fromUs, untilUs, atUs, beganUs, onSeek, clock, t }: Props) {
  const before = preRoll(fromUs, untilUs, beganUs);
  const lengthMs = Math.max(1, Math.round((untilUs - fromUs) / 1000));
  const nowMs = Math.min(lengthMs, Math.max(0, Math.round((atUs - fromUs) / 1000)));
  return (
    <div className="scrubber">
      <div className="rail" aria-hidden="true">
        {before > 0 && (
          <span className="pre" style={{ width: `${before * 100}%` }}>
            {before > 0.09 ? t.preRoll : ""}
          </span>
        )}
        <span className="during">{t.event}</span>
      </div>
      <input
        type="range"
        min={0}
        max={lengthMs}
        step={STEP_MS}
        value={nowMs}
        aria-label={t.scrub}
        aria-valuetext={`${clock(atUs)}${beganUs !== null && atUs < beganUs ? `, ${t.preRoll}` : ""}`}
        onChange={(event) => onSeek(fromUs + Number(event.target.value) * 1000)}
      />
      <div className="ends" aria-hidden="true">
        <span>{clock(fromUs)}</span>
        <span>{((atUs - fromUs) / 1e6).toFixed(2)} s</span>
        <span>{clock(untilUs)}</span>
      </div>
    </div>
  );
}
