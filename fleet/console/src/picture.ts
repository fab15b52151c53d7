// What the page knows: the last snapshot, kept current by deltas. Pure: a message and a picture in, a picture out.
import type {
  Alarm,
  BypassView,
  DockView,
  GeoPoint,
  Incident,
  LinkView,
  LiveMessage,
  NodeView,
  RunView,
  Site,
  SiteTrack,
  Snapshot,
  Task,
  TracksView,
  VehicleView,
  WalkTestView,
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
  siteTracks: ReadonlyMap<string, SiteTrack>;
  docks: ReadonlyMap<string, DockView>;
  bypasses: ReadonlyMap<string, BypassView>;
  walkTests: ReadonlyMap<string, WalkTestView>;
  procedures: ReadonlyMap<string, RunView>; // by incident
}

function keyed<T>(items: readonly T[], key: (item: T) => string): Map<string, T> {
  return new Map(items.map((item) => [key(item), item]));
}

function extended(trail: readonly GeoPoint[], position: GeoPoint | null): readonly GeoPoint[] {
  const last = trail.at(-1);
  if (!position || (last && last.lat_deg === position.lat_deg && last.lon_deg === position.lon_deg)) return trail;
  return [...trail.slice(-TRAIL_POINTS + 1), position];
}

/** It tells only where something is: nothing that an operator must read at once. */
export function isMotion(message: LiveMessage): boolean {
  return ["vehicle", "tracks", "site_track"].includes(message.type);
}

/** The picture after one message; null stays null until the first snapshot. Unknown messages change nothing. */
export function next(picture: Picture | null, message: LiveMessage): Picture | null {
  return nextAll(picture, [message]);
}

/** The picture after a burst of messages, in their order; each map that changed is copied once. */
export function nextAll(picture: Picture | null, messages: readonly LiveMessage[]): Picture | null {
  let now = picture;
  let fresh = new Set<keyof Picture>();
  const own = <K extends keyof Picture>(held: Picture, key: K) => {
    if (!fresh.has(key)) {
      held[key] = new Map(held[key] as ReadonlyMap<string, unknown>) as unknown as Picture[K];
      fresh.add(key);
    }
    return held[key] as unknown as Map<string, unknown>;
  };
  for (const message of messages) {
    if (message.type === "snapshot") {
      now = begun(now, message);
      fresh = new Set();
      continue;
    }
    if (!now) continue;
    if (now === picture) now = { ...now };
    switch (message.type) {
      case "vehicle": {
        const vehicle = message.data;
        own(now, "trails").set(vehicle.id, extended(now.trails.get(vehicle.id) ?? [], vehicle.position));
        own(now, "vehicles").set(vehicle.id, vehicle);
        break;
      }
      case "site_track":
        if (message.data.state === "ended") own(now, "siteTracks").delete(message.data.site_track_id);
        else own(now, "siteTracks").set(message.data.site_track_id, message.data);
        break;
      case "alarm":
        own(now, "alarms").set(message.data.alarm_id, message.data);
        break;
      case "incident":
        own(now, "incidents").set(message.data.incident_id, message.data);
        break;
      case "task":
        own(now, "tasks").set(message.data.task_id, message.data);
        break;
      case "tracks":
        own(now, "tracks").set(message.data.camera, message.data);
        break;
      case "node":
        own(now, "nodes").set(message.data.id, message.data);
        break;
      case "zone":
        own(now, "zones").set(message.data.id, message.data);
        break;
      case "dock":
        own(now, "docks").set(message.data.id, message.data);
        break;
      case "bypass":
        own(now, "bypasses").set(message.data.bypass_id, message.data);
        break;
      case "walk_test":
        own(now, "walkTests").set(message.data.walk_test_id, message.data);
        break;
      case "procedure":
        own(now, "procedures").set(message.data.incident_id, message.data);
        break;
      case "link":
        now.link = message.data;
        break;
    }
  }
  return now;
}

function begun(before: Picture | null, message: Snapshot): Picture {
  return {
    site: message.site,
    link: message.link,
    vehicles: keyed(message.vehicles, (v) => v.id),
    trails: before?.trails ?? new Map(),
    alarms: keyed(message.alarms, (a) => a.alarm_id),
    incidents: keyed(message.incidents, (i) => i.incident_id),
    tasks: keyed(message.tasks, (t) => t.task_id),
    tracks: keyed(message.tracks, (t) => t.camera),
    nodes: keyed(message.nodes, (n) => n.id),
    zones: keyed(message.zones, (z) => z.id),
    siteTracks: keyed(message.site_tracks ?? [], (t) => t.site_track_id),
    docks: keyed(message.docks ?? [], (d) => d.id),
    bypasses: keyed(message.bypasses ?? [], (b) => b.bypass_id),
    walkTests: keyed(message.walk_tests ?? [], (w) => w.walk_test_id),
    procedures: keyed(message.procedures ?? [], (p) => p.incident_id),
  };
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
