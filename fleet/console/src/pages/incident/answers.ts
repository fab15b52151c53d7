// What may be pressed now, and if not, why not. The coordinator has the last word on each; this says before what it would
// say after, so that nobody presses in vain. Pure.
import type { components } from "../../api";
import type { Alarm, Incident, Task } from "../../contract";
import type { Role } from "../../page";

export type RunView = components["schemas"]["RunView"];
export type Deed =
  | "acknowledge"
  | "assign"
  | "note"
  | "escalate"
  | "merge"
  | "split"
  | "close"
  | "dispatch"
  | "approveTask"
  | "approve"
  | "veto"
  | "stop"
  | "bypass"
  | "walkTest"
  | "report";

/** Keys of the page's words; null: it may be pressed. */
export type Obstacle =
  | "noLink"
  | "needsOperator"
  | "needsPilot"
  | "needsName"
  | "isClosed"
  | "allAcknowledged"
  | "isUnderWay"
  | "isNoAlarm"
  | "nothingWaits"
  | "nothingAsked"
  | "youApproved"
  | "procedureOver"
  | "byItself"
  | "oneAlarm"
  | "noOther"
  | "noZone";

export interface Now {
  incident: Incident;
  alarms: readonly Alarm[];
  tasks: readonly Task[];
  run: RunView | null;
  others: number; // open incidents that it could be merged with
  may: (role: Role) => boolean;
  name: string | null; // of whoever sits here
  isLive: boolean;
}

const ROLE: Partial<Record<Deed, Role>> = { dispatch: "pilot", approveTask: "pilot" };
const ENDED = new Set<Task["state"]>(["done", "failed", "cancelled", "refused"]);

export const isEnded = (task: Task) => ENDED.has(task.state);

export function obstacle(deed: Deed, now: Now): Obstacle | null {
  const role = deed === "approve" && now.run?.needs_pilot ? "pilot" : (ROLE[deed] ?? "operator");
  if (!now.may(role)) return role === "pilot" ? "needsPilot" : "needsOperator";
  if (deed === "report") return null;
  if (!now.isLive) return "noLink";
  if (!now.name) return "needsName";
  return OF[deed](now);
}

const isClosed = ({ incident }: Now): Obstacle | null => (incident.state === "closed" ? "isClosed" : null);
const isOfSite = ({ incident }: Now) => incident.kind === "intrusion" || incident.kind === "movement";

function asked(now: Now): Obstacle | null {
  if (!now.run || now.run.phase === "over") return "procedureOver";
  return now.run.phase === "doing" ? "nothingAsked" : null;
}

const OF: Record<Exclude<Deed, "report">, (now: Now) => Obstacle | null> = {
  acknowledge: (now) => isClosed(now) ?? (now.alarms.some((alarm) => alarm.state === "open") ? null : "allAcknowledged"),
  assign: isClosed,
  note: () => null, // of a closed one too
  escalate: isClosed,
  merge: (now) => isClosed(now) ?? (!isOfSite(now) ? "isNoAlarm" : now.others > 0 ? null : "noOther"),
  split: (now) => isClosed(now) ?? (now.alarms.length > 1 || now.incident.bypass || now.incident.walk_test ? null : "oneAlarm"),
  close: isClosed,
  dispatch: (now) => isClosed(now) ?? (!isOfSite(now) ? "isNoAlarm" : now.tasks.every(isEnded) ? null : "isUnderWay"),
  approveTask: (now) => (now.tasks.some((task) => task.state === "created") ? null : "nothingWaits"),
  approve: (now) => {
    const nothing = asked(now);
    if (nothing) return nothing;
    if (now.run?.phase === "announced") return "byItself";
    return now.run?.approved_by.some((name) => isSame(name, now.name)) ? "youApproved" : null;
  },
  veto: asked,
  stop: (now) => (!now.run || now.run.phase === "over" ? "procedureOver" : null),
  bypass: (now) => (now.incident.zones?.length || now.incident.sighting ? null : "noZone"),
  walkTest: (now) => (now.incident.zones?.length ? null : "noZone"),
};

/** As the coordinator compares two persons: one who writes his name in capitals is no second one. */
export const isSame = (a: string | null, b: string | null) => a !== null && b !== null && a.toLowerCase() === b.toLowerCase();

export type StepState = "past" | "now" | "ahead";

/** How long until the time of a phase is over, seconds, never below 0; null: it waits for ever. */
export function leftS(run: RunView, nowMs: number): number | null {
  return run.until_us === null ? null : Math.max(0, Math.round(run.until_us / 1e6 - nowMs / 1000));
}

export function elapsedFrac(run: RunView, nowMs: number): number | null {
  if (run.until_us === null || run.until_us <= run.since_us) return null;
  return Math.min(1, Math.max(0, (nowMs * 1000 - run.since_us) / (run.until_us - run.since_us)));
}

/** What closing still lacks, as the form says it before the coordinator would. */
export function closingLacks(disposition: string, cause: string, note: string): "cause" | "note" | null {
  if (disposition !== "nuisance") return null;
  if (!cause) return "cause";
  return cause === "other" && !note.trim() ? "note" : null;
}
