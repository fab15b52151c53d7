// The vehicles: what each is doing, why it cannot, and the three orders that bring it to rest.
import { useState } from "react";
import type { Send } from "../../commands";
import type { VehicleView } from "../../contract";
import type { Role } from "../../page";
import type { Picture } from "../../picture";
import { isFinal, metres, percent, vehicleLine } from "../../words";

const LOW_BATTERY = 0.3;

function Unit({ vehicle, picture, send }: { vehicle: VehicleView; picture: Picture; send: Send }) {
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
        <span>{vehicle.is_silent ? "silent" : (vehicle.mode ?? "–")}</span>
        <span>{vehicle.armed ? "motors armed" : "disarmed"}</span>
        {vehicle.simulated && <span className="badge closed">simulated</span>}
      </header>
      <p className="task">{vehicleLine(vehicle, task)}</p>
      <p className="facts">
        <span className={`meter ${battery !== null && battery < LOW_BATTERY ? "low" : ""}`}>
          <i style={{ width: `${(battery ?? 0) * 100}%` }} />
        </span>{" "}
        {percent(battery)} · {metres(vehicle.above_home_m)} above home ·{" "}
        {vehicle.speed_m_s == null ? "–" : `${vehicle.speed_m_s.toFixed(1)} m/s`} · wind{" "}
        {vehicle.wind_m_s == null ? "–" : `${vehicle.wind_m_s.toFixed(0)} m/s`}
      </p>
      <div className="actions">
        <button type="button" onClick={() => void order("hold")}>
          Hold
        </button>
        <button type="button" onClick={() => void order("return")}>
          Return
        </button>
        {patrol && !patrol.paused_by && (
          <button type="button" onClick={() => void toPatrol("pause")}>
            Pause patrol
          </button>
        )}
        {patrol?.paused_by && (
          <button type="button" onClick={() => void toPatrol("resume")}>
            Resume patrol
          </button>
        )}
        {patrol && (
          <button type="button" onClick={() => void toPatrol("skip")}>
            Skip waypoint
          </button>
        )}
        {vehicle.latched_because && (
          <button type="button" onClick={() => void order("release")}>
            Release
          </button>
        )}
        <span className="facts" role="status">
          {said}
        </span>
      </div>
    </article>
  );
}

export function Fleet({ picture, send }: { picture: Picture; send: Send; may: (role: Role) => boolean }) {
  return (
    <section className="fleet" aria-label="Vehicles">
      {[...picture.vehicles.values()].map((vehicle) => (
        <Unit key={vehicle.id} vehicle={vehicle} picture={picture} send={send} />
      ))}
    </section>
  );
}
