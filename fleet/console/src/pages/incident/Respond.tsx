// What persons do to an incident: acknowledge, send, assign, note, escalate, merge, split.
import { useState } from "react";
import type { Incident } from "../../contract";
import { Deeds, type DoProps, type Order } from "./Deeds";
import { fill } from "./words";

interface Props extends DoProps {
  others: readonly Incident[];
  chosen: string | null; // who would go
}

export function Respond({ others, chosen, ...doing }: Props) {
  const { now, t, send } = doing;
  const { incident, alarms, tasks } = now;
  const open = alarms.filter((alarm) => alarm.state === "open");
  const waiting = tasks.filter((task) => task.state === "created");
  const path = `/incidents/${incident.incident_id}`;
  // One press acknowledges every alarm of it; the first that is refused is what is told.
  const acknowledgeAll: DoProps["send"] = async (where, body) => {
    if (where !== "acknowledge") return send(where, body);
    const answers = await Promise.all(open.map((alarm) => send(`/alarms/${alarm.alarm_id}/acknowledge`)));
    return answers.find((answer) => !answer.ok) ?? { ok: true, text: "done" };
  };
  const orders: Order[] = [
    { deed: "acknowledge", label: t.acknowledge, path: "acknowledge", isMain: open.length > 0 },
    ...(waiting.length > 0
      ? waiting.map((task): Order => ({ deed: "approveTask", label: fill(t.approveTask, { vehicle: task.vehicle }), path: `/tasks/${task.task_id}/approve`, isMain: true }))
      : [{ deed: "dispatch" as const, label: chosen ? fill(t.dispatch, { vehicle: chosen }) : t.dispatchNobody, path: `${path}/dispatch` }]),
  ];
  return (
    <>
      <Deeds {...doing} send={acknowledgeAll} orders={orders} />
      <details>
        <summary>{t.more}</summary>
        <Said {...doing} />
      </details>
      <details>
        <summary>{t.join}</summary>
        <Join {...doing} others={others} />
      </details>
    </>
  );
}

function Said(doing: DoProps) {
  const { now, t } = doing;
  const [note, setNote] = useState("");
  const [to, setTo] = useState("");
  const [above, setAbove] = useState("");
  const [why, setWhy] = useState("");
  const path = `/incidents/${now.incident.incident_id}`;
  const wants = (is: boolean, what: string) => (is ? null : `${what}.`);
  const cleared = () => {
    for (const clear of [setNote, setTo, setAbove, setWhy]) clear("");
    doing.onDone();
  };
  return (
    <>
      <label className="field">
        {t.noteText}
        <textarea rows={2} value={note} maxLength={2000} onChange={(event) => setNote(event.target.value)} />
      </label>
      <Deeds {...doing} onDone={cleared} orders={[{ deed: "note", label: t.note, path: `${path}/note`, body: { text: note.trim() }, lacks: wants(note.trim().length > 0, t.noteText) }]} />
      <label className="field">
        {t.assignName}
        <input value={to} maxLength={80} onChange={(event) => setTo(event.target.value)} />
      </label>
      <Deeds {...doing} onDone={cleared} orders={[{ deed: "assign", label: t.assign, path: `${path}/assign`, body: { to: to.trim() }, lacks: wants(to.trim().length > 1, t.assignName) }]} />
      <label className="field">
        {t.escalateTo}
        <input value={above} maxLength={80} onChange={(event) => setAbove(event.target.value)} />
      </label>
      <label className="field">
        {t.why}
        <input value={why} maxLength={500} onChange={(event) => setWhy(event.target.value)} />
      </label>
      <Deeds
        {...doing}
        onDone={cleared}
        orders={[
          {
            deed: "escalate",
            label: t.escalate,
            path: `${path}/escalate`,
            body: { to: above.trim(), why: why.trim() },
            lacks: wants(above.trim().length > 1 && why.trim().length > 2, `${t.escalateTo}; ${t.why}`),
          },
        ]}
      />
    </>
  );
}

function Join({ others, ...doing }: DoProps & { others: readonly Incident[] }) {
  const { now, t } = doing;
  const [other, setOther] = useState("");
  const [picked, setPicked] = useState<ReadonlySet<string>>(new Set());
  const [why, setWhy] = useState("");
  const path = `/incidents/${now.incident.incident_id}`;
  const toggled = (id: string) => setPicked((known) => new Set(known.has(id) ? [...known].filter((each) => each !== id) : [...known, id]));
  return (
    <>
      <label className="field">
        {t.mergeWith}
        <select value={other} onChange={(event) => setOther(event.target.value)}>
          <option value="">{t.choose}</option>
          {others.map((each) => (
            <option key={each.incident_id} value={each.incident_id}>
              {each.title}
            </option>
          ))}
        </select>
      </label>
      <Deeds {...doing} orders={[{ deed: "merge", label: t.merge, path: `${path}/merge`, body: { other }, lacks: now.others > 0 && !other ? `${t.mergeWith}.` : null }]} />
      {now.alarms.length > 1 && (
        <fieldset>
          <legend>{t.splitAlarms}</legend>
          {now.alarms.map((alarm) => (
            <label key={alarm.alarm_id}>
              <input type="checkbox" checked={picked.has(alarm.alarm_id)} onChange={() => toggled(alarm.alarm_id)} />
              {alarm.title}
            </label>
          ))}
          <label className="field">
            {t.why}
            <input value={why} maxLength={2000} onChange={(event) => setWhy(event.target.value)} />
          </label>
        </fieldset>
      )}
      <Deeds
        {...doing}
        orders={[{ deed: "split", label: t.split, path: `${path}/split`, body: { alarms: [...picked], why: why.trim() }, lacks: now.alarms.length > 1 && picked.size === 0 ? `${t.splitAlarms}.` : null }]}
      />
    </>
  );
}
