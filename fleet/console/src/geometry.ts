// From the site file to shapes on the map. Display only: every decision about geometry is the coordinator's.
import type { Camera, GeoPoint, GroundFix, Site } from "./contract";

const METRES_PER_DEGREE_LAT = 111_132;

export type Ring = [number, number][];

/** Offset a point by metres east and north; good to a pixel over one site. */
export function offset(origin: GeoPoint, eastM: number, northM: number): GeoPoint {
  const metresPerDegreeLon = METRES_PER_DEGREE_LAT * Math.cos((origin.lat_deg * Math.PI) / 180);
  return {
    lat_deg: origin.lat_deg + northM / METRES_PER_DEGREE_LAT,
    lon_deg: origin.lon_deg + eastM / metresPerDegreeLon,
  };
}

/** Metres east and north of the origin: what `offset` takes. */
export function eastNorthM(origin: GeoPoint, point: GeoPoint): [number, number] {
  const metresPerDegreeLon = METRES_PER_DEGREE_LAT * Math.cos((origin.lat_deg * Math.PI) / 180);
  return [(point.lon_deg - origin.lon_deg) * metresPerDegreeLon, (point.lat_deg - origin.lat_deg) * METRES_PER_DEGREE_LAT];
}

export function distanceM(a: GeoPoint, b: GeoPoint): number {
  return Math.hypot(...eastNorthM(a, b));
}

export function closedRing(points: readonly GeoPoint[]): Ring {
  const ring: Ring = points.map((p) => [p.lon_deg, p.lat_deg]);
  const first = ring[0];
  return first ? [...ring, first] : ring;
}

/** Two standard deviations of a place, as it lies: half axes of its ellipse, each at least `leastM` so that it can be
 * seen, and how far the long one is turned from east, counterclockwise. */
export function axesOf(fix: GroundFix, leastM: number): { longM: number; shortM: number; turnRad: number } {
  const { var_east_m2: east, var_north_m2: north, cov_east_north_m2: both } = fix;
  const mean = (east + north) / 2;
  const spread = Math.hypot((east - north) / 2, both);
  return {
    longM: Math.max(leastM, 2 * Math.sqrt(Math.max(0, mean + spread))),
    shortM: Math.max(leastM, 2 * Math.sqrt(Math.max(0, mean - spread))),
    turnRad: 0.5 * Math.atan2(2 * both, east - north),
  };
}

/** A wedge: what a sensor at `from` with this field of view looks at, `rangeM` far. */
export function wedge(from: GeoPoint, headingDeg: number, fovDeg: number, rangeM: number): Ring {
  const steps = 12;
  const arc = Array.from({ length: steps + 1 }, (_, i) => {
    const angle = ((headingDeg - fovDeg / 2 + (fovDeg * i) / steps) * Math.PI) / 180;
    return offset(from, rangeM * Math.sin(angle), rangeM * Math.cos(angle));
  });
  return closedRing([from, ...arc]);
}

/** Horizontal field of view of a camera's lens, degrees. */
export function fieldOfViewDeg(camera: Camera): number {
  const lens = camera.lens;
  const halfWidth =
    lens.model === "opencv" ? lens.width_px / 2 / lens.fx_px : ((lens.width_px / 2) * lens.dpx_mm) / lens.focal_mm;
  return (2 * Math.atan(halfWidth) * 180) / Math.PI;
}

/** South-west and north-east corners of what happens on the site: the fence is far around it. */
export function bounds(site: Site): [[number, number], [number, number]] {
  const points = [
    ...(site.zones ?? []).flatMap((zone) => zone.polygon ?? []),
    ...(site.lines ?? []).flatMap((line) => line.points ?? []),
    ...(site.buildings ?? []).flatMap((building) => building.polygon),
    ...(site.docks ?? []).map((dock) => dock.position),
    ...(site.patrols ?? []).flatMap((patrol) => patrol.waypoints.map((waypoint) => waypoint.position)),
  ];
  const shown = points.length > 1 ? points : site.geofence.polygon;
  const lons = shown.map((p) => p.lon_deg);
  const lats = shown.map((p) => p.lat_deg);
  return [
    [Math.min(...lons), Math.min(...lats)],
    [Math.max(...lons), Math.max(...lats)],
  ];
}
