// Where it was at the chosen moment: sightings with their error, the way they came, and what our vehicles were told.
import { memo, useMemo } from "react";
import type { Alarm, GeoPoint, Incident, Site, VehicleView } from "../../contract";
import { fieldOfViewDeg, offset, wedge } from "../../geometry";
import { isEnded } from "./answers";
import { errorM, type Moment, walksUntil } from "./moments";
import { everySpot, frameOf, path, scaleM, type Spot, spotOf } from "./plan";
import { type TaskDetail, taskStateAt } from "./story";
import { fill, type Words, wordFor } from "./words";

const ASPECT = 1.5;
const LEAST_ERROR_M = 0.7;
const VIEW_M = 60;

interface Props {
  site: Site;
  incident: Incident;
  alarms: readonly Alarm[];
  moments: readonly Moment[];
  tasks: readonly TaskDetail[];
  vehicles: readonly VehicleView[]; // where they are now, of a task that goes on
  atUs: number;
  clock: (atUs: number) => string;
  t: Words;
}

export const SceneMap = memo(function SceneMap({ site, incident, alarms, moments, tasks, vehicles, atUs, clock, t }: Props) {
  const spot = (point: GeoPoint) => spotOf(site.origin, point);
  const told = incident.place ?? (moments.length === 0 ? (incident.sighting?.ground ?? null) : null);
  const frame = useMemo(() => {
    const ordered = tasks.flatMap(({ task }) => [task.target, task.stand_off]).filter((point) => point != null);
    const points = [...ordered, ...(told ? [told.point] : [])];
    return frameOf([...everySpot(site, moments), ...points.map((point) => spotOf(site.origin, point))], ASPECT);
  }, [site, moments, tasks, told]);
  if (frame === null) return <p className="quiet">{t.nowhere}</p>;

  const walks = walksUntil(moments, atUs);
  const here = walks.filter((walk) => walk.isNow);
  const unit = frame.width / 480; // of the drawing's own size, so that lines and letters stay as thick
  const ring = (points: readonly GeoPoint[]) => path(points.map(spot));
  const zones = new Set([...(incident.zones ?? []), ...alarms.flatMap((alarm) => alarm.zone ?? [])]);
  const scale = scaleM(frame.width);
  const label = (at: Spot, text: string, className: string, below = false) => (
    <text x={at.x + 7 * unit} y={at.y + (below ? 14 : -6) * unit} fontSize={11 * unit} className={className}>
      {text}
    </text>
  );
  return (
    <figure className="scene">
      <svg
        viewBox={`${frame.x} ${frame.y} ${frame.width} ${frame.height}`}
        role="img"
        aria-label={fill(t.mapName, { t: clock(atUs), n: here.length })}
        style={{ strokeWidth: 1.5 * unit }}
      >
        <polygon className="fence" points={ring(site.geofence.polygon)} />
        {(site.cameras ?? []).map((camera) => {
          if (!camera.pose) return null;
          const at = offset(site.origin, camera.pose.east_m, camera.pose.north_m);
          const view = wedge(at, camera.pose.heading_deg, fieldOfViewDeg(camera), VIEW_M);
          const points = view.map(([lon_deg, lat_deg]) => spot({ lat_deg, lon_deg }));
          return (
            <g key={camera.id}>
              <polygon className="view" points={path(points)} />
              <circle className="camera" cx={spot(at).x} cy={spot(at).y} r={3.5 * unit} />
              {label(spot(at), camera.id, "quiet", true)}
            </g>
          );
        })}
        {(site.buildings ?? []).map((building, index) => (
          <polygon key={index} className="building" points={ring(building.polygon)} />
        ))}
        {(site.zones ?? []).map((zone) =>
          zone.polygon ? <polygon key={zone.id} className={zones.has(zone.id) ? "zone alarmed" : "zone"} points={ring(zone.polygon)} /> : null,
        )}
        {(site.lines ?? []).map((each) =>
          each.points ? <polyline key={each.id} className={zones.has(each.id) ? "zone alarmed" : "zone"} points={ring(each.points)} /> : null,
        )}
        {tasks.map((detail) => {
          const { task } = detail;
          const state = taskStateAt(detail, atUs);
          if (state === null || !task.stand_off) return null;
          const from = spot(task.stand_off);
          const to = task.target ? spot(task.target) : null;
          const vehicle = vehicles.find((each) => each.id === task.vehicle);
          const now = vehicle?.position && !isEnded(task) ? spot(vehicle.position) : null;
          return (
            <g key={task.task_id} className="order">
              {to && <line x1={from.x} y1={from.y} x2={to.x} y2={to.y} strokeDasharray={`${4 * unit} ${3 * unit}`} />}
              <path d={`M${from.x} ${from.y - 6 * unit}l${6 * unit} ${6 * unit}-${6 * unit} ${6 * unit}-${6 * unit} -${6 * unit}z`} />
              {label(from, `${task.vehicle}: ${wordFor(t, "s_", state)}`, "ordered", true)}
              {now && (
                <g>
                  <circle cx={now.x} cy={now.y} r={6 * unit} />
                  {label(now, t.vehicleNow, "ordered")}
                </g>
              )}
            </g>
          );
        })}
        {walks.map((walk) => {
          const spots = walk.points.map(({ ground }) => spot(ground.point));
          const last = walk.points.at(-1);
          const at = spots.at(-1);
          if (!last || !at) return null;
          return (
            <g key={walk.key} className={walk.isNow ? "walk" : "walk gone"}>
              <polyline points={path(spots)} />
              {walk.isNow && <circle className="error" cx={at.x} cy={at.y} r={Math.max(LEAST_ERROR_M, errorM(last.ground))} />}
              <circle className="dot" cx={at.x} cy={at.y} r={2.5 * unit} />
              {walk.isNow && label(at, `${walk.label} ${walk.track} · ± ${errorM(last.ground).toFixed(1)} m`, "seen")}
            </g>
          );
        })}
        {told && (
          <g className="walk">
            <circle className="error" cx={spot(told.point).x} cy={spot(told.point).y} r={Math.max(LEAST_ERROR_M, errorM(told))} />
            {label(spot(told.point), incident.sensors?.length ? t.sensor : (incident.sighting?.label ?? ""), "seen")}
          </g>
        )}
        <g className="scale" transform={`translate(${frame.x + 10 * unit} ${frame.y + frame.height - 10 * unit})`}>
          <path d={`M0 ${-4 * unit}V0H${scale}V${-4 * unit}`} />
          <text x={scale + 5 * unit} y={0} fontSize={11 * unit}>
            {scale} m
          </text>
        </g>
      </svg>
      <figcaption className="quiet">
        <span className="mark ring">◯ {t.error}</span> <span>┄ {t.way}</span> <span>◇ {t.standOff}</span>
      </figcaption>
    </figure>
  );
});

