// The queue: intrusions first, trouble beside them; each card acts in one click.
import { useState } from "react";
import type { Send } from "../../commands";
import { Evidence } from "./Evidence";
import type { Disposition, Incident, Task } from "../../contract";
import type { Role } from "../../page";
import { isAlarm as isOfSite, type Picture, queue } from "../../picture";
import { ago, isFinal, metres, taskLine } from "../../words";

const DISPOSITIONS: [Disposition, string][] = [
  ["confirmed", "Confirmed"],
  ["authorised", "Authorised"],
  ["false_alarm", "False alarm"],
];
const SHOWN_STEPS = 4;

function Card({ incident, picture, nowMs, send, may: _may }: { incident: Incident; picture: Picture; nowMs: number; send: Send; may: (role: Role) => boolean }) {
  const [problem, setProblem] = useState("");
  const order = async (path: string, body?: Record<string, unknown>) => {
    const answer = await send(path, body);
    setProblem(answer.ok ? "" : answer.text);
  };
  const alarms = incident.alarm_ids.flatMap((id) => picture.alarms.get(id) ?? []);
  const unseen = alarms.filter((alarm) => alarm.state === "open");
  const tasks = [...picture.tasks.values()].filter((task) => task.incident_id === incident.incident_id);
  const waiting = tasks.filter((task) => task.state === "created");
  const isOpen = incident.state !== "closed";
  const isAlarm = isOfSite(incident);
  const sigma = incident.sighting?.ground;

  return (
    <article className={`card ${incident.state} ${incident.kind}`}>
      <h3>
        <span className={`badge ${incident.state}`}>{incident.state}</span> {incident.title}
      </h3>
      <p className="facts">
        {incident.priority && <span title={incident.priority.why.join(", ")}>priority {incident.priority.level} · </span>}
        {incident.severity} · {ago(incident.opened_at_us, nowMs)} · {incident.origin}
        {sigma ? ` · ± ${metres(2 * Math.sqrt(Math.max(sigma.var_east_m2, sigma.var_north_m2)), 1)}` : ""}
        {incident.disposition ? ` · ${incident.disposition.replace("_", " ")}` : ""}
      </p>
      {(incident.uncovered_zones ?? []).length > 0 && isOpen && (
        <p className="problem">Nobody watches: {incident.uncovered_zones?.join(", ")}</p>
      )}
      {tasks.map((task: Task) => (
        <p key={task.task_id}>
          {task.vehicle} – {taskLine(task)}
        </p>
      ))}
      {isOpen && (
        <div className="actions">
          {unseen.length > 0 && (
            <button
              type="button"
              onClick={() => unseen.forEach((alarm) => void order(`/alarms/${alarm.alarm_id}/acknowledge`))}
            >
              Acknowledge
            </button>
          )}
          {waiting.map((task) => (
            <button key={task.task_id} type="button" onClick={() => void order(`/tasks/${task.task_id}/approve`)}>
              Approve {task.vehicle}
            </button>
          ))}
          {isAlarm && tasks.every(isFinal) && (
            <button type="button" onClick={() => void order(`/incidents/${incident.incident_id}/dispatch`)}>
              Send a vehicle
            </button>
          )}
          {unseen.length === 0 &&
            isAlarm &&
            DISPOSITIONS.map(([disposition, name]) => (
              <button
                key={disposition}
                type="button"
                onClick={() => void order(`/incidents/${incident.incident_id}/close`, { disposition })}
              >
                {name}
              </button>
            ))}
        </div>
      )}
      {isAlarm && <Evidence incidentId={incident.incident_id} />}
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

export function Queue({ picture, nowMs, send, may }: { picture: Picture; nowMs: number; send: Send; may: (role: Role) => boolean }) {
  const all = queue(picture.incidents.values());
  const groups: [string, Incident[], string][] = [
    ["Alarms", all.filter(isOfSite), "Quiet: no alarm"],
    ["Trouble", all.filter((i) => i.kind === "trouble"), "All sensors answer"],
    ["Bypassed and under test", all.filter((i) => i.kind === "bypass" || i.kind === "walk_test"), "Nothing is"],
  ];
  return (
    <aside className="queue" aria-label="Alarms and trouble">
      {groups.map(([title, incidents, nothing]) => (
        <section key={title} aria-live="polite">
          <h2>
            {title} ({incidents.filter((i) => i.state !== "closed").length})
          </h2>
          {incidents.length === 0 && <p className="empty">{nothing}</p>}
          {incidents.slice(0, 50).map((incident) => (
            <Card key={incident.incident_id} incident={incident} picture={picture} nowMs={nowMs} send={send} may={may} />
          ))}
        </section>
      ))}
    </aside>
  );
}
