// The timeline, the trace and who took part, as lists.
import { memo, useMemo } from "react";
import type { Alarm, EvidenceView, Incident } from "../../contract";
import { hopsOf, lineAt, partakers, story, type StoryLine, type StoryWords, type TaskDetail, type TraceView } from "./story";
import { fill, type Words, wordFor } from "./words";

const MARKS: Record<StoryLine["kind"], string> = { seen: "◉", done: "▸", said: "✎", gate: "▣" };

interface Props {
  incident: Incident;
  files: readonly EvidenceView[];
  trace: TraceView | null;
  tasks: readonly TaskDetail[];
  atUs: number;
  span: [number, number] | null; // of the clip
  clock: (atUs: number) => string;
  onJump: (atUs: number) => void;
  t: Words;
}

export const Timeline = memo(function Timeline({ incident, files, trace, tasks, atUs, span, clock, onJump, t }: Props) {
  const lines = useMemo(() => story({ incident, files, trace, tasks }, wordsOf(t)), [incident, files, trace, tasks, t]);
  const current = lineAt(lines, atUs);
  return (
    <ol className="timeline">
      {lines.map((line, index) => {
        const isInClip = span !== null && line.atUs >= span[0] && line.atUs <= span[1];
        const time = `${clock(line.atUs)}.${String(Math.floor(line.atUs / 1000) % 1000).padStart(3, "0")}`;
        return (
          <li key={`${line.atUs}${line.who}${line.what}`} className={`${line.kind} ${index === current ? "now" : ""}`}>
            {isInClip ? (
              <button type="button" className="moment" onClick={() => onJump(line.atUs)} title={t.jump}>
                {time}
              </button>
            ) : (
              <time>{time}</time>
            )}
            <span className="mark" title={wordFor(t, "kind_", line.kind)} role="img" aria-label={wordFor(t, "kind_", line.kind)}>
              {MARKS[line.kind]}
            </span>
            <span>
              <b>{line.who}</b> {line.what}
            </span>
          </li>
        );
      })}
    </ol>
  );
});

function wordsOf(t: Words): StoryWords {
  return {
    preRoll: t.l_preRoll,
    firstFrame: t.l_firstFrame,
    bestPicture: t.l_bestPicture,
    clipEnds: t.l_clipEnds,
    task: (_vehicle, state, reason) => (state === "created" ? t.l_made : fill(t.l_task, { state: wordFor(t, "s_", state) })) + (reason ? `: ${reason}` : ""),
    gate: (verdict, order, why) => fill(wordFor(t, "g_", verdict), { order, why }),
  };
}

export function Trace({ trace, t }: { trace: TraceView | null; t: Words }) {
  const hops = hopsOf(trace);
  if (hops.length === 0) return <p className="quiet">–</p>;
  const most = Math.max(...hops.map((hop) => hop.tookUs));
  const sum = hops.reduce((total, hop) => total + hop.tookUs, 0);
  return (
    <>
      <table className="hops">
        <thead>
          <tr>
            <th scope="col">{t.hop}</th>
            <th scope="col">{t.took}</th>
          </tr>
        </thead>
        <tbody>
          {hops.map((hop) => (
            <tr key={hop.name}>
              <th scope="row">{hop.name.replaceAll("_", " ")}</th>
              <td>
                <i style={{ width: `${(hop.tookUs / most) * 60}%` }} /> {(hop.tookUs / 1000).toFixed(1)} ms
              </td>
            </tr>
          ))}
        </tbody>
      </table>
      <p className="quiet">
        {fill(t.traceSum, { t: `${(sum / 1000).toFixed(0)} ms` })} · <code>{trace?.trace_id}</code>
      </p>
    </>
  );
}

export function Partakers({ incident, alarms, files, t }: { incident: Incident; alarms: readonly Alarm[]; files: readonly EvidenceView[]; t: Words }) {
  const cameras = alarms.flatMap((alarm) => alarm.sighting?.camera ?? []);
  return (
    <>
      <ul>
        {partakers(incident, cameras, files).map((each) => (
          <li key={each.kind + each.name}>
            <b>{each.name}</b> {each.kind === "camera" ? t.cameraWord : t.sensorWord}
            {each.kind === "camera" && ` · ${fill(t.files, { n: each.files })}`}
          </li>
        ))}
      </ul>
      <h3>{t.alarms}</h3>
      <ul>
        {alarms.map((alarm) => (
          <li key={alarm.alarm_id}>
            {alarm.title} · {alarm.acknowledged_by ? fill(t.seenBy, { who: alarm.acknowledged_by }) : t.notSeen}
          </li>
        ))}
      </ul>
      <h3>{t.whyPriority}</h3>
      <p className="quiet">{incident.priority?.why?.join(", ") || "–"}</p>
    </>
  );
}
