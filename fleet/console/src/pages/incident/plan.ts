// The ground of an incident in metres, for a small map without an engine. Pure.
import type { GeoPoint, Site } from "../../contract";
import { eastNorthM } from "../../geometry";
import { type Moment, walksUntil } from "./moments";

/** East and south of the origin, metres: as a picture has them. */
export interface Spot {
  x: number;
  y: number;
}

export function spotOf(origin: GeoPoint, point: GeoPoint): Spot {
  const [eastM, northM] = eastNorthM(origin, point);
  return { x: eastM, y: -northM };
}

export interface Frame {
  x: number;
  y: number;
  width: number;
  height: number;
}

const MARGIN_M = 8;
const LEAST_M = 40;

/** What must be in the picture, with a margin, in the shape of the panel. null: nothing has a place. */
export function frameOf(spots: readonly Spot[], aspect: number): Frame | null {
  if (spots.length === 0) return null;
  const [left, right] = [Math.min(...spots.map((s) => s.x)), Math.max(...spots.map((s) => s.x))];
  const [top, bottom] = [Math.min(...spots.map((s) => s.y)), Math.max(...spots.map((s) => s.y))];
  let width = Math.max(LEAST_M, right - left + 2 * MARGIN_M);
  let height = Math.max(LEAST_M / aspect, bottom - top + 2 * MARGIN_M);
  if (width / height < aspect) width = height * aspect;
  else height = width / aspect;
  return { x: (left + right - width) / 2, y: (top + bottom - height) / 2, width, height };
}

/** A round length for the scale, at most a third of the width. */
export function scaleM(widthM: number): number {
  return [100, 50, 20, 10, 5, 2].find((length) => length <= widthM / 3) ?? 1;
}

/** Everywhere that it was seen: the picture does not jump while the clip plays. */
export function everySpot(site: Site, moments: readonly Moment[]): Spot[] {
  return walksUntil(moments, Number.POSITIVE_INFINITY).flatMap((walk) => walk.points.map(({ ground }) => spotOf(site.origin, ground.point)));
}

export const path = (spots: readonly Spot[]) => spots.map(({ x, y }) => `${x.toFixed(2)},${y.toFixed(2)}`).join(" ");
