// A draft of the site: shapes taken out, edited, put back. Pure; what is right the coordinator says.
import type { GeoPoint, Site } from "../../contract";
import { distanceM, offset } from "../../geometry";

export type Kind = "geofence" | "zone" | "line" | "no_fly" | "building" | "rally_point" | "dock" | "patrol";
export type Form = "area" | "line" | "point";

export interface Shape {
  kind: Kind;
  id: string;
  name: string;
  form: Form;
  points: readonly GeoPoint[];
}

export interface Draft {
  site: Site;
  basedOn: number | null;
}

export const LEAST: Record<Form, number> = { area: 3, line: 2, point: 1 };
export const NEW_KINDS: readonly Kind[] = ["zone", "line", "no_fly", "rally_point"];
const STEP_M = 12; // half the size of what is new

export const keyOf = (shape: Pick<Shape, "kind" | "id">): string => `${shape.kind}/${shape.id}`;

/** Everything on the ground that can be drawn, in the order of the site file. */
export function shapesOf(site: Site): Shape[] {
  const found: Shape[] = [{ kind: "geofence", id: "geofence", name: "geofence", form: "area", points: site.geofence.polygon }];
  for (const { id, name, polygon } of site.zones ?? []) {
    if (polygon) found.push({ kind: "zone", id, name, form: "area", points: polygon });
  }
  for (const { id, name, points } of site.lines ?? []) {
    if (points) found.push({ kind: "line", id, name, form: "line", points });
  }
  for (const { id, polygon } of site.no_fly ?? []) found.push({ kind: "no_fly", id, name: id, form: "area", points: polygon });
  for (const { id, polygon } of site.buildings ?? []) found.push({ kind: "building", id, name: id, form: "area", points: polygon });
  for (const { id, position } of site.rally_points ?? []) {
    found.push({ kind: "rally_point", id, name: id, form: "point", points: [position] });
  }
  for (const { id, position } of site.docks ?? []) found.push({ kind: "dock", id, name: id, form: "point", points: [position] });
  for (const { id, waypoints } of site.patrols ?? []) {
    found.push({ kind: "patrol", id, name: id, form: "line", points: waypoints.map((each) => each.position) });
  }
  return found;
}

export function rounded(point: GeoPoint): GeoPoint {
  const digits = (value: number) => Math.round(value * 1e7) / 1e7;
  return { lat_deg: digits(point.lat_deg), lon_deg: digits(point.lon_deg) };
}

export function moved(points: readonly GeoPoint[], at: number, to: GeoPoint): GeoPoint[] {
  return points.map((each, i) => (i === at ? rounded(to) : each));
}

/** A corner more, half way to the next; at the end of a line, beyond it. */
export function insertedAfter(points: readonly GeoPoint[], at: number, form: Form): GeoPoint[] {
  const here = points[at];
  if (!here || form === "point") return [...points];
  const next = points[at + 1] ?? (form === "area" ? points[0] : undefined);
  const before = points[at - 1] ?? here;
  const between = next
    ? { lat_deg: (here.lat_deg + next.lat_deg) / 2, lon_deg: (here.lon_deg + next.lon_deg) / 2 }
    : { lat_deg: 1.5 * here.lat_deg - 0.5 * before.lat_deg, lon_deg: 1.5 * here.lon_deg - 0.5 * before.lon_deg };
  return [...points.slice(0, at + 1), rounded(between), ...points.slice(at + 1)];
}

/** One corner less; the same again where the form would be none any more. */
export function removedPoint(points: readonly GeoPoint[], at: number, form: Form): GeoPoint[] {
  return points.length <= LEAST[form] ? [...points] : points.filter((_, i) => i !== at);
}

const put = <T extends { id: string }>(all: readonly T[] | undefined, id: string, change: Partial<T>): T[] =>
  (all ?? []).map((each) => (each.id === id ? { ...each, ...change } : each));

const without = <T extends { id: string }>(all: readonly T[] | undefined, id: string): T[] =>
  (all ?? []).filter((each) => each.id !== id);

/** The site with other points of one shape. A patrol's stays remain with their waypoints. */
export function withPoints(site: Site, { kind, id }: Pick<Shape, "kind" | "id">, points: readonly GeoPoint[]): Site {
  const drawn = [...points];
  const first = drawn[0];
  switch (kind) {
    case "geofence":
      return { ...site, geofence: { ...site.geofence, polygon: drawn } };
    case "zone":
      return { ...site, zones: put(site.zones, id, { polygon: drawn }) };
    case "line":
      return { ...site, lines: put(site.lines, id, { points: drawn }) };
    case "no_fly":
      return { ...site, no_fly: put(site.no_fly, id, { polygon: drawn }) };
    case "building":
      return { ...site, buildings: put(site.buildings, id, { polygon: drawn }) };
    case "rally_point":
      return first ? { ...site, rally_points: put(site.rally_points, id, { position: first }) } : site;
    case "dock":
      return first ? { ...site, docks: put(site.docks, id, { position: first }) } : site;
    case "patrol":
      return { ...site, patrols: (site.patrols ?? []).map((each) => (each.id === id ? restayed(each, drawn) : each)) };
  }
}

const MOST_LOOKS = 8; // of a waypoint

type Patrol = NonNullable<Site["patrols"]>[number];

function restayed(patrol: Patrol, points: readonly GeoPoint[]): Patrol {
  const old = patrol.waypoints;
  const isSameLength = old.length === points.length;
  const waypoints = points.map((position, i) => {
    const stay = isSameLength
      ? old[i]
      : old.find((each) => each.position.lat_deg === position.lat_deg && each.position.lon_deg === position.lon_deg);
    return { position, dwell_s: stay?.dwell_s ?? 0, look_deg: stay?.look_deg ?? [] };
  });
  return { ...patrol, waypoints };
}

/** A name that is free: zone-1, zone-2. */
export function freeId(site: Site, kind: Kind): string {
  const taken = new Set([...shapesOf(site).map((each) => each.id), ...(site.zones ?? []).map((each) => each.id)]);
  const stem = kind.replace("_", "-");
  let number = 1;
  while (taken.has(`${stem}-${number}`)) number += 1;
  return `${stem}-${number}`;
}

/** The site with something new round `centre`, and its id. Who covers a new zone is for a person to say: all fixed cameras. */
export function added(site: Site, kind: Kind, centre: GeoPoint): { site: Site; id: string } {
  const id = freeId(site, kind);
  const at = (east: number, north: number) => rounded(offset(centre, east * STEP_M, north * STEP_M));
  const square = [at(-1, -1), at(1, -1), at(1, 1), at(-1, 1)];
  const cameras = (site.cameras ?? []).filter((each) => each.pose).map((each) => each.id);
  const watched = { id, name: id, cameras, labels: ["person" as const], severity: "high" as const, initially_set: true };
  switch (kind) {
    case "zone":
      return { id, site: { ...site, zones: [...(site.zones ?? []), { ...watched, polygon: square, dwell_s: 0.5 } as Zone] } };
    case "line":
      return { id, site: { ...site, lines: [...(site.lines ?? []), { ...watched, points: [at(-1, 0), at(1, 0)], direction: "either" } as Line] } };
    case "no_fly":
      return { id, site: { ...site, no_fly: [...(site.no_fly ?? []), { id, polygon: square }] } };
    case "rally_point":
      return { id, site: { ...site, rally_points: [...(site.rally_points ?? []), { id, position: rounded(centre) }] } };
    default:
      return { id, site };
  }
}

type Zone = NonNullable<Site["zones"]>[number];
type Line = NonNullable<Site["lines"]>[number];

export function removed(site: Site, { kind, id }: Pick<Shape, "kind" | "id">): Site {
  switch (kind) {
    case "zone":
      return { ...site, zones: without(site.zones, id) };
    case "line":
      return { ...site, lines: without(site.lines, id) };
    case "no_fly":
      return { ...site, no_fly: without(site.no_fly, id) };
    case "building":
      return { ...site, buildings: without(site.buildings, id) };
    case "rally_point":
      return { ...site, rally_points: without(site.rally_points, id) };
    case "patrol":
      return { ...site, patrols: without(site.patrols, id) };
    default:
      return site; // a site has one geofence, and vehicles stand in docks
  }
}

export type Fate = "same" | "moved" | "added" | "removed";

/** For the map: what became of each shape. What it means in metres the coordinator says. */
export function compared(before: Site, after: Site): { shape: Shape; fate: Fate; was: Shape | null }[] {
  const old = new Map(shapesOf(before).map((each) => [keyOf(each), each]));
  const now = shapesOf(after);
  const kept = now.map((shape) => {
    const was = old.get(keyOf(shape)) ?? null;
    const isSame = was?.points.length === shape.points.length && was.points.every((p, i) => apartM(p, shape.points[i]) < 0.02);
    return { shape, was, fate: was ? (isSame ? ("same" as const) : ("moved" as const)) : ("added" as const) };
  });
  const names = new Set(now.map(keyOf));
  const gone = [...old.values()].filter((each) => !names.has(keyOf(each)));
  return [...kept, ...gone.map((shape) => ({ shape, was: shape, fate: "removed" as const }))];
}

const apartM = (a: GeoPoint, b: GeoPoint | undefined) => (b ? distanceM(a, b) : Infinity);

// Kept in the browser, so that no change of page loses it.
const PLACE = "vedette.plan.draft.";

export function keep(draft: Draft | null, siteId: string, store: Storage = localStorage): void {
  if (draft) store.setItem(PLACE + siteId, JSON.stringify(draft));
  else store.removeItem(PLACE + siteId);
}

export function kept(siteId: string, store: Storage = localStorage): Draft | null {
  try {
    const found = JSON.parse(store.getItem(PLACE + siteId) ?? "null") as Draft | null;
    return found?.site?.id && found.site.geofence ? found : null;
  } catch {
    return null;
  }
}

/** Directions as somebody types them, clockwise from north: "0, 90 180"; null for what is none. */
export function looksOf(text: string): number[] | null {
  const found = text.split(/[\s,;]+/).filter(Boolean).map(Number);
  return found.length <= MOST_LOOKS && found.every((deg) => deg >= 0 && deg < 360) ? found : null;
}
