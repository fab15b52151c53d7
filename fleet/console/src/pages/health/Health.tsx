// Health: how every part of Vedette is. The live feed carries nodes, vehicles, docks and troubles; the rest is asked for.
import { useQuery } from "@tanstack/react-query";
import { useRef } from "react";
import { useWords } from "../../language";
import type { PageProps } from "../../page";
import { age, clockTime } from "../../words";
import { Fleet } from "./Fleet";
import "./health.css";
import { Nodes } from "./Nodes";
import { Lamp, Panel, Table } from "./parts";
import { Rates } from "./rates";
import { type Condition, type CoordinatorView, dockCondition, nodeCondition, sensorCondition, type SensorView, vehicleCondition, worst } from "./state";
import { WORDS } from "./words";

const ASK_EACH_MS = 5_000;
const QUARANTINE_ROWS = 20;

interface Quarantined {
  id: number;
  at_us: number;
  topic: string;
  reason: string;
  detail: string;
}

function useAsked<Answer>(path: string) {
  return useQuery({
    queryKey: ["health", path],
    queryFn: async (): Promise<Answer> => {
      const answer = await fetch(`/api/v1${path}`);
      if (!answer.ok) throw new Error(answer.statusText);
      return (await answer.json()) as Answer;
    },
    refetchInterval: ASK_EACH_MS,
    retry: false,
  });
}

export default function Health({ picture, nowMs }: PageProps) {
  const t = useWords(WORDS);
  const rates = useRef(new Rates());
  for (const node of picture.nodes.values()) rates.current.hear(node, nowMs);
  const coordinator = useAsked<CoordinatorView>("/coordinator");
  const sensors = useAsked<SensorView[]>("/sensors");
  const quarantine = useAsked<Quarantined[]>(`/quarantine?limit=${QUARANTINE_ROWS}`);
  const troubles = [...picture.incidents.values()].filter((each) => each.kind === "trouble" && each.state !== "closed");
  const own = ownCondition(picture.link, coordinator.data ?? null, coordinator.isError);
  const nodes = worst([...picture.nodes.values()].map(nodeCondition));
  const vehicles = worst([...picture.vehicles.values()].map(vehicleCondition));
  const docks = worst([...picture.docks.values()].map(dockCondition));
  const others = worst((sensors.data ?? []).map(sensorCondition));
  const whole = worst([own, nodes, vehicles, docks, others, troubles.length > 0 ? "warn" : "good"]);
  const zone = picture.site.time_zone;
  return (
    <section className="health" aria-labelledby="health-title">
      <h2 id="health-title">{t.title}</h2>
      <p className={`whole ${whole}`} role="status">
        <Lamp condition={whole} t={t} /> {{ good: t.allWell, warn: t.notAllWell, bad: t.someDown }[whole]}
      </p>
      <div className="pair">
        <Panel title={t.troubles} condition={null} t={t}>
          {troubles.length === 0 && <p className="empty">{t.noTroubles}</p>}
          <ul className="troubles">
            {troubles.map((each) => (
              <li key={each.incident_id}>
                <b>{each.title}</b>
                <br />
                {t.since} {clockTime(each.opened_at_us / 1000, zone)}, {age(each.opened_at_us, nowMs)}
                {each.zones.length > 0 && <> · {t.zonesUncovered(each.zones.join(", "))}</>}
              </li>
            ))}
          </ul>
        </Panel>
        <Panel title={t.coordinator} condition={own} t={t}>
          {coordinator.isError && <p role="alert">{t.notAnswered(t.coordinator)}</p>}
          <dl>
            <dt>{t.broker}</dt>
            <dd>{picture.link.broker_connected ? t.connected : t.notConnected}</dd>
            <dt>{t.store}</dt>
            <dd>{coordinator.data ? coordinator.data.store_problem || t.answers : t.notTold}</dd>
            <dt>{t.monitor}</dt>
            <dd>{picture.link.monitor_age_s === null ? t.notTold : t.monitorAge(`${picture.link.monitor_age_s.toFixed(1)} s`)}</dd>
            <dt>{t.heartbeat}</dt>
            <dd>{picture.link.heartbeat_allowed ? t.sent : t.notSent}</dd>
            <dt>{t.version}</dt>
            <dd>{coordinator.data?.version ?? t.notTold}</dd>
          </dl>
        </Panel>
      </div>
      <Nodes {...{ picture, nowMs, t, rates: rates.current, coordinator: coordinator.data ?? null, condition: nodes }} />
      <Fleet {...{ picture, t, vehicles, docks }} />
      <Panel title={t.sensors} condition={sensors.data?.length ? others : null} t={t}>
        {sensors.isError && <p role="alert">{t.notAnswered(t.sensors)}</p>}
        {sensors.data?.length === 0 && <p className="empty">{t.none}</p>}
        {!!sensors.data?.length && (
          <Table name={t.sensors} heads={[t.sensor, t.state, t.kind, t.guards, t.heard]}>
            {sensors.data.map((each) => (
              <tr key={each.id}>
                <th scope="row">{each.name}</th>
                <td>
                  <Lamp condition={sensorCondition(each)} t={t} />
                </td>
                <td>{each.kind.replaceAll("_", " ")}</td>
                <td>{each.zones.join(", ")}</td>
                <td>{each.heard_age_s === null ? t.never : t.ago(`${each.heard_age_s.toFixed(0)} s`)}</td>
              </tr>
            ))}
          </Table>
        )}
      </Panel>
      <Panel title={t.quarantine} condition={null} t={t}>
        <p className="quiet">{t.quarantineSays}</p>
        {quarantine.isError && <p role="alert">{t.notAnswered(t.quarantine)}</p>}
        {quarantine.data?.length === 0 && <p className="empty">{t.noQuarantine}</p>}
        {!!quarantine.data?.length && (
          <Table name={t.quarantine} heads={[t.when, t.topic, t.reason, t.detail]}>
            {quarantine.data.map((row) => (
              <tr key={row.id}>
                <td>{clockTime(row.at_us / 1000, zone)}</td>
                <td className="long">{row.topic}</td>
                <td>{row.reason}</td>
                <td className="long">{row.detail}</td>
              </tr>
            ))}
          </Table>
        )}
      </Panel>
    </section>
  );
}

function ownCondition(link: PageProps["picture"]["link"], coordinator: CoordinatorView | null, isDeaf: boolean): Condition {
  if (!link.broker_connected || !link.heartbeat_allowed || coordinator?.store_problem) return "bad";
  return isDeaf || link.monitor_age_s === null ? "warn" : "good";
}
