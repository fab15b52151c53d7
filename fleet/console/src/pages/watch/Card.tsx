// One incident in the queue: what, since when, its best picture, and what can be done about it.
import { useQuery } from "@tanstack/react-query";
import { memo, useState } from "react";
import { dispositionWord, originWord, severityWord } from "../../caseWords";
import type { Answer, Send } from "../../commands";
import type { Disposition, Incident, IncidentDetail, RunView, Task } from "../../contract";
import { useWords } from "../../language";
import type { Role } from "../../page";
import { isAlarm as isOfSite, type Picture } from "../../picture";
import { readJson } from "../../reading";
import { Link } from "../../route";
import { taskLine } from "../../taskWords";
import { ago, clockTime, isFinal, metres } from "../../words";
import { Evidence } from "./Evidence";
import { WATCH } from "./words";

const SHOWN_STEPS = 3;
const LOOK_AGAIN_MS = 4_000; // for a picture that its node has not sent yet

interface CardProps {
  incident: Incident;
  picture: Picture;
  nowMs: number;
  send: Send;
  may: (role: Role) => boolean;
  isSelected: boolean;
  hasPicture: boolean;
  select: (id: string | null) => void;
}

/** Every alarm of the incident that nobody has seen; null where there is none. */
export async function acknowledge(incident: Incident, picture: Picture, send: Send): Promise<Answer | null> {
  const unseen = incident.alarm_ids.flatMap((id) => picture.alarms.get(id) ?? []).filter((alarm) => alarm.state === "open");
  const answers = await Promise.all(unseen.map((alarm) => send(`/alarms/${alarm.alarm_id}/acknowledge`)));
  return answers.find((answer) => !answer.ok) ?? answers[0] ?? null;
}

/** Does another picture show the same of this incident? In a storm most cards stay as they are. */
export function saysTheSame(before: CardProps, now: CardProps): boolean {
  const { picture: then, ...props } = before;
  const { picture, ...others } = now;
  const id = now.incident.incident_id;
  return (
    (Object.keys(others) as (keyof typeof others)[]).every((key) => others[key] === props[key]) &&
    then.tasks === picture.tasks &&
    then.site === picture.site &&
    then.procedures.get(id) === picture.procedures.get(id) &&
    now.incident.alarm_ids.every((alarm) => then.alarms.get(alarm) === picture.alarms.get(alarm))
  );
}

export const Card = memo(CardOf, saysTheSame);

function CardOf({ incident, picture, nowMs, send, may, isSelected, hasPicture, select }: CardProps) {
  const t = useWords(WATCH);
  const [problem, setProblem] = useState("");
  const said = (answer: Answer | null) => setProblem(!answer || answer.ok ? "" : answer.text);
  const order = async (path: string, body?: Record<string, unknown>) => said(await send(path, body));
  const { incident_id: id, kind } = incident;
  const unseen = incident.alarm_ids.some((alarm) => picture.alarms.get(alarm)?.state === "open");
  const tasks = [...picture.tasks.values()].filter((task) => task.incident_id === id);
  const waiting = tasks.filter((task) => task.state === "created");
  const isOpen = incident.state !== "closed";
  const isAlarm = isOfSite(incident);
  const sigma = incident.sighting?.ground;
  const run = picture.procedures.get(id);
  const exempt = incident.bypass ?? incident.walk_test;
  const by = (incident.bypass ?? incident.walk_test)?.by;
  const dispositions: Disposition[] = ["confirmed", "authorised", "false_alarm"];

  return (
    <article
      id={`card-${id}`}
      tabIndex={-1}
      aria-current={isSelected || undefined}
      className={`card ${incident.state} ${kind}`}
      onClick={() => select(id)}
      onFocus={() => select(id)}
    >
      {isAlarm && isOpen && hasPicture && <Thumbnail incidentId={id} name={t.picture} />}
      <h3>
        <span className={`badge ${incident.state}`}>{t[incident.state]}</span>{" "}
        {isAlarm ? <Link to={`/incident/${id}`}>{incident.title}</Link> : incident.title}
      </h3>
      <p className="facts">
        {incident.priority && <span title={incident.priority.why.join(", ")}>{t.priority(incident.priority.level)} · </span>}
        {severityWord(incident.severity)} · {ago(incident.opened_at_us, nowMs)} · {originWord(incident.origin)}
        {sigma ? ` · ± ${metres(2 * Math.sqrt(Math.max(sigma.var_east_m2, sigma.var_north_m2)), 1)}` : ""}
        {incident.disposition ? ` · ${dispositionWord(incident.disposition)}` : ""}
      </p>
      {exempt && (
        <p>{t.ends(clockTime(exempt.until_us / 1000, picture.site.time_zone), exempt.reason, by ?? "–")}</p>
      )}
      {(incident.uncovered_zones ?? []).length > 0 && isOpen && (
        <p className="problem">
          {t.uncovered} {incident.uncovered_zones?.join(", ")}
        </p>
      )}
      {tasks.map((task: Task) => (
        <p key={task.task_id}>
          {task.vehicle} – {taskLine(task)}
        </p>
      ))}
      {isOpen && run && <Asked {...{ run, nowMs, may }} order={order} />}
      {isOpen && (
        <div className="actions">
          {unseen && (
            <button
              type="button"
              className="first"
              disabled={!may("operator")}
              onClick={() => void acknowledge(incident, picture, send).then(said)}
            >
              {t.acknowledge} {isSelected && <kbd>a</kbd>}
            </button>
          )}
          {waiting.map((task) => (
            <button
              key={task.task_id}
              type="button"
              disabled={!may("pilot")}
              onClick={() => void order(`/tasks/${task.task_id}/approve`)}
            >
              {t.approveTask(task.vehicle)}
            </button>
          ))}
          {isAlarm && tasks.every(isFinal) && (
            <button type="button" disabled={!may("pilot")} onClick={() => void order(`/incidents/${id}/dispatch`)}>
              {t.sendVehicle}
            </button>
          )}
          {!unseen &&
            isAlarm &&
            dispositions.map((disposition) => (
              <button
                key={disposition}
                type="button"
                disabled={!may("operator")}
                onClick={() => void order(`/incidents/${id}/close`, { disposition })}
              >
                {dispositionWord(disposition)}
              </button>
            ))}
        </div>
      )}
      {isAlarm && <Evidence incidentId={id} />}
      {problem && (
        <p className="problem" role="alert">
          {problem}
        </p>
      )}
      {isOpen && (
        <ol>
          {(incident.timeline ?? []).slice(-SHOWN_STEPS).map((entry) => (
            <li key={`${entry.at_us}${entry.what}`}>
              {entry.who}: {entry.what}
            </li>
          ))}
        </ol>
      )}
    </article>
  );
}

/** The best picture of the incident, once its bytes are here. */
function Thumbnail({ incidentId, name }: { incidentId: string; name: string }) {
  const { data } = useQuery({
    queryKey: ["incident", incidentId, "picture"],
    queryFn: async () => {
      const detail = await readJson<IncidentDetail>(`/api/v1/incidents/${incidentId}`);
      return (detail?.evidence ?? []).find((file) => file.kind === "snapshot" && file.place === "here")?.url ?? null;
    },
    refetchInterval: (query) => (query.state.data ? false : LOOK_AGAIN_MS),
  });
  return data ? <img className="thumbnail" src={data} alt={name} loading="lazy" /> : null;
}

interface AskedProps {
  run: RunView;
  nowMs: number;
  may: (role: Role) => boolean;
  order: (path: string, body?: Record<string, unknown>) => Promise<void>;
}

/** What the procedure asks or is about to do, and how long there is to answer. */
function Asked({ run, nowMs, may, order }: AskedProps) {
  const t = useWords(WATCH);
  const [isVetoing, setVetoing] = useState(false);
  if (run.phase !== "asking" && run.phase !== "announced") return null;
  const step = run.steps.find((each) => each.id === run.step);
  const left = run.until_us === null ? "–" : `${Math.max(0, Math.ceil(run.until_us / 1e6 - nowMs / 1000))} s`;
  const name = step ? `${step.do} (${step.id})` : (run.step ?? "–");
  const path = `/incidents/${run.incident_id}/procedure`;
  const isAsking = run.phase === "asking";
  const mayApprove = may(run.needs_pilot ? "pilot" : "operator");
  return (
    <div className="asked">
      <p>
        <b>{isAsking ? t.asks(name) : t.announces(name, left)}</b>
        {isAsking && run.until_us !== null ? ` · ${t.left(left)}` : ""}
        {run.missing > 1 || (run.missing > 0 && run.approved_by.length > 0) ? ` · ${t.missing(run.missing)}` : ""}
        {run.needs_pilot && !may("pilot") ? ` · ${t.needsPilot}` : ""}
      </p>
      <div className="actions">
        {isAsking && (
          <button type="button" disabled={!mayApprove} onClick={() => void order(`${path}/approve`, { visit: run.visit })}>
            {t.approve}
          </button>
        )}
        <button type="button" disabled={!may("operator")} aria-expanded={isVetoing} onClick={() => setVetoing(!isVetoing)}>
          {t.veto}
        </button>
      </div>
      {isVetoing && (
        <Why
          onGiven={(why) => void order(`${path}/veto`, { visit: run.visit, why }).then(() => setVetoing(false))}
          onLeft={() => setVetoing(false)}
        />
      )}
    </div>
  );
}

/** Why somebody says no, for the audit log: one press, or in their own words. */
function Why({ onGiven, onLeft }: { onGiven: (why: string) => void; onLeft: () => void }) {
  const t = useWords(WATCH);
  const [why, setWhy] = useState("");
  const isEnough = why.trim().length >= 3; // as the coordinator demands
  return (
    <form
      className="why"
      onSubmit={(event) => {
        event.preventDefault();
        if (isEnough) onGiven(why.trim());
      }}
      onKeyDown={(event) => {
        if (event.key !== "Escape") return;
        event.stopPropagation();
        onLeft();
      }}
    >
      {[t.whyFalse, t.whyAuthorised].map((each) => (
        <button key={each} type="button" onClick={() => onGiven(each)}>
          {each}
        </button>
      ))}
      <label>
        {t.why} <input value={why} maxLength={500} autoFocus onChange={(event) => setWhy(event.target.value)} />
      </label>
      <button type="submit" disabled={!isEnough}>
        {t.vetoNow}
      </button>
    </form>
  );
}
