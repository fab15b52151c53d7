// What the map cannot say of the moment shown: vehicles in a line each, cameras that did not watch, and trouble.
import type { HistoryFrame } from "../../contract";
import { metres, percent } from "../../words";
import type { Words } from "./words";

export function Then({ frame, t }: { frame: HistoryFrame | null; t: Words }) {
  const tasks = new Map((frame?.tasks ?? []).map((task) => [task.task_id, task]));
  const blind = (frame?.cameras ?? []).filter((camera) => camera.is_silent || camera.is_bypassed || camera.state !== "ok");
  return (
    <>
      <section className="panel" aria-label={t.vehicles}>
        <h2>{t.vehicles}</h2>
        {!frame && <p className="quiet">{t.unknown}</p>}
        {frame?.vehicles.length === 0 && <p className="quiet">{t.noVehicles}</p>}
        <ul>
          {frame?.vehicles.map((vehicle) => {
            const task = vehicle.task_id ? tasks.get(vehicle.task_id) : undefined;
            const facts = [
              vehicle.is_silent ? t.silent : vehicle.mode,
              vehicle.armed ? t.armed : null,
              vehicle.kind === "ardupilot_copter" ? metres(vehicle.above_home_m) : null,
              vehicle.speed_m_s == null ? null : `${vehicle.speed_m_s.toFixed(1)} m/s`,
              percent(vehicle.battery_frac),
              task ? t[task.kind] : null,
              vehicle.latched_because ? `${t.held}: ${vehicle.latched_because}` : null,
            ];
            return (
              <li key={vehicle.id}>
                <b>{vehicle.id}</b> <span className="quiet">{facts.filter(Boolean).join(" · ")}</span>
              </li>
            );
          })}
        </ul>
      </section>
      <section className="panel" aria-label={t.cameras}>
        <h2>{t.cameras}</h2>
        {frame && blind.length === 0 && <p className="quiet">{t.allWatch}</p>}
        {!frame && <p className="quiet">{t.unknown}</p>}
        <ul>
          {blind.map((camera) => (
            <li key={camera.id}>
              <b>{camera.id}</b>{" "}
              <span className="quiet">
                {[camera.is_bypassed ? t.bypassed : null, camera.is_silent ? t.notHeard : (camera.state ?? t.unknown)].filter(Boolean).join(" · ")}
              </span>
            </li>
          ))}
        </ul>
        {frame && frame.troubles.length > 0 && (
          <>
            <h2>{t.troubles}</h2>
            <ul>
              {frame.troubles.map((trouble) => (
                <li key={trouble.incident_id}>{trouble.title}</li>
              ))}
            </ul>
          </>
        )}
      </section>
    </>
  );
}
