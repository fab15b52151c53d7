// The coordinator's own types, generated from its OpenAPI document (`npm run types`); nothing is described twice.
import type { components } from "./api";

type Schemas = components["schemas"];
export type Site = Schemas["Site"];
export type Camera = Schemas["Camera"];
export type GeoPoint = Schemas["GeoPoint-Output"];
export type GroundFix = Schemas["GroundFix-Output"];
export type VehicleView = Schemas["VehicleView"];
export type TracksView = Schemas["TracksView"];
export type NodeView = Schemas["NodeView"];
export type ZoneView = Schemas["ZoneView"];
export type LinkView = Schemas["LinkView"];
export type Alarm = Schemas["Alarm"];
export type Incident = Schemas["Incident"];
export type Task = Schemas["Task"];
export type IncidentDetail = Schemas["IncidentDetail"];
export type EvidenceView = Schemas["EvidenceView"];
export type Disposition = Schemas["Disposition"];
export type SiteTrack = Schemas["SiteTrack"];
export type DockView = Schemas["DockView"];
export type BypassView = Schemas["BypassView"];
export type WalkTestView = Schemas["WalkTestView"];
export type RunView = Schemas["RunView"];
export type HistoryFrame = Schemas["HistoryFrame"];
export type HistoryPage = Schemas["HistoryPage"];
export type HistoryExtent = Schemas["HistoryExtent"];
export type Happened = Schemas["Happened"];
export type AlarmThen = Schemas["AlarmThen"];
export type Snapshot = Schemas["Snapshot"];

export type LiveMessage =
  | Snapshot
  | { type: "vehicle"; data: VehicleView }
  | { type: "alarm"; data: Alarm }
  | { type: "incident"; data: Incident }
  | { type: "task"; data: Task }
  | { type: "tracks"; data: TracksView }
  | { type: "node"; data: NodeView }
  | { type: "zone"; data: ZoneView }
  | { type: "site_track"; data: SiteTrack }
  | { type: "dock"; data: DockView }
  | { type: "bypass"; data: BypassView }
  | { type: "walk_test"; data: WalkTestView }
  | { type: "procedure"; data: RunView }
  | { type: "link"; data: LinkView };
