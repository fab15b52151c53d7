// The stretch of time: what was recorded of it, what happened in it, and the moment shown.
import type { AlarmThen } from "../../contract";
import { clockTime } from "../../words";
import { isEvent, type Span } from "./stretch";
import type { Words } from "./words";

interface Props {
  stretch: Span;
  gaps: readonly Span[];
  alarms: readonly AlarmThen[];
  atUs: number;
  isGap: boolean;
  timeZone: string;
  onSeek: (atUs: number) => void;
  t: Words;
}

const STEP_S = 1;
const TICKS = 6;

export function TimeBar({ stretch, gaps, alarms, atUs, isGap, timeZone, onSeek, t }: Props) {
  const lengthUs = stretch.to_us - stretch.from_us;
  const part = (us: number) => `${Math.min(100, Math.max(0, ((us - stretch.from_us) / lengthUs) * 100))}%`;
  const clock = (us: number) => clockTime(us / 1_000, timeZone);
  const hours = Array.from({ length: TICKS + 1 }, (_, n) => stretch.from_us + (lengthUs * n) / TICKS);
  const nowS = Math.round((Math.min(Math.max(atUs, stretch.from_us), stretch.to_us) - stretch.from_us) / 1e6);
  return (
    <div className="time-bar">
      <div className="rail" aria-hidden="true">
        {gaps.map((gap) => (
          <span key={gap.from_us} className="gap" style={{ left: part(gap.from_us), width: `calc(${part(gap.to_us)} - ${part(gap.from_us)})` }} />
        ))}
        {alarms.map((alarm) => (
          <i key={alarm.alarm_id} className={isEvent(alarm) ? "mark event" : "mark"} style={{ left: part(alarm.at_us) }} title={`${clock(alarm.at_us)} ${alarm.title}`} />
        ))}
        {atUs >= stretch.from_us && atUs <= stretch.to_us && <b style={{ left: part(atUs) }} />}
      </div>
      <input
        type="range"
        min={0}
        max={Math.round(lengthUs / 1e6)}
        step={STEP_S}
        value={nowS}
        aria-label={t.moment}
        aria-valuetext={`${clock(atUs)}${isGap ? `, ${t.gap}` : ""}`}
        onChange={(event) => onSeek(stretch.from_us + Number(event.target.value) * 1e6)}
      />
      <div className="hours" aria-hidden="true">
        {hours.map((us) => (
          <span key={us}>{clock(us).slice(0, 5)}</span>
        ))}
      </div>
    </div>
  );
}
