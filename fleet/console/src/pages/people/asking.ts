// What the people page asks the coordinator, in the API's own types.
import type { components } from "../../api";
import { answered } from "../../reading";
import type { Session } from "../../session";

type Schemas = components["schemas"];
export type Person = Schemas["PersonView"];
export type Token = Schemas["TokenView"];
export type Role = Schemas["Role"];
export type Invitation = Schemas["Invitation"];
export type MadeToken = Schemas["MadeToken"];

export const ROLES: readonly Role[] = ["viewer", "operator", "pilot", "supervisor", "admin"];

export async function read<T>(path: string): Promise<T> {
  return answered<T>(await fetch(`/api/v1${path}`));
}

/** Throws what the coordinator says against it. */
export async function change<T>(session: Session | null, path: string, body: Record<string, unknown>): Promise<T> {
  const headers = { "Content-Type": "application/json", "X-CSRF-Token": session?.csrf ?? "" };
  return answered<T>(await fetch(`/api/v1${path}`, { method: "POST", headers, body: JSON.stringify(body) }));
}

/** The secret stands behind the #, so that it is in nobody's log of requests. */
export function linkOf(origin: string, secret: string): string {
  return `${origin}/#set-up=${secret}`;
}

/** Rules of the routes that this person's tokens may open; the coordinator judges it again. */
export function scopesOf(person: Person): Role[] {
  const of: Record<Role, Role[]> = {
    viewer: ["viewer"],
    operator: ["viewer", "operator"],
    pilot: ["viewer", "operator", "pilot"],
    supervisor: ["viewer", "operator", "supervisor"],
    admin: ["viewer", "operator", "supervisor", "admin"],
  };
  const may = new Set([...of[person.role], ...(person.is_pilot ? of.pilot : [])]);
  return ROLES.filter((role) => may.has(role));
}
