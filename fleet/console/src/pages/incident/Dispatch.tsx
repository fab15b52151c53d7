// The fleet ranked for this incident by the coordinator, and what it says of each vehicle.
import type { Task } from "../../contract";
import { metres, percent } from "../../words";
import type { DispatchView } from "./useIncident";
import { fill, type Words, wordFor } from "./words";

export function Dispatch({ view, tasks, t }: { view: DispatchView | null; tasks: readonly Task[]; t: Words }) {
  return (
    <>
      {tasks.length > 0 && (
        <ul className="tasks">
          {tasks.map((task) => (
            <li key={task.task_id}>
              <b>{task.vehicle}</b> {wordFor(t, "s_", task.state)}
              {(task.progress || task.reason) && ` – ${task.progress || task.reason}`}
              {task.approved_by && ` · ${fill(t.approvedTask, { who: task.approved_by })}`}
            </li>
          ))}
        </ul>
      )}
      {view === null ? (
        <p className="quiet">{t.noDispatch}</p>
      ) : (
        <div className="wide" tabIndex={0} role="region" aria-label={t.dispatchTitle}>
          {view.on_it && <p>{fill(t.onIt, { vehicle: view.on_it })}</p>}
          <table>
            <thead>
              <tr>
                {[t.rank, t.vehicle, t.arrives, t.length, t.battery, t.needs, t.reason].map((head) => (
                  <th key={head} scope="col">
                    {head}
                  </th>
                ))}
              </tr>
            </thead>
            <tbody>
              {view.vehicles.map((chance) => (
                <tr key={chance.vehicle} className={chance.is_chosen ? "chosen" : ""}>
                  <td>{chance.rank ?? "–"}</td>
                  <th scope="row">
                    {chance.vehicle}
                    {chance.is_chosen && <span className="chip good">✓ {t.chosen}</span>}
                    {chance.rank === null && <span className="chip warn">✕ {t.cannot}</span>}
                  </th>
                  <td>{chance.arrives_in_s === null ? "–" : `${chance.arrives_in_s.toFixed(0)} s`}</td>
                  <td>{metres(chance.length_m)}</td>
                  <td>{percent(chance.battery_frac)}</td>
                  <td>{percent(chance.energy?.needs_frac)}</td>
                  <td className="words">{chance.why}</td>
                </tr>
              ))}
            </tbody>
          </table>
        </div>
      )}
    </>
  );
}
