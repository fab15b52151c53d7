// What the coordinator says of drafts: asked, never decided here.
import type { components } from "../../api";
import type { Site } from "../../contract";
import { answered } from "../../reading";
import type { Session } from "../../session";

type Schemas = components["schemas"];
export type Versions = Schemas["SiteVersions"];
export type VersionView = Schemas["SiteVersionView"];
export type VersionDetail = Schemas["SiteVersionDetail"];
export type Verdict = Schemas["SiteVerdict"];
export type Imported = Schemas["SiteImported"];
export type Changes = Schemas["SiteChanges"];
export type ProceduresVerdict = Schemas["ProceduresVerdict"];
export type Trial = Schemas["TrialView"];
export type PatrolPlan = Schemas["PatrolPlan"];
export type PlanImported = Schemas["PlanImported"];

const TIMEOUT_MS = 75_000; // a plan of patrols takes seconds

/** The answer; throws its one line when it is none. */
export async function ask<T>(path: string, session: Session | null, body?: unknown): Promise<T> {
  const headers: Record<string, string> = body === undefined ? {} : { "Content-Type": "application/json" };
  if (body !== undefined && session?.csrf) headers["X-CSRF-Token"] = session.csrf;
  const request: RequestInit = { headers, signal: AbortSignal.timeout(TIMEOUT_MS) };
  if (body !== undefined) Object.assign(request, { method: "POST", body: JSON.stringify(body) });
  return answered<T>(await fetch(`/api/v1${path}`, request));
}

export const judged = (site: Site, basedOn: number | null, session: Session | null) =>
  ask<Verdict>("/site/check", session, { site, based_on: basedOn });

export const wordsOf = (error: unknown): string => (error instanceof Error ? error.message : String(error));
