// How well each part is, in three degrees, and the worst of them. What the coordinator said is only counted here.
import type { DockView, NodeView, VehicleView } from "../../contract";
import type { components } from "../../api";

export type SensorView = components["schemas"]["SensorView"];
export type CoordinatorView = components["schemas"]["CoordinatorView"];
export type Condition = "good" | "warn" | "bad";

/** A recording that ended is no fault, and yet nobody watches there any more. */
export function feedCondition(state: NodeView["feeds"][number]["state"]): Condition {
  if (state === "ok") return "good";
  return state === "ended" || state === "starting" ? "warn" : "bad";
}

export function nodeCondition(node: NodeView): Condition {
  if (node.is_silent || node.state === "offline" || node.state === null) return "bad";
  const waits = node.configuration?.is_waited_for || node.configuration?.refused;
  const own = node.trouble || waits || node.missing.length > 0 || node.state === "stopping" ? "warn" : "good";
  return worst([own, ...node.feeds.map((feed) => feedCondition(feed.state))]);
}

export function vehicleCondition(vehicle: VehicleView): Condition {
  if (vehicle.is_silent) return "bad";
  return vehicle.latched_because || vehicle.not_ready_because.length > 0 ? "warn" : "good";
}

export function dockCondition(dock: DockView): Condition {
  if (dock.is_silent || dock.fault || dock.failed) return "bad";
  return dock.fault === null || dock.holds_back.length > 0 ? "warn" : "good";
}

/** One that speaks seldom is not ill for being silent; the coordinator says which are. */
export function sensorCondition(sensor: SensorView): Condition {
  if (sensor.is_silent) return "bad";
  return sensor.heard_age_s === null ? "warn" : "good";
}

export function worst(conditions: readonly Condition[]): Condition {
  if (conditions.includes("bad")) return "bad";
  return conditions.includes("warn") ? "warn" : "good";
}

/** A camera's steps from its sensor to its incident, one after the other: the sum of their medians. */
export function wholeWayMs(coordinator: CoordinatorView | null, camera: string): number | null {
  const hops = coordinator?.hops.filter((hop) => hop.camera === camera) ?? [];
  return hops.length > 0 ? hops.reduce((sum, hop) => sum + hop.p50_ms, 0) : null;
}

type Hop = CoordinatorView["hops"][number];

interface HopTable {
  cameras: readonly (string | null)[];
  hops: readonly string[];
  of: (camera: string | null, hop: string) => Hop | undefined;
}

/** The steps of the cameras in one table, those behind them (of no camera) in another; in the order they are told. */
export function hopTables(coordinator: CoordinatorView | null): HopTable[] {
  const told = coordinator?.hops ?? [];
  const parts = [told.filter((hop) => hop.camera !== null), told.filter((hop) => hop.camera === null)];
  return parts
    .filter((part) => part.length > 0)
    .map((part) => ({
      cameras: [...new Set(part.map((hop) => hop.camera))],
      hops: [...new Set(part.map((hop) => hop.hop))],
      of: (camera, name) => part.find((hop) => hop.camera === camera && hop.hop === name),
    }));
}
