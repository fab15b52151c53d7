// The map: site plan, zones, vehicles with trails and orders, tracked people with their position error.
import {
  type GeoJSONSource,
  Map as MapLibre,
  Marker,
  NavigationControl,
  type PositionAnchor,
  ScaleControl,
  setWorkerUrl,
} from "maplibre-gl";
import "maplibre-gl/dist/maplibre-gl.css";
import workerUrl from "maplibre-gl/dist/maplibre-gl-worker.mjs?worker&url";
import { useEffect, useRef } from "react";
import type { GeoPoint, Site, TracksView, VehicleView } from "../../contract";
import { bounds, circle, wedge } from "../../geometry";
import { alarmedZones, type Picture } from "../../picture";
import { cameraPosition, collection, line, nameplate, siteFeatures, STYLE, zoneFeatures } from "./siteLayers";
import { isFinal, metres } from "../../words";

setWorkerUrl(workerUrl);

const MIN_CIRCLE_M = 0.7; // a fix better than this is still drawn as big as a person
const MAX_TRACK_AGE_US = 3_000_000;

const COPTER =
  '<svg viewBox="-16 -16 32 32"><circle r="13" fill="#0c1116" stroke="#4fd1a5" stroke-width="2"/><path d="M0-10 6 7 0 3-6 7z" fill="#4fd1a5"/></svg>';
const ROVER =
  '<svg viewBox="-16 -16 32 32"><rect x="-12" y="-12" width="24" height="24" rx="4" fill="#0c1116" stroke="#7fc4ff" stroke-width="2"/><path d="M0-8 6 7 0 3-6 7z" fill="#7fc4ff"/></svg>';
const TARGET =
  '<svg viewBox="-17 -17 34 34" fill="none" stroke="#ff6b61" stroke-width="2"><circle r="9"/><path d="M-16 0h9M16 0h-9M0-16v9M0 16V7"/></svg>';

type Pins = Map<string, Marker>;

interface Label {
  at: GeoPoint;
  className: string;
  html?: string;
  text?: string;
  anchor?: PositionAnchor;
}

function pin(map: MapLibre, pins: Pins, key: string, label: Label): HTMLElement {
  const { at, className, html = "", text, anchor = "center" } = label;
  let marker = pins.get(key);
  if (!marker) {
    const element = document.createElement("div");
    element.innerHTML = html;
    marker = new Marker({ element, anchor }).setLngLat([at.lon_deg, at.lat_deg]).addTo(map);
    pins.set(key, marker);
  }
  marker.setLngLat([at.lon_deg, at.lat_deg]);
  const element = marker.getElement();
  element.className = `maplibregl-marker ${className}`;
  if (text !== undefined) element.textContent = text;
  return element;
}

function prune(pins: Pins, prefix: string, keep: ReadonlySet<string>): void {
  for (const [key, marker] of pins) {
    if (key.startsWith(prefix) && !keep.has(key)) {
      marker.remove();
      pins.delete(key);
    }
  }
}

function fill(map: MapLibre, source: string, features: GeoJSON.Feature[]): void {
  map.getSource<GeoJSONSource>(source)?.setData(collection(features));
}

function shape(ring: [number, number][]): GeoJSON.Feature {
  return { type: "Feature", properties: {}, geometry: { type: "Polygon", coordinates: [ring] } };
}

function drawSite(map: MapLibre, pins: Pins, site: Site): void {
  const features = siteFeatures(site);
  for (const [name, data] of Object.entries(features)) map.getSource<GeoJSONSource>(name)?.setData(data);
  for (const dock of site.docks ?? []) {
    pin(map, pins, `dock/${dock.id}`, { at: dock.position, className: "tag dock", text: `⌂ ${dock.id}`, anchor: "left" });
  }
  for (const camera of site.cameras ?? []) {
    const at = cameraPosition(site, camera);
    if (at) pin(map, pins, `camera/${camera.id}`, { at, className: "tag camera", text: `${camera.id} ◉`, anchor: "right" });
  }
}

function drawZones(map: MapLibre, pins: Pins, picture: Picture): void {
  const alarmed = alarmedZones(picture.incidents.values());
  const set = new Set([...picture.zones.values()].filter((z) => z.is_set).map((z) => z.id));
  map.getSource<GeoJSONSource>("zones")?.setData(zoneFeatures(picture.site, set, alarmed));
  const zones = (picture.site.zones ?? []).map((zone) => ({ ...zone, points: zone.polygon }));
  for (const { id, name, points, cameras } of [...zones, ...(picture.site.lines ?? [])]) {
    const at = nameplate(picture.site, points, cameras);
    const state = alarmed.has(id) ? "alarm" : set.has(id) ? "set" : "unset";
    const className = `tag zone ${alarmed.has(id) ? "alarmed" : ""}`;
    const text = `${name} (${state})`;
    if (at) pin(map, pins, `zone/${id}`, { at, className, text, anchor: "bottom" });
  }
}

function drawVehicles(map: MapLibre, pins: Pins, picture: Picture): void {
  const located = [...picture.vehicles.values()].filter(
    (v): v is VehicleView & { position: GeoPoint } => v.position !== null,
  );
  for (const vehicle of located) {
    const flies = vehicle.kind === "ardupilot_copter";
    const html = `${flies ? COPTER : ROVER}<span class="tag"></span>`;
    const className = `vehicle ${vehicle.is_silent ? "stale" : ""}`;
    const element = pin(map, pins, `vehicle/${vehicle.id}`, { at: vehicle.position, className, html });
    const arrow = element.querySelector("svg");
    if (arrow) arrow.style.transform = `rotate(${vehicle.heading_deg ?? 0}deg)`;
    const label = element.querySelector("span");
    if (label) label.textContent = flies ? `${vehicle.id} ${metres(vehicle.above_home_m)}` : vehicle.id;
  }
  fill(map, "trails", [...picture.trails.values()].filter((t) => t.length > 1).map((t) => line(t)));
  const watching = located.filter((v) => v.armed && v.kind === "ardupilot_copter" && v.heading_deg !== null);
  const sensors = new Map((picture.site.vehicles ?? []).map((v) => [v.id, v]));
  fill(
    map,
    "footprints",
    watching.flatMap((v) => {
      const sensor = sensors.get(v.id);
      if (!sensor || v.heading_deg === null) return [];
      return [shape(wedge(v.position, v.heading_deg, sensor.sensor_fov_deg, sensor.sensor_range_m))];
    }),
  );
}

function drawOrders(map: MapLibre, pins: Pins, picture: Picture): void {
  const open = [...picture.tasks.values()].filter((t) => t.kind === "investigate" && !isFinal(t) && t.target);
  const kept = new Set<string>();
  const lines: GeoJSON.Feature[] = [];
  for (const task of open) {
    if (!task.target) continue;
    const key = `target/${task.task_id}`;
    kept.add(key);
    pin(map, pins, key, { at: task.target, className: "target", html: TARGET });
    const at = picture.vehicles.get(task.vehicle)?.position;
    if (at && task.stand_off) lines.push(line([at, task.stand_off]));
    if (task.stand_off) lines.push(line([task.stand_off, task.target]));
  }
  prune(pins, "target/", kept);
  fill(map, "orders", lines);
}

function drawTracks(map: MapLibre, pins: Pins, picture: Picture): void {
  const newestUs = Math.max(0, ...[...picture.tracks.values()].map((t) => t.captured_at_us));
  const fresh = (t: TracksView) => newestUs - t.captured_at_us < MAX_TRACK_AGE_US;
  const kept = new Set<string>();
  const shapes: GeoJSON.Feature[] = [];
  for (const tracks of [...picture.tracks.values()].filter(fresh)) {
    for (const seen of tracks.sightings) {
      if (!seen.ground) continue;
      const worst = Math.sqrt(Math.max(seen.ground.var_east_m2, seen.ground.var_north_m2));
      shapes.push(shape(circle(seen.ground.point, Math.max(MIN_CIRCLE_M, 2 * worst))));
      const key = `track/${tracks.camera}/${seen.track}`;
      kept.add(key);
      const text = `${seen.label} ${seen.track}`;
      pin(map, pins, key, { at: seen.ground.point, className: "tag track", text, anchor: "bottom-left" });
    }
  }
  prune(pins, "track/", kept);
  fill(map, "tracks", shapes);
}

export function SiteMap({ picture }: { picture: Picture }) {
  const container = useRef<HTMLDivElement>(null);
  const held = useRef<{ map: MapLibre; pins: Pins; isLoaded: boolean } | null>(null);
  const latest = useRef(picture);
  latest.current = picture;

  useEffect(() => {
    if (!container.current) return undefined;
    const map = new MapLibre({
      container: container.current,
      style: STYLE,
      bounds: bounds(latest.current.site),
      fitBoundsOptions: { padding: 70 },
      attributionControl: false,
      maxZoom: 22,
      dragRotate: false,
    });
    map.addControl(new NavigationControl({ showCompass: false }), "top-right");
    map.addControl(new ScaleControl(), "bottom-right");
    const mine = { map, pins: new Map<string, Marker>(), isLoaded: false };
    held.current = mine;
    map.on("load", () => {
      mine.isLoaded = true;
      drawSite(map, mine.pins, latest.current.site);
      draw(mine.map, mine.pins, latest.current);
    });
    return () => {
      held.current = null;
      map.remove();
    };
  }, []);

  useEffect(() => {
    if (held.current?.isLoaded) draw(held.current.map, held.current.pins, picture);
  }, [picture]);

  return <div ref={container} aria-label="Map of the site" role="application" />;
}

function draw(map: MapLibre, pins: Pins, picture: Picture): void {
  drawZones(map, pins, picture);
  drawVehicles(map, pins, picture);
  drawOrders(map, pins, picture);
  drawTracks(map, pins, picture);
}
