// Places of the site that have a name: for whoever orders by keyboard.
import type { Camera, GeoPoint, Site } from "../../contract";
import { cameraPosition } from "../watch/siteLayers";

export interface Place {
  id: string;
  kind: "camera" | "zone";
  name: string;
  point: GeoPoint;
}

/** The middle of what a camera is meant to watch, of a zone or of a line; a camera without that: where it stands. */
export function placesOf(site: Site): Place[] {
  const zones = [...(site.zones ?? []).map(({ id, name, polygon }) => ({ id, name, points: polygon })), ...(site.lines ?? [])];
  return [
    ...zones.flatMap(({ id, name, points }) => (points?.length ? [{ id, kind: "zone" as const, name, point: middle(points) }] : [])),
    ...(site.cameras ?? []).flatMap((camera) => {
      const point = watchedBy(site, camera);
      return point ? [{ id: camera.id, kind: "camera" as const, name: camera.id, point }] : [];
    }),
  ];
}

function watchedBy(site: Site, camera: Camera): GeoPoint | null {
  return camera.footprint?.length ? middle(camera.footprint) : cameraPosition(site, camera);
}

function middle(points: readonly GeoPoint[]): GeoPoint {
  const mean = (of: (point: GeoPoint) => number) => points.reduce((sum, point) => sum + of(point), 0) / points.length;
  return { lat_deg: mean((point) => point.lat_deg), lon_deg: mean((point) => point.lon_deg) };
}
