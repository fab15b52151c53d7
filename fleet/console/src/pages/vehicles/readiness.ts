// How ready a vehicle is, as the coordinator says it: one word and the reasons.
import type { Task, VehicleView } from "../../contract";
import type { T } from "./words";

export type Readiness = "ready" | "notReady" | "held" | "linkDown" | "neverHeard";

export function readiness(vehicle: VehicleView): { word: Readiness; because: readonly string[] } {
  if (vehicle.heard_age_s === null) return { word: "neverHeard", because: vehicle.not_ready_because };
  if (vehicle.is_silent) return { word: "linkDown", because: vehicle.not_ready_because };
  if (vehicle.latched_because) return { word: "held", because: [vehicle.latched_because] };
  return { word: vehicle.not_ready_because.length > 0 ? "notReady" : "ready", because: vehicle.not_ready_because };
}

export function taskWords(task: Task | undefined, t: T): string {
  if (!task) return t.noTask;
  const name = task.kind === "patrol" && task.patrol ? `${t.k_patrol} ${task.patrol}` : t[`k_${task.kind}`];
  const said = task.progress || task.reason;
  return `${name}: ${t[`s_${task.state}`]}${said ? ` – ${said}` : ""}`;
}
