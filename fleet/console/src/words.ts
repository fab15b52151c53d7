// Numbers and states in an operator's words. Unknown is a dash, never a zero.
import { locale, spoken } from "./language";
import type { Task } from "./contract";

export function metres(value: number | null | undefined, digits = 0): string {
  return value == null ? "–" : `${value.toFixed(digits)} m`;
}

export function percent(value: number | null | undefined): string {
  return value == null ? "–" : `${Math.round(value * 100)} %`;
}

export function seconds(us: number): string {
  return `${Math.max(us / 1e6, 0).toFixed(1)} s`;
}

export function bytes(value: number): string {
  if (value >= 1e6) return `${(value / 1e6).toFixed(1)} MB`;
  return value >= 1e3 ? `${(value / 1e3).toFixed(0)} kB` : `${value} bytes`;
}

/** How long since, in the largest fitting unit. */
export function age(sinceUs: number, nowMs: number): string {
  const seconds = Math.max(0, Math.round(nowMs / 1000 - sinceUs / 1e6));
  if (seconds < 60) return `${seconds} s`;
  if (seconds < 3600) return `${Math.floor(seconds / 60)} min`;
  return `${Math.floor(seconds / 3600)} h ${Math.floor((seconds % 3600) / 60)} min`;
}

export function ago(sinceUs: number, nowMs: number): string {
  return spoken() === "de" ? `vor ${age(sinceUs, nowMs)}` : `${age(sinceUs, nowMs)} ago`;
}

export function clockTime(timeMs: number, timeZone: string): string {
  return new Intl.DateTimeFormat(locale(), { timeZone, timeStyle: "medium" }).format(timeMs);
}

export function isFinal(task: Pick<Task, "state">): boolean {
  return ["done", "failed", "cancelled", "refused"].includes(task.state);
}
