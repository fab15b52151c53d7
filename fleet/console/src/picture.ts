// What the page knows: the last snapshot, kept current by deltas. Pure: a message and a picture in, a picture out.
import type {
  Alarm,
  GeoPoint,
  Incident,
  LinkView,
  LiveMessage,
  NodeView,
  Site,
  Task,
  TracksView,
  VehicleView,
  ZoneView,
} from "./contract";

const TRAIL_POINTS = 600; // two minutes at the feed's 5 Hz

export interface Picture {
  site: Site;
  link: LinkView;
  vehicles: ReadonlyMap<string, VehicleView>;
  trails: ReadonlyMap<string, readonly GeoPoint[]>;
  alarms: ReadonlyMap<string, Alarm>;
  incidents: ReadonlyMap<string, Incident>;
  tasks: ReadonlyMap<string, Task>;
  tracks: ReadonlyMap<string, TracksView>;
  nodes: ReadonlyMap<string, NodeView>;
  zones: ReadonlyMap<string, ZoneView>;
}

function keyed<T>(items: readonly T[], key: (item: T) => string): Map<string, T> {
  return new Map(items.map((item) => [key(item), item]));
}

function put<T>(map: ReadonlyMap<string, T>, key: string, value: T): Map<string, T> {
  return new Map(map).set(key, value);
}

function extended(trail: readonly GeoPoint[], position: GeoPoint | null): readonly GeoPoint[] {
  const last = trail.at(-1);
  if (!position || (last && last.lat_deg === position.lat_deg && last.lon_deg === position.lon_deg)) return trail;
  return [...trail.slice(-TRAIL_POINTS + 1), position];
}

/** The picture after one message; null stays null until the first snapshot. Unknown messages change nothing. */
export function next(picture: Picture | null, message: LiveMessage): Picture | null {
  if (message.type === "snapshot") {
    return {
      site: message.site,
      link: message.link,
      vehicles: keyed(message.vehicles, (v) => v.id),
      trails: picture?.trails ?? new Map(),
      alarms: keyed(message.alarms, (a) => a.alarm_id),
      incidents: keyed(message.incidents, (i) => i.incident_id),
      tasks: keyed(message.tasks, (t) => t.task_id),
      tracks: keyed(message.tracks, (t) => t.camera),
      nodes: keyed(message.nodes, (n) => n.id),
      zones: keyed(message.zones, (z) => z.id),
    };
  }
  if (!picture) return null;
  switch (message.type) {
    case "vehicle": {
      const vehicle = message.data;
      const trail = extended(picture.trails.get(vehicle.id) ?? [], vehicle.position);
      return {
        ...picture,
        vehicles: put(picture.vehicles, vehicle.id, vehicle),
        trails: put(picture.trails, vehicle.id, trail),
      };
    }
    case "alarm":
      return { ...picture, alarms: put(picture.alarms, message.data.alarm_id, message.data) };
    case "incident":
      return { ...picture, incidents: put(picture.incidents, message.data.incident_id, message.data) };
    case "task":
      return { ...picture, tasks: put(picture.tasks, message.data.task_id, message.data) };
    case "tracks":
      return { ...picture, tracks: put(picture.tracks, message.data.camera, message.data) };
    case "node":
      return { ...picture, nodes: put(picture.nodes, message.data.id, message.data) };
    case "zone":
      return { ...picture, zones: put(picture.zones, message.data.id, message.data) };
    case "link":
      return { ...picture, link: message.data };
    default:
      return picture;
  }
}

const LOUDNESS = { high: 0, medium: 1, low: 2 } as const;
const ATTENTION = { open: 0, acknowledged: 1, closed: 2 } as const;

/** Something happened at the site: no fault of the system, no bypass and no walk test. */
export function isAlarm(incident: Incident): boolean {
  return incident.kind === "intrusion" || incident.kind === "movement";
}

const UNJUDGED = 3;

/** Incidents as an operator works them: what nobody has seen first, then the most urgent, then loudest, then newest. */
export function queue(incidents: Iterable<Incident>): Incident[] {
  return [...incidents].sort(
    (a, b) =>
      ATTENTION[a.state] - ATTENTION[b.state] ||
      (a.priority?.level ?? UNJUDGED) - (b.priority?.level ?? UNJUDGED) ||
      LOUDNESS[a.severity] - LOUDNESS[b.severity] ||
      b.opened_at_us - a.opened_at_us ||
      a.incident_id.localeCompare(b.incident_id),
  );
}

/** Zones with an incident that nobody has closed. */
export function alarmedZones(incidents: Iterable<Incident>): Set<string> {
  const open = [...incidents].filter((i) => isAlarm(i) && i.state !== "closed");
  return new Set(open.flatMap((i) => i.zones ?? []));
}
