// All vehicles in one table, and the orders that need no point.
import { useState } from "react";
import type { Send } from "../../commands";
import type { VehicleView } from "../../contract";
import type { Role } from "../../page";
import type { Picture } from "../../picture";
import { age, isFinal, metres, percent } from "../../words";
import { readiness, steps, taskWords } from "./readiness";
import type { T } from "./words";

interface Props {
  picture: Picture;
  kept: ReadonlyMap<string, readonly string[]>;
  nowMs: number;
  t: T;
  chosen: string | null;
  choose: (id: string) => void;
  send: Send;
  may: (role: Role) => boolean;
}

export function VehicleTable({ picture, kept, nowMs, t, chosen, choose, send, may }: Props) {
  const vehicles = [...picture.vehicles.values()];
  return (
    <div className="rows" role="region" aria-label={t.all} tabIndex={0}>
      <table>
        <thead>
          <tr>
            {[t.vehicle, t.readiness, t.mode, t.battery, t.link, t.task, t.dock, t.lastWord].map((head) => (
              <th key={head} scope="col">
                {head}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {vehicles.map((vehicle) => (
            <Row key={vehicle.id} {...{ vehicle, picture, kept, nowMs, t, choose, send, may }} isChosen={vehicle.id === chosen} />
          ))}
        </tbody>
      </table>
    </div>
  );
}

function Row({ vehicle, picture, kept, nowMs, t, isChosen, choose, send, may }: Omit<Props, "chosen"> & { vehicle: VehicleView; isChosen: boolean }) {
  const [said, setSaid] = useState("");
  const { word, because } = readiness(vehicle, kept.get(vehicle.id));
  const task = vehicle.task_id ? picture.tasks.get(vehicle.task_id) : undefined;
  const open = task && !isFinal(task) ? task : undefined;
  const flies = vehicle.kind === "ardupilot_copter";
  const dock = (picture.site.vehicles ?? []).find((spec) => spec.id === vehicle.id)?.dock;
  const order = async (path: string) => setSaid((await send(path)).text);
  const button = (name: string, path: string, role: Role) => (
    <button type="button" disabled={!may(role)} onClick={() => void order(path)} aria-label={`${name}: ${vehicle.id}`}>
      {name}
    </button>
  );
  const roundTrip = vehicle.round_trip_s === null ? "–" : (vehicle.round_trip_s * 1000).toFixed(0);
  return (
    <tr className={isChosen ? "chosen" : undefined}>
      <th scope="row">
        <button type="button" className="pick" aria-pressed={isChosen} onClick={() => choose(vehicle.id)} aria-label={t.choose(vehicle.id)}>
          {vehicle.id}
        </button>
        {vehicle.simulated && <small>{t.simulated}</small>}
      </th>
      <td className="why" data-head={t.readiness}>
        <span className={`state ${word}`}>{t[word]}</span>
        {because.length > 0 && <small>{because.join("; ")}</small>}
        {because.length === 0 && kept.has(vehicle.id) && <small>{t.mayBeSent}</small>}
      </td>
      <td data-head={t.mode}>
        {vehicle.mode ?? "–"}
        <small>
          {vehicle.armed === null ? "–" : vehicle.armed ? t.motorsOn : t.motorsOff}{flies && ` · ${metres(vehicle.above_home_m)} ${t.aboveHome}`}
        </small>
      </td>
      <td data-head={t.battery}>{percent(vehicle.battery_frac)}</td>
      <td data-head={t.link}>
        {vehicle.heard_age_s === null ? t.neverHeard : t.ago(`${vehicle.heard_age_s.toFixed(1)} s`)}
        <small>
          {t.loses(percent(vehicle.link_loss_frac))} · {t.answersIn(roundTrip)}
        </small>
      </td>
      <td className="long" data-head={t.task}>
        {taskWords(open, t)}
        {open && (
          <>
            <small>{t.since(age(open.created_at_us, nowMs))}</small>
            <ol className="steps" aria-label={t.steps}>
              {steps(open).map(({ name, is }) => (
                <li key={name} className={is} aria-current={is === "now" ? "step" : undefined}>
                  {t[name]}
                </li>
              ))}
            </ol>
          </>
        )}
        <div className="actions">
          {button(t.holdNow, `/vehicles/${vehicle.id}/hold`, "operator")}
          {button(t.returnNow, `/vehicles/${vehicle.id}/return`, "operator")}
          {open?.kind === "patrol" && !open.paused_by && button(t.pause, `/tasks/${open.task_id}/pause`, "operator")}
          {open?.kind === "patrol" && open.paused_by && button(t.resume, `/tasks/${open.task_id}/resume`, "pilot")}
          {open?.kind === "patrol" && button(t.skip, `/tasks/${open.task_id}/skip`, "pilot")}
          {open && button(t.cancelTask, `/tasks/${open.task_id}/cancel`, "operator")}
          {vehicle.latched_because && button(t.release, `/vehicles/${vehicle.id}/release`, "pilot")}
        </div>
        <small role="status">{said}</small>
      </td>
      <td className="short" data-head={t.dock}>{dock ?? t.openGround}</td>
      <td className="long" data-head={t.lastWord}>{vehicle.last_text || "–"}</td>
    </tr>
  );
}
