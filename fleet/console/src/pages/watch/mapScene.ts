// What a map of the site draws, whoever has it: the live picture, or a frame of the history.
import type { GeoPoint, Incident, Site, SiteTrack, Task, TracksView, VehicleView, ZoneView } from "../../contract";

export type MapVehicle = Pick<
  VehicleView,
  "id" | "kind" | "position" | "heading_deg" | "above_home_m" | "battery_frac" | "armed" | "is_silent" | "task_id"
>;
export type MapTask = Pick<Task, "task_id" | "kind" | "state" | "vehicle" | "target" | "stand_off">;
export type MapTrack = Pick<SiteTrack, "site_track_id" | "state" | "label" | "ground" | "explained_by">;
export type MapZone = Pick<ZoneView, "is_set" | "bypassed_until_us" | "under_test_until_us">;

export interface MapScene {
  site: Site;
  vehicles: ReadonlyMap<string, MapVehicle>;
  trails: ReadonlyMap<string, readonly GeoPoint[]>;
  tasks: ReadonlyMap<string, MapTask>;
  tracks: ReadonlyMap<string, TracksView>;
  siteTracks: ReadonlyMap<string, MapTrack>;
  zones: ReadonlyMap<string, MapZone>;
  incidents: ReadonlyMap<string, Incident>;
  alarmed?: ReadonlySet<string>; // zones, where the incidents do not say it
}

/** Whoever has the scenes: the live feed, or the player of the past. */
export interface Moving {
  onMotion: (listener: (scene: MapScene) => void) => () => void;
}
