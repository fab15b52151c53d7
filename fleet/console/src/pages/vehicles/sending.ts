// An order that is only thought of, and what the coordinator foresees of it. Nothing is decided here but whether the
// button can be pressed: the coordinator judges the order again when it comes.
import type { components } from "../../api";
import type { GeoPoint } from "../../contract";
import type { Role } from "../../page";
import { answered } from "../../reading";
import type { Session } from "../../session";

export type Foresight = components["schemas"]["Foresight"];
export type What = Foresight["what"];
export const WHATS: readonly What[] = ["go_and_look", "orbit", "look", "hold", "return", "land"];

export interface Wish {
  vehicle: string;
  what: What;
  point: GeoPoint | null;
  radiusM: number;
  durationS: number;
}

export const FRESH_MS = 5_000; // an answer holds for its moment; it is asked anew each second or two
export const ASK_EACH_MS = 2_000;

export function needsPoint(what: What): boolean {
  return what === "go_and_look" || what === "orbit" || what === "look";
}

/** What is sent; null while something is missing. */
export function bodyOf(wish: Wish): Record<string, unknown> | null {
  if (!needsPoint(wish.what)) return { what: wish.what };
  if (!wish.point) return null;
  if (wish.what !== "orbit") return { what: wish.what, point: wish.point };
  if (!Number.isFinite(wish.radiusM) || !Number.isFinite(wish.durationS)) return null;
  return { what: wish.what, point: wish.point, radius_m: wish.radiusM, duration_s: wish.durationS };
}

/** Where the order goes: a task over the gate, or straight to the safety monitor. */
export function pathOf(wish: Wish): string {
  return needsPoint(wish.what) ? `/vehicles/${wish.vehicle}/tasks` : `/vehicles/${wish.vehicle}/${wish.what}`;
}

/** Who may give it. Holding and returning is for whoever is at the desk (SAFETY 6). */
export function roleOf(what: What): Role {
  return what === "hold" || what === "return" ? "operator" : "pilot";
}

/** Is a second press asked for? Not of what brings a vehicle to rest in the air or home (SAFETY 6). */
export function isConfirmed(what: What): boolean {
  return what !== "hold" && what !== "return";
}

/** Can the button be pressed? Coming to rest waits for no answer; all else for a fresh one that does not refuse. */
export function canGive(
  wish: Wish,
  answer: Foresight | null,
  { askedAtMs, nowMs, isLive, may }: { askedAtMs: number; nowMs: number; isLive: boolean; may: (role: Role) => boolean },
): boolean {
  if (!may(roleOf(wish.what))) return false;
  if (!needsPoint(wish.what)) return true;
  if (!isLive || bodyOf(wish) === null || answer === null || answer.verdict === "refuse") return false;
  return nowMs - askedAtMs <= FRESH_MS;
}

export type Sendable = components["schemas"]["SendableView"];

/** Of each vehicle what keeps it from being sent now. */
export async function sendable(): Promise<Sendable[]> {
  return answered<Sendable[]>(await fetch("/api/v1/sendable"));
}

export async function foresee(wish: Wish, session: Session | null, name: string): Promise<Foresight> {
  const headers: Record<string, string> = { "Content-Type": "application/json" };
  if (session?.csrf) headers["X-CSRF-Token"] = session.csrf;
  const person = session?.csrf ? {} : { by: name };
  const body = JSON.stringify({ ...bodyOf(wish), ...person });
  return answered<Foresight>(await fetch(`/api/v1/vehicles/${wish.vehicle}/preview`, { method: "POST", headers, body }));
}

/** A number that a person types; null for none. */
export function degrees(text: string, limit: number): number | null {
  const value = Number(text.replace(",", "."));
  return text.trim() !== "" && Number.isFinite(value) && Math.abs(value) <= limit ? value : null;
}

/** The point that was typed; null while it is half a point. */
export function pointOf({ lat, lon }: { lat: string; lon: string }): GeoPoint | null {
  const [lat_deg, lon_deg] = [degrees(lat, 90), degrees(lon, 180)];
  return lat_deg === null || lon_deg === null ? null : { lat_deg, lon_deg };
}

export function isSame(one: GeoPoint | null, other: GeoPoint | null): boolean {
  return one?.lat_deg === other?.lat_deg && one?.lon_deg === other?.lon_deg;
}

/** What another page asks for, to be looked at here before it is ordered: /vehicles?vehicle=…&what=look&lat=…&lon=… */
export function askedIn(query: URLSearchParams): { vehicle: string | null; what: What; point: GeoPoint | null } {
  const what = WHATS.find((each) => each === query.get("what")) ?? "go_and_look";
  return { vehicle: query.get("vehicle"), what, point: pointOf({ lat: query.get("lat") ?? "", lon: query.get("lon") ?? "" }) };
}
