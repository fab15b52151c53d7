// The site plan as map layers: needs no tile server and no internet.
import type { Feature, FeatureCollection, LineString, Polygon } from "geojson";
import type { Map as MapLibre, StyleSpecification } from "maplibre-gl";
import type { Theme } from "../../theme";
import type { Camera, GeoPoint, Site, ZoneView } from "../../contract";
import type { Photo } from "../../surroundings";
import { closedRing, fieldOfViewDeg, offset, type Ring, wedge } from "../../geometry";

const FIXED_CAMERA_RANGE_M = 40; // how far the wedge is drawn, not how far the camera sees

function polygon(ring: Ring, properties: Record<string, unknown> = {}): Feature<Polygon> {
  return { type: "Feature", properties, geometry: { type: "Polygon", coordinates: [ring] } };
}

export function line(points: readonly GeoPoint[], properties: Record<string, unknown> = {}): Feature<LineString> {
  const coordinates = points.map((p) => [p.lon_deg, p.lat_deg]);
  return { type: "Feature", properties, geometry: { type: "LineString", coordinates } };
}

export function collection(features: Feature[] = []): FeatureCollection {
  return { type: "FeatureCollection", features };
}

/** Where a fixed camera stands; null for one that rides on a vehicle. */
export function cameraPosition(site: Site, camera: Camera): GeoPoint | null {
  return camera.pose ? offset(site.origin, camera.pose.east_m, camera.pose.north_m) : null;
}

/** Where a zone's or line's name stands: northmost, or at the camera in whose picture it is drawn. */
export function nameplate(site: Site, drawn: readonly GeoPoint[] | null | undefined, cameras: readonly string[]): GeoPoint | null {
  if (drawn) return [...drawn].sort((a, b) => b.lat_deg - a.lat_deg)[0] ?? null;
  const camera = (site.cameras ?? []).find(({ id }) => cameras.includes(id));
  return camera ? cameraPosition(site, camera) : null;
}

function cameraView(site: Site, camera: Camera): Feature<Polygon>[] {
  if (camera.footprint) return [polygon(closedRing(camera.footprint))];
  const from = cameraPosition(site, camera);
  if (!from || !camera.pose) return [];
  return [polygon(wedge(from, camera.pose.heading_deg, fieldOfViewDeg(camera), FIXED_CAMERA_RANGE_M))];
}

export function siteFeatures(site: Site): Record<"fence" | "noFly" | "buildings" | "views", FeatureCollection> {
  return {
    fence: collection([polygon(closedRing(site.geofence.polygon))]),
    noFly: collection((site.no_fly ?? []).map((area) => polygon(closedRing(area.polygon)))),
    buildings: collection((site.buildings ?? []).map((b) => polygon(closedRing(b.polygon)))),
    views: collection((site.cameras ?? []).flatMap((camera) => cameraView(site, camera))),
  };
}

export type ZoneState = "alarmed" | "bypassed" | "tested" | "set" | "unset";

/** An alarm is louder than a bypass, a bypass than being set. */
export function zoneState(zone: Pick<ZoneView, "is_set" | "bypassed_until_us" | "under_test_until_us"> | undefined, isAlarmed: boolean): ZoneState {
  if (isAlarmed) return "alarmed";
  if (zone?.bypassed_until_us != null) return "bypassed";
  if (zone?.under_test_until_us != null) return "tested";
  return zone?.is_set ? "set" : "unset";
}

/** Zones as areas, lines as lines; nothing of what is drawn in a camera's picture. */
export function zoneFeatures(site: Site, stateOf: (id: string) => ZoneState): FeatureCollection {
  const state = (id: string) => ({ state: stateOf(id) });
  return collection([
    ...(site.zones ?? []).flatMap((zone) => (zone.polygon ? [polygon(closedRing(zone.polygon), state(zone.id))] : [])),
    ...(site.lines ?? []).flatMap(({ id, points }) => (points ? [line(points, state(id))] : [])),
  ]);
}

const HATCH_PX = 12;

/** Diagonal lines: what is bypassed or under test, told apart without its colour. */
function hatch(): ImageData {
  const image = new ImageData(HATCH_PX, HATCH_PX);
  for (let y = 0; y < HATCH_PX; y++) {
    for (let x = 0; x < HATCH_PX; x++) {
      if ((x + y) % HATCH_PX < 3) image.data.set([150, 160, 172, 190], 4 * (y * HATCH_PX + x));
    }
  }
  return image;
}

const MAP_COLOURS: Record<Theme, Record<"ground" | "site" | "building" | "fence", string>> = {
  dark: { ground: "#12181f", site: "#19222b", building: "#3a4653", fence: "#5f7183" },
  light: { ground: "#dde4ea", site: "#f5f7f9", building: "#b4bfca", fence: "#5f7183" },
};

/** Between the ground and everything that is drawn: the plan's own areas let it through. */
export function layPhoto(map: MapLibre, photo: Photo | null, theme: Theme): void {
  if (!photo) return;
  if (!map.getSource("photo")) {
    const [one, two, three, four] = photo.corners.map((each): [number, number] => [each.lon_deg, each.lat_deg]);
    if (!one || !two || !three || !four) return;
    map.addSource("photo", { type: "image", url: photo.url, coordinates: [one, two, three, four] });
    map.addLayer({ id: "photo", type: "raster", source: "photo" }, "views");
    map.setPaintProperty("buildings", "fill-opacity", 0.35);
  }
  map.setPaintProperty("photo", "raster-brightness-max", theme === "dark" ? 0.55 : 1);
}

export function paintTheme(map: MapLibre, theme: Theme): void {
  const colours = MAP_COLOURS[theme];
  if (!map.hasImage("hatch")) map.addImage("hatch", hatch());
  map.setPaintProperty("ground", "background-color", colours.ground);
  map.setPaintProperty("fence-fill", "fill-color", colours.site);
  map.setPaintProperty("buildings", "fill-color", colours.building);
  map.setPaintProperty("fence-edge", "line-color", colours.fence);
}

const source = { type: "geojson" as const, data: collection() };
const byZoneState = (alarmed: string, set: string, unset: string) =>
  ["match", ["get", "state"], "alarmed", alarmed, "set", set, unset] as unknown as string;

export const STYLE: StyleSpecification = {
  version: 8,
  sources: {
    fence: source,
    noFly: source,
    buildings: source,
    views: source,
    zones: source,
    ghost: source,
  },
  layers: [
    { id: "ground", type: "background", paint: { "background-color": "#12181f" } },
    { id: "fence-fill", type: "fill", source: "fence", paint: { "fill-color": "#19222b" } },
    { id: "views", type: "fill", source: "views", paint: { "fill-color": "#7fb2d9", "fill-opacity": 0.1 } },
    {
      id: "zones",
      type: "fill",
      source: "zones",
      filter: ["==", ["geometry-type"], "Polygon"],
      paint: { "fill-color": byZoneState("#ff5247", "#f2b441", "#7c8794"), "fill-opacity": 0.2 },
    },
    {
      id: "zones-hatch",
      type: "fill",
      source: "zones",
      filter: ["all", ["==", ["geometry-type"], "Polygon"], ["in", ["get", "state"], ["literal", ["bypassed", "tested"]]]],
      paint: { "fill-pattern": "hatch" },
    },
    {
      id: "zones-unset-edge",
      type: "line",
      source: "zones",
      filter: ["==", ["get", "state"], "unset"],
      paint: { "line-color": "#7c8794", "line-width": 1.5, "line-dasharray": [2, 3] },
    },
    {
      id: "zones-edge",
      type: "line",
      source: "zones",
      filter: ["!=", ["get", "state"], "unset"],
      paint: { "line-color": byZoneState("#ff5247", "#f2b441", "#7c8794"), "line-width": ["match", ["get", "state"], "alarmed", 4, 2] },
    },
    { id: "buildings", type: "fill", source: "buildings", paint: { "fill-color": "#3a4653" } },
    { id: "no-fly", type: "fill", source: "noFly", paint: { "fill-color": "#d3504a", "fill-opacity": 0.16 } },
    {
      id: "no-fly-edge",
      type: "line",
      source: "noFly",
      paint: { "line-color": "#d3504a", "line-width": 1.5, "line-dasharray": [2, 2] },
    },
    {
      id: "fence-edge",
      type: "line",
      source: "fence",
      paint: { "line-color": "#5f7183", "line-width": 1.5, "line-dasharray": [4, 3] },
    },
    {
      id: "ghost",
      type: "line",
      source: "ghost",
      paint: {
        "line-color": ["match", ["get", "verdict"], "refuse", "#ff5247", "clip", "#f2b441", "#4fa8ff"],
        "line-width": 3,
        "line-dasharray": [2, 1.5],
      },
    },
  ],
};
