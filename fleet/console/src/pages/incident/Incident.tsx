// One incident from its first frame to its disposition: what was seen, what we did, and what a person may do now.
import { useQueryClient } from "@tanstack/react-query";
import { type ReactNode, useCallback, useEffect, useMemo, useState } from "react";
import { dispositionWord, originWord } from "../../caseWords";
import type { Alarm, EvidenceView, Incident as IncidentOf } from "../../contract";
import { useWords } from "../../language";
import type { PageProps } from "../../page";
import { isAlarm } from "../../picture";
import { Link } from "../../route";
import { bytes, clockTime } from "../../words";
import { type Now, obstacle } from "./answers";
import { Closing, Exempt } from "./Closing";
import { Dispatch } from "./Dispatch";
import "./incident.css";
import { Player, type Seek } from "./Player";
import { Procedure } from "./Procedure";
import { Respond } from "./Respond";
import { SceneMap } from "./SceneMap";
import { Scrubber } from "./Scrubber";
import { merged } from "./moments";
import { Partakers, Timeline, Trace } from "./Story";
import { beganAtUs } from "./story";
import { useIncident } from "./useIncident";
import { useLiveMoments } from "./useLiveMoments";
import { fill, WORDS, type Words, wordFor } from "./words";

export default function Incident(props: PageProps) {
  const t = useWords(WORDS);
  const id = props.path.split("/")[2] ?? "";
  const live = props.picture.incidents.get(id);
  const known = useIncident(id, live);
  if (known.detail === null) return <div className="incident-page"><p className="quiet">{known.isAsking ? t.loading : t.notFound}</p></div>;
  // Whichever is newer: the feed is ahead of what was asked for, and forgets what is long closed.
  const asked = known.detail.incident;
  const incident = live && live.changed_at_us >= asked.changed_at_us ? live : asked;
  return <Found key={id} {...props} t={t} incident={incident} known={known} />;
}

type FoundProps = PageProps & { t: Words; incident: IncidentOf; known: ReturnType<typeof useIncident> };

function Found({ picture, nowMs, send, session, may, isLive, t, incident, known }: FoundProps) {
  const queries = useQueryClient();
  const { detail, files, trace, tasks, run, dispatch } = known;
  const clips = files.filter((file) => file.kind === "clip");
  const playable = clips.filter((file) => file.url !== null && file.plays_in_browser);
  const [chosenClip, setChosenClip] = useState<string | null>(null);
  const clip = playable.find((file) => file.sha256 === chosenClip) ?? playable[0] ?? null;
  const [moment, setMoment] = useState<number | null>(null);
  const [seek, setSeek] = useState<Seek | null>(null);
  const began = useMemo(() => beganAtUs(trace), [trace]);
  const zone = picture.site.time_zone;
  const clock = useCallback((atUs: number) => clockTime(atUs / 1000, zone), [zone]);

  const alarms: Alarm[] = (detail?.alarms ?? []).map((alarm) => picture.alarms.get(alarm.alarm_id) ?? alarm);
  const current = (detail?.tasks ?? []).map((task) => picture.tasks.get(task.task_id) ?? task);
  const cameras = [...new Set(alarms.flatMap((alarm) => alarm.sighting?.camera ?? []))];
  const live = useLiveMoments(picture.tracks, clip || incident.state === "closed" ? [] : cameras);
  const moments = useMemo(() => (live.length > 0 ? merged(known.moments, live) : known.moments), [known.moments, live]);
  const newestUs = Math.max(incident.changed_at_us, ...current.map((task) => task.changed_at_us));

  const first = clip?.start_us ?? moments[0]?.atUs ?? incident.opened_at_us;
  const last = clip?.end_us ?? moments.at(-1)?.atUs ?? incident.captured_at_us;
  // Without a clip the page follows what happens, until somebody chooses a moment.
  const atUs = moment ?? (clip ? (began ?? first) : incident.state === "closed" ? last : Math.max(last, newestUs));
  const jump = useCallback((to: number) => {
    setMoment(to);
    setSeek((before) => ({ atUs: to, nth: (before?.nth ?? 0) + 1 }));
  }, []);
  const clipId = clip?.sha256;
  useEffect(() => {
    // A clip opens at the first frame of its event, not at the beginning of its pre-roll.
    if (clipId && began !== null) jump(Math.min(Math.max(began, first), last));
  }, [clipId, began]); // eslint-disable-line react-hooks/exhaustive-deps

  const others = [...picture.incidents.values()].filter(
    (each) => each.incident_id !== incident.incident_id && each.state !== "closed" && isAlarm(each),
  );
  const name = session?.name ?? (session === null || session.is_open ? localStorage.getItem("vedette.name") : null);
  const now: Now = { incident, alarms, tasks: current, run, others: others.length, may, name: name || null, isLive };
  const onDone = useCallback(() => void queries.invalidateQueries(), [queries]);
  const doing = { now, send, onDone, t };
  const subjects = useMemo(
    () => new Set(alarms.filter((alarm) => alarm.sighting?.camera === clip?.camera).flatMap((alarm) => alarm.sighting?.track ?? [])),
    [detail, clip], // eslint-disable-line react-hooks/exhaustive-deps
  );
  const vehicles = useMemo(() => [...picture.vehicles.values()], [picture.vehicles]);
  const tabs = playable.length > 1 && (
    <span className="tabs">
      {playable.map((file) => (
        <button key={file.sha256} type="button" aria-pressed={file === clip} onClick={() => setChosenClip(file.sha256)}>
          {file.camera}
        </button>
      ))}
    </span>
  );

  return (
    <div className={isLive ? "incident-page" : "incident-page stale"}>
      <Head incident={incident} now={now} clock={clock} t={t} />
      <div className="columns">
        <div className="seen">
          {clip ? (
            <Player
              clip={clip}
              camera={picture.site.cameras?.find((camera) => camera.id === clip.camera)}
              moments={moments}
              subjects={subjects}
              beganUs={began}
              atUs={atUs}
              seek={seek}
              onMoment={setMoment}
              clock={clock}
              tabs={tabs}
              t={t}
            />
          ) : (
            <Panel title={t.footage}>
              <p className="quiet">{clips.length > 0 ? t.noClip : t.clipComing}</p>
              {moment !== null && (
                <button type="button" onClick={() => setMoment(null)}>
                  {t.follow}
                </button>
              )}
              {last > first && <Scrubber fromUs={first} untilUs={last} atUs={atUs} beganUs={began} onSeek={setMoment} clock={clock} t={t} />}
            </Panel>
          )}
          <div className="pair">
            <Panel title={t.map} aside={<time>{clock(atUs)}</time>}>
              <SceneMap site={picture.site} incident={incident} alarms={alarms} moments={moments} tasks={tasks} vehicles={vehicles} atUs={atUs} clock={clock} t={t} />
            </Panel>
            <Panel title={t.pictures}>
              <Files files={files} onJump={jump} span={[first, last]} t={t} />
            </Panel>
          </div>
          <Panel title={t.dispatchTitle}>
            <Dispatch view={dispatch} tasks={current} t={t} />
          </Panel>
          <div className="pair">
            <Panel title={t.partakers}>
              <Partakers incident={incident} alarms={alarms} files={files} t={t} />
            </Panel>
            <Panel title={t.trace}>
              <Trace trace={trace} t={t} />
            </Panel>
          </div>
        </div>
        <div className="answers">
          <Panel title={t.respond}>
            <Respond {...doing} others={others} chosen={dispatch?.chosen ?? null} />
          </Panel>
          <Panel title={t.procedure}>
            <Procedure {...doing} run={run} nowMs={nowMs} />
          </Panel>
          <Panel title={t.closeTitle}>
            <Closing {...doing} />
          </Panel>
          <Panel title={t.timeline}>
            <Timeline incident={incident} files={files} trace={trace} tasks={tasks} atUs={atUs} span={clip ? [first, last] : null} clock={clock} onJump={jump} t={t} />
          </Panel>
          <section className="panel">
            <details>
              <summary>{t.exempt}</summary>
              <Exempt {...doing} />
            </details>
          </section>
        </div>
      </div>
    </div>
  );
}

function Panel({ title, aside, children }: { title: string; aside?: ReactNode; children: ReactNode }) {
  return (
    <section className="panel" aria-label={title}>
      <header>
        <h2>{title}</h2>
        <span className="grow" />
        {aside}
      </header>
      {children}
    </section>
  );
}

const FORMS = ["pdf", "html", "csv"] as const;

function Head({ incident, now, clock, t }: { incident: IncidentOf; now: Now; clock: (atUs: number) => string; t: Words }) {
  const isClosed = incident.state === "closed";
  const cannotReport = obstacle("report", now);
  return (
    <header className="head">
      <Link to="/">‹ {t.back}</Link>
      <h1>{incident.title}</h1>
      <span className={`badge ${incident.state}`}>{wordFor(t, "state_", incident.state)}</span>
      {incident.priority && <span className="chip">{fill(t.priority, { n: incident.priority.level })}</span>}
      <span className="quiet">
        {fill(t.opened, { t: clock(incident.opened_at_us) })} · {originWord(incident.origin)}
        {incident.assigned_to && ` · ${fill(t.assignedTo, { who: incident.assigned_to })}`}
        {incident.escalated_to && ` · ${fill(t.escalatedTo, { who: incident.escalated_to })}`}
        {isClosed && incident.disposition && ` · ${fill(t.closedAs, { what: dispositionWord(incident.disposition), who: incident.closed_by ?? "–" })}`}
      </span>
      {incident.merged_into && (
        <span>
          {t.mergedInto} <Link to={`/incident/${incident.merged_into}`}>{t.openOther}</Link>
        </span>
      )}
      <span className="grow" />
      <Link to={`/replay?at=${incident.opened_at_us}`}>{t.replay}</Link>
      <span className="report">
        {t.export}
        {cannotReport === null
          ? FORMS.map((form) => (
              <a key={form} href={`/api/v1/incidents/${incident.incident_id}/report?format=${form}`} target="_blank" rel="noreferrer">
                {form.toUpperCase()}
              </a>
            ))
          : ` – ${wordFor(t, "x_", cannotReport)}`}
      </span>
    </header>
  );
}

function Files({ files, span, onJump, t }: { files: readonly EvidenceView[]; span: [number, number]; onJump: (atUs: number) => void; t: Words }) {
  const pictures = files.filter((file) => file.kind === "snapshot");
  const silent = files.filter((file) => file.kind !== "detections" && (file.url === null || !file.plays_in_browser));
  if (pictures.length === 0 && silent.length === 0) return <p className="quiet">{t.noPictures}</p>;
  return (
    <div className="pictures">
      {pictures
        .filter((file) => file.url !== null)
        .map((file) => (
          <figure key={file.sha256}>
            <img src={file.url ?? ""} alt={fill(t.bestBy, { camera: file.camera })} />
            <figcaption className="quiet">
              {file.camera} · {bytes(file.bytes)}
              {file.is_masked && ` · ${t.masked}`}
              {file.start_us >= span[0] && file.start_us <= span[1] && (
                <button type="button" onClick={() => onJump(file.start_us)}>
                  {t.jump}
                </button>
              )}
            </figcaption>
          </figure>
        ))}
      {silent.map((file) => (
        <p key={file.sha256} className="quiet">
          {file.kind} · {file.camera} · {bytes(file.bytes)} ·{" "}
          {file.place === "gone" ? t.gone : file.url === null ? fill(t.atNode, { node: file.node }) : fill(t.noBrowser, { codec: file.codec })}{" "}
          {file.url !== null && <a href={file.url}>{t.download}</a>}
        </p>
      ))}
    </div>
  );
}
