// A frame of the history as the map draws it, with the way each vehicle came.
import type { GeoPoint, HistoryFrame, Site } from "../../contract";
import type { MapScene } from "../watch/mapScene";

const TRAIL_US = 120_000_000; // two minutes, as at Watch
const APART_US = 3_000_000; // further apart, and the way between is not known: no line is drawn over it

interface Passed {
  atUs: number;
  point: GeoPoint;
}

export type Ways = ReadonlyMap<string, readonly Passed[]>;

/** Of each vehicle where it was of late. Backwards, or after a leap, they begin anew. */
export function extendedWays(ways: Ways, before: HistoryFrame | null, now: HistoryFrame): Ways {
  const leap = before === null || now.at_us <= before.at_us || now.at_us - before.at_us > APART_US;
  const next = new Map<string, readonly Passed[]>();
  for (const { id, position } of now.vehicles) {
    const passed = (leap ? [] : (ways.get(id) ?? [])).filter((each) => now.at_us - each.atUs <= TRAIL_US);
    if (position) next.set(id, [...passed, { atUs: now.at_us, point: position }]);
    else if (passed.length > 0) next.set(id, passed);
  }
  return next;
}

const NOTHING = new Map<string, never>();

export function emptyScene(site: Site): MapScene {
  return { site, vehicles: NOTHING, trails: NOTHING, tasks: NOTHING, tracks: NOTHING, siteTracks: NOTHING, zones: NOTHING, incidents: NOTHING };
}

export function sceneOf(site: Site, frame: HistoryFrame, ways: Ways): MapScene {
  return {
    site,
    vehicles: new Map(frame.vehicles.map((each) => [each.id, each])),
    trails: new Map([...ways].map(([id, passed]) => [id, passed.map((each) => each.point)])),
    tasks: new Map(frame.tasks.map((each) => [each.task_id, each])),
    tracks: NOTHING,
    siteTracks: new Map(frame.site_tracks.map((each) => [each.site_track_id, each])),
    zones: new Map(frame.zones.map((each) => [each.id, each])),
    incidents: NOTHING,
    alarmed: new Set(frame.zones.filter((zone) => zone.is_alarmed).map((zone) => zone.id)),
  };
}
