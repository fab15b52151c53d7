// How ready a vehicle is, as the coordinator says it: one word and the reasons.
import type { Task, VehicleView } from "../../contract";
import type { T } from "./words";

export type Readiness = "ready" | "atWork" | "notReady" | "held" | "linkDown" | "neverHeard";

/** `kept`: what the coordinator says keeps it from being sent now; unknown while it has not said so. */
export function readiness(vehicle: VehicleView, kept?: readonly string[]): { word: Readiness; because: readonly string[] } {
  if (vehicle.heard_age_s === null) return { word: "neverHeard", because: vehicle.not_ready_because };
  if (vehicle.is_silent) return { word: "linkDown", because: kept ?? vehicle.not_ready_because };
  if (vehicle.latched_because) return { word: "held", because: [vehicle.latched_because] };
  const because = kept ?? vehicle.not_ready_because;
  if (because.length === 0) return { word: "ready", because };
  return { word: vehicle.task_id !== null && vehicle.armed ? "atWork" : "notReady", because };
}

export function taskWords(task: Task | undefined, t: T): string {
  if (!task) return t.noTask;
  const name = task.kind === "patrol" && task.patrol ? `${t.k_patrol} ${task.patrol}` : t[`k_${task.kind}`];
  const said = task.progress || task.reason;
  return `${name}: ${t[`s_${task.state}`]}${said ? ` – ${said}` : ""}`;
}

/** Acts of a task in their order, and which of them is done, under way or still to come. */
export function steps(task: Task): { name: "s_created" | "s_accepted" | "s_executing" | "s_done"; is: "past" | "now" | "next" }[] {
  const names = ["s_created", "s_accepted", "s_executing", "s_done"] as const;
  const at = { created: 0, sent: 0, received: 0, accepted: 1, executing: 2, suspended: 2, done: 3, failed: 2, cancelled: 2, refused: 0 }[task.state];
  return names.map((name, index) => ({ name, is: index < at || task.state === "done" ? "past" : index === at ? "now" : "next" }));
}
