// Nodes with their cameras, and how long each step from a frame to its incident takes.
import type { NodeView } from "../../contract";
import type { Picture } from "../../picture";
import { age } from "../../words";
import { Lamp, Panel, Table } from "./parts";
import type { Rates } from "./rates";
import { type Condition, type CoordinatorView, feedCondition, hopTables, nodeCondition, wholeWayMs } from "./state";
import type { T } from "./words";

interface Props {
  picture: Picture;
  nowMs: number;
  t: T;
  rates: Rates;
  coordinator: CoordinatorView | null;
  condition: Condition;
}

export function Nodes({ picture, nowMs, t, rates, coordinator, condition }: Props) {
  const nodes = [...picture.nodes.values()];
  const cameras = nodes.flatMap((node) => node.feeds.map((feed) => ({ node, feed })));
  const hz = (value: number | null) => (value === null ? "–" : value.toFixed(1));
  const ms = (value: number | null | undefined) => (value == null ? "–" : `${value.toFixed(value < 10 ? 1 : 0)} ms`);
  return (
    <Panel title={t.nodes} condition={condition} t={t}>
      <Table name={t.nodes} heads={[t.node, t.state, t.heard, t.software, t.outbox, t.missing, t.settings]}>
        {nodes.map((node) => (
          <tr key={node.id}>
            <th scope="row">{node.id}</th>
            <td>
              <Lamp condition={nodeCondition(node)} t={t} /> {node.is_silent ? t.silent : node.state === null ? t.unknown : t[node.state]}
              {node.trouble && <small>{node.trouble}</small>}
            </td>
            <td>{node.heard_age_s === null ? t.never : t.ago(`${node.heard_age_s.toFixed(0)} s`)}</td>
            <td>{node.software || "–"}</td>
            <td>{node.outbox_rows ?? "–"}</td>
            <td>{node.missing.reduce((sum, range) => sum + range.last - range.first + 1, 0)}</td>
            <td>{settingsOf(node, t)}</td>
          </tr>
        ))}
      </Table>
      <Table
        name={t.camera}
        heads={[t.camera, t.node, t.state, t.fromCamera, t.judged, t.lastPicture, t.dropped, t.inference, t.wayToIncident]}
      >
        {cameras.map(({ node, feed }) => {
          const rate = rates.of(feed.camera, nowMs);
          const health = node.health.find((each) => each.camera === feed.camera);
          return (
            <tr key={feed.camera}>
              <th scope="row">{feed.camera}</th>
              <td>{node.id}</td>
              <td>
                <Lamp condition={feedCondition(feed.state)} t={t} /> {t[feed.state]}
                {node.bypassed?.includes(feed.camera) && <> · {t.bypassed}</>}
                {feed.detail && <small>{feed.detail}</small>}
              </td>
              <td>{hz(rate.decodedHz)}</td>
              <td>{hz(rate.usedHz)}</td>
              <td>{rate.lastNewMs === null ? "–" : t.ago(age(rate.lastNewMs * 1000, nowMs))}</td>
              <td>{health?.frames_dropped ?? "–"}</td>
              <td>{ms(health?.inference_ms)}</td>
              <td>{ms(wholeWayMs(coordinator, feed.camera))}</td>
            </tr>
          );
        })}
      </Table>
      <details open>
        <summary>{t.hops}</summary>
        <p className="quiet">{t.hopsSays}</p>
        {coordinator?.hops.length === 0 && <p className="empty">{t.noHops}</p>}
        {hopTables(coordinator).map(({ cameras: rows, hops, of }) => (
          <Table key={hops.join()} name={t.hops} heads={[t.camera, ...hops]}>
            {rows.map((camera) => (
              <tr key={camera}>
                <th scope="row">{camera ?? t.allCameras}</th>
                {hops.map((hop) => (
                  <td key={hop} title={`${of(camera, hop)?.count ?? 0} ${t.times}`}>
                    {ms(of(camera, hop)?.p50_ms)}
                    <small>{ms(of(camera, hop)?.p95_ms)}</small>
                  </td>
                ))}
              </tr>
            ))}
          </Table>
        ))}
      </details>
    </Panel>
  );
}

function settingsOf(node: NodeView, t: T): string {
  const { configuration } = node;
  if (!configuration || (configuration.desired_version === null && configuration.reported_version === null)) return t.ownFile;
  if (configuration.refused) return t.settingsRefused(configuration.refused.reason);
  const has = configuration.reported_version === null ? t.ownFile : `${configuration.reported_version}`;
  return configuration.is_waited_for ? t.settingsWaits(`${configuration.desired_version}`, has) : t.settingsVersion(has);
}
