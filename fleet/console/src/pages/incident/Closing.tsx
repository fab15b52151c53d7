// What it turned out to be; and bypass and walk test, which begin where an alarm comes that should not.
import { useState } from "react";
import type { components } from "../../api";
import { dispositionWord } from "../../caseWords";
import { closingLacks } from "./answers";
import { Deeds, type DoProps } from "./Deeds";
import { fill, wordFor } from "./words";

type ByPerson = components["schemas"]["Closing"]["disposition"];
type Cause = components["schemas"]["Cause"];
const DISPOSITIONS: ByPerson[] = ["confirmed", "nuisance", "false_alarm", "authorised", "test", "unknown"];
const CAUSES: Cause[] = ["animal", "vegetation", "weather", "light", "shadow", "reflection", "insect", "camera_fault", "staff", "other"];

export function Closing(doing: DoProps) {
  const { now, t } = doing;
  const [disposition, setDisposition] = useState<ByPerson | "">("");
  const [cause, setCause] = useState<Cause | "">("");
  const [note, setNote] = useState("");
  const { incident } = now;
  if (incident.state === "closed") {
    return (
      <p>
        {t.isClosedNow} <b>{incident.disposition ? dispositionWord(incident.disposition) : "–"}</b>
        {incident.cause && ` (${wordFor(t, "c_", incident.cause)})`} {incident.note}
      </p>
    );
  }
  const lacks = closingLacks(disposition, cause, note);
  return (
    <>
      <fieldset className="choices">
        <legend>{t.disposition}</legend>
        {DISPOSITIONS.map((each) => (
          <label key={each}>
            <input type="radio" name="disposition" checked={disposition === each} onChange={() => setDisposition(each)} />
            {dispositionWord(each)}
          </label>
        ))}
      </fieldset>
      {disposition === "nuisance" && (
        <label className="field">
          {t.cause}
          <select value={cause} onChange={(event) => setCause(event.target.value as Cause)}>
            <option value="">{t.choose}</option>
            {CAUSES.map((each) => (
              <option key={each} value={each}>
                {wordFor(t, "c_", each)}
              </option>
            ))}
          </select>
        </label>
      )}
      <label className="field">
        {t.closeNote}
        <textarea rows={2} value={note} maxLength={2000} onChange={(event) => setNote(event.target.value)} />
      </label>
      <Deeds
        {...doing}
        orders={[
          {
            deed: "close",
            label: t.close,
            path: `/incidents/${incident.incident_id}/close`,
            body: { disposition, note: note.trim(), ...(disposition === "nuisance" ? { cause } : {}) },
            isMain: disposition !== "",
            lacks: disposition === "" ? `${t.disposition}?` : lacks === "cause" ? t.lacksCause : lacks === "note" ? t.lacksNote : null,
          },
        ]}
      />
    </>
  );
}

export function Exempt(doing: DoProps) {
  const { now, t } = doing;
  const zones = now.incident.zones ?? [];
  const cameras = [...new Set(now.alarms.flatMap((alarm) => alarm.sighting?.camera ?? []))];
  const subjects = [...zones.map((zone) => `zone/${zone}`), ...cameras.map((camera) => `camera/${camera}`)];
  const [what, setWhat] = useState("");
  const [minutes, setMinutes] = useState("30");
  const [reason, setReason] = useState("");
  const subject = subjects.includes(what) ? what : (subjects[0] ?? "");
  const [kind, name] = subject.split(/\/(.*)/);
  const length = Number(minutes);
  const lacks = reason.trim().length < 3 ? `${t.why}.` : length > 0 ? null : `${t.minutes}.`;
  const body = { reason: reason.trim(), minutes: length };
  return (
    <>
      <p className="quiet">{t.exemptHint}</p>
      <label className="field">
        {t.bypassWhat}
        <select value={subject} onChange={(event) => setWhat(event.target.value)}>
          {zones.map((zone) => (
            <option key={zone} value={`zone/${zone}`}>
              {fill(t.zone, { name: zone })}
            </option>
          ))}
          {cameras.map((camera) => (
            <option key={camera} value={`camera/${camera}`}>
              {fill(t.camera, { name: camera })}
            </option>
          ))}
        </select>
      </label>
      <label className="field">
        {t.minutes}
        <input type="number" min={1} value={minutes} onChange={(event) => setMinutes(event.target.value)} />
      </label>
      <label className="field">
        {t.why}
        <input value={reason} maxLength={500} onChange={(event) => setReason(event.target.value)} />
      </label>
      <Deeds
        {...doing}
        orders={[
          { deed: "bypass", label: `${t.bypass}: ${name ?? "–"}`, path: "/bypasses", body: { ...body, ...(kind ? { [kind]: name } : {}) }, lacks },
          { deed: "walkTest", label: `${t.walkTest}: ${zones.join(", ") || "–"}`, path: "/walk-tests", body: { ...body, zones }, lacks },
        ]}
      />
    </>
  );
}
