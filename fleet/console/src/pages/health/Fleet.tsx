// The vehicles' links and the docks, as last heard.
import type { Picture } from "../../picture";
import { percent } from "../../words";
import { Lamp, Panel, Table } from "./parts";
import { type Condition, dockCondition, vehicleCondition } from "./state";
import type { T } from "./words";

interface Props {
  picture: Picture;
  t: T;
  vehicles: Condition;
  docks: Condition;
}

export function Fleet({ picture, t, vehicles, docks }: Props) {
  const heard = (ageS: number | null) => (ageS === null ? t.never : t.ago(`${ageS.toFixed(0)} s`));
  return (
    <>
      <Panel title={t.vehicles} condition={picture.vehicles.size > 0 ? vehicles : null} t={t}>
        {picture.vehicles.size === 0 && <p className="empty">{t.none}</p>}
        {picture.vehicles.size > 0 && (
          <Table name={t.vehicles} heads={[t.vehicle, t.state, t.link, t.battery, t.firmware, t.fence, t.says]}>
            {[...picture.vehicles.values()].map((each) => (
              <tr key={each.id}>
                <th scope="row">{each.id}</th>
                <td>
                  <Lamp condition={vehicleCondition(each)} t={t} /> {each.is_silent ? t.silent : (each.mode ?? "–")}
                </td>
                <td>
                  {heard(each.heard_age_s)} · {t.loss} {percent(each.link_loss_frac)} · {t.roundTrip}{" "}
                  {each.round_trip_s === null ? "–" : `${(each.round_trip_s * 1000).toFixed(0)} ms`}
                </td>
                <td>{percent(each.battery_frac)}</td>
                <td>{each.firmware ?? "–"}</td>
                <td>{each.safety_uploaded ? t.uploaded : t.notUploaded}</td>
                <td className="long">{each.latched_because ?? (each.not_ready_because.join("; ") || each.last_text || "–")}</td>
              </tr>
            ))}
          </Table>
        )}
      </Panel>
      <Panel title={t.docks} condition={picture.docks.size > 0 ? docks : null} t={t}>
        {picture.docks.size === 0 && <p className="empty">{t.noDocks}</p>}
        {picture.docks.size > 0 && (
          <Table name={t.docks} heads={[t.dock, t.state, t.heard, t.cover, t.pad, t.says]}>
            {[...picture.docks.values()].map((each) => (
              <tr key={each.id}>
                <th scope="row">{each.id}</th>
                <td>
                  <Lamp condition={dockCondition(each)} t={t} /> {each.is_silent && t.silent}
                </td>
                <td>{heard(each.heard_age_s)}</td>
                <td>{each.cover ?? "–"}</td>
                <td>{each.pad ?? "–"}</td>
                <td className="long">{[each.fault, each.failed, ...each.holds_back].filter(Boolean).join("; ") || "–"}</td>
              </tr>
            ))}
          </Table>
        )}
      </Panel>
    </>
  );
}
