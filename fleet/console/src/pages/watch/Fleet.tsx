// The vehicles: what each is doing, why it cannot, and the three orders that bring it to rest.
import { useState } from "react";
import type { Send } from "../../commands";
import type { VehicleView } from "../../contract";
import type { Role } from "../../page";
import type { Picture } from "../../picture";
import { useWords } from "../../language";
import { vehicleLine } from "../../taskWords";
import { isFinal, metres, percent } from "../../words";
import { WATCH } from "./words";

const LOW_BATTERY = 0.3;

function Unit({ vehicle, picture, send, may }: { vehicle: VehicleView; picture: Picture; send: Send; may: (role: Role) => boolean }) {
  const t = useWords(WATCH);
  const [said, setSaid] = useState("");
  const order = async (what: string) => setSaid((await send(`/vehicles/${vehicle.id}/${what}`)).text);
  const task = vehicle.task_id ? picture.tasks.get(vehicle.task_id) : undefined;
  const patrol = task?.kind === "patrol" && !isFinal(task) ? task : undefined;
  const toPatrol = async (what: string) => setSaid((await send(`/tasks/${patrol?.task_id}/${what}`)).text);
  const battery = vehicle.battery_frac;
  return (
    <article className="unit">
      <header>
        <b>{vehicle.id}</b>
        <span>{vehicle.is_silent ? t.vehicleSilent : (vehicle.mode ?? "–")}</span>
        <span>{vehicle.armed ? t.armed : t.disarmed}</span>
        {vehicle.simulated && <span className="badge closed">{t.simulated}</span>}
      </header>
      <p className="task">{vehicleLine(vehicle, task)}</p>
      <p className="facts">
        <span className={`meter ${battery !== null && battery < LOW_BATTERY ? "low" : ""}`}>
          <i style={{ width: `${(battery ?? 0) * 100}%` }} />
        </span>{" "}
        {percent(battery)} · {t.aboveHome(metres(vehicle.above_home_m))} ·{" "}
        {vehicle.speed_m_s == null ? "–" : `${vehicle.speed_m_s.toFixed(1)} m/s`} ·{" "}
        {t.wind(vehicle.wind_m_s == null ? "–" : `${vehicle.wind_m_s.toFixed(0)} m/s`)}
      </p>
      <div className="actions">
        <button type="button" disabled={!may("operator")} onClick={() => void order("hold")}>
          {t.hold}
        </button>
        <button type="button" disabled={!may("operator")} onClick={() => void order("return")}>
          {t.return}
        </button>
        {patrol && !patrol.paused_by && (
          <button type="button" disabled={!may("operator")} onClick={() => void toPatrol("pause")}>
            {t.pausePatrol}
          </button>
        )}
        {patrol?.paused_by && (
          <button type="button" disabled={!may("pilot")} onClick={() => void toPatrol("resume")}>
            {t.resumePatrol}
          </button>
        )}
        {patrol && (
          <button type="button" disabled={!may("pilot")} onClick={() => void toPatrol("skip")}>
            {t.skip}
          </button>
        )}
        {vehicle.latched_because && (
          <button type="button" disabled={!may("pilot")} onClick={() => void order("release")}>
            {t.release}
          </button>
        )}
        <span className="facts" role="status">
          {said}
        </span>
      </div>
    </article>
  );
}

export function Fleet({ picture, send, may }: { picture: Picture; send: Send; may: (role: Role) => boolean }) {
  const t = useWords(WATCH);
  return (
    <section className="fleet" aria-label={t.vehicles}>
      {[...picture.vehicles.values()].map((vehicle) => (
        <Unit key={vehicle.id} vehicle={vehicle} picture={picture} send={send} may={may} />
      ))}
    </section>
  );
}
