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
import { useEffect, useRef, useState } from "react";
import { said, useLanguage } from "../../language";
import { type Theme, useTheme } from "../../theme";
import { WATCH } from "./words";
import type { GeoPoint, Incident, Site, SiteTrack, Task, TracksView, VehicleView, ZoneView } from "../../contract";
import { bounds, circle, ellipse, wedge } from "../../geometry";
import { alarmedZones } from "../../picture";
import { cameraPosition, collection, line, nameplate, paintTheme, siteFeatures, STYLE, zoneFeatures, type ZoneState, zoneState } from "./siteLayers";
import { isFinal, metres, percent } from "../../words";

setWorkerUrl(workerUrl);

const MIN_CIRCLE_M = 0.7; // a fix better than this is still drawn as big as a person
const MAX_TRACK_AGE_US = 3_000_000;

const COPTER =
  '<svg viewBox="-16 -16 32 32"><circle r="13" fill="#0c1116" stroke="#4fd1a5" stroke-width="2"/><path d="M0-10 6 7 0 3-6 7z" fill="#4fd1a5"/></svg>';
const ROVER =
  '<svg viewBox="-16 -16 32 32"><rect x="-12" y="-12" width="24" height="24" rx="4" fill="#0c1116" stroke="#7fc4ff" stroke-width="2"/><path d="M0-8 6 7 0 3-6 7z" fill="#7fc4ff"/></svg>';
const TARGET =
  '<svg viewBox="-17 -17 34 34" fill="none" stroke="#ff6b61" stroke-width="2"><circle r="9"/><path d="M-16 0h9M16 0h-9M0-16v9M0 16V7"/></svg>';

type MapVehicle = Pick<
  VehicleView,
  "id" | "kind" | "position" | "heading_deg" | "above_home_m" | "battery_frac" | "armed" | "is_silent" | "task_id"
>;
type MapTask = Pick<Task, "task_id" | "kind" | "state" | "vehicle" | "target" | "stand_off">;
type MapTrack = Pick<SiteTrack, "site_track_id" | "state" | "label" | "ground" | "explained_by">;
type MapZone = Pick<ZoneView, "is_set" | "bypassed_until_us" | "under_test_until_us">;

/** What is drawn: of now the live picture, of then a frame of the history. */
export interface MapScene {
  site: Site;
  vehicles: ReadonlyMap<string, MapVehicle>;
  trails: ReadonlyMap<string, readonly GeoPoint[]>;
  tasks: ReadonlyMap<string, MapTask>;
  tracks: ReadonlyMap<string, TracksView>;
  siteTracks: ReadonlyMap<string, MapTrack>;
  zones: ReadonlyMap<string, MapZone>;
  incidents: ReadonlyMap<string, Incident>;
  alarmed?: ReadonlySet<string>; // zones, where the incidents do not say it
}

/** Whoever has the scenes: the live feed, or the player of the past. */
export interface Moving {
  onMotion: (listener: (scene: MapScene) => void) => () => void;
}

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
  const wanted = `maplibregl-marker ${className}`;
  if (element.className !== wanted) element.className = wanted;
  if (text !== undefined && element.textContent !== text) element.textContent = text;
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

function drawZones(map: MapLibre, pins: Pins, picture: MapScene): void {
  const t = said(WATCH);
  const names: Record<ZoneState, string> = {
    alarmed: t.stateAlarm,
    bypassed: t.stateBypassed,
    tested: t.stateTest,
    set: t.stateSet,
    unset: t.stateUnset,
  };
  const alarmed = picture.alarmed ?? alarmedZones(picture.incidents.values());
  const state = (id: string) => zoneState(picture.zones.get(id), alarmed.has(id));
  map.getSource<GeoJSONSource>("zones")?.setData(zoneFeatures(picture.site, state));
  const zones = (picture.site.zones ?? []).map((zone) => ({ ...zone, points: zone.polygon }));
  for (const { id, name, points, cameras } of [...zones, ...(picture.site.lines ?? [])]) {
    const at = nameplate(picture.site, points, cameras);
    const className = `tag zone ${state(id)}`;
    if (at) pin(map, pins, `zone/${id}`, { at, className, text: `${name} (${names[state(id)]})`, anchor: "bottom" });
  }
}

function drawVehicles(map: MapLibre, pins: Pins, picture: MapScene): void {
  prune(pins, "vehicle/", new Set([...picture.vehicles.keys()].map((id) => `vehicle/${id}`)));
  const located = [...picture.vehicles.values()].filter(
    (v): v is MapVehicle & { position: GeoPoint } => v.position !== null,
  );
  for (const vehicle of located) {
    const flies = vehicle.kind === "ardupilot_copter";
    const html = `${flies ? COPTER : ROVER}<span class="tag"></span>`;
    const className = `vehicle ${vehicle.is_silent ? "stale" : ""}`;
    const element = pin(map, pins, `vehicle/${vehicle.id}`, { at: vehicle.position, className, html });
    const arrow = element.querySelector("svg");
    if (arrow) arrow.style.transform = `rotate(${vehicle.heading_deg ?? 0}deg)`;
    const label = element.querySelector("span");
    const height = flies ? ` ${metres(vehicle.above_home_m)}` : "";
    const doing = picture.tasks.get(vehicle.task_id ?? "")?.kind;
    const words = said(WATCH);
    const text = `${vehicle.id}${height} · ${percent(vehicle.battery_frac)}${doing ? ` · ${words[doing]}` : ""}${vehicle.is_silent ? ` · ${words.silent}` : ""}`;
    if (label && label.textContent !== text) label.textContent = text;
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

function drawOrders(map: MapLibre, pins: Pins, picture: MapScene): void {
  const open = [...picture.tasks.values()].filter((t) => (t.kind === "investigate" || t.kind === "orbit") && !isFinal(t) && t.target);
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

const MOST_LABELS = 40; // more than these nobody reads; the ellipses are all drawn

function drawTracks(map: MapLibre, pins: Pins, picture: MapScene): void {
  const kept = new Set<string>();
  const shapes = picture.siteTracks.size > 0 ? siteTracks(map, pins, picture, kept) : cameraTracks(map, pins, picture, kept);
  prune(pins, "track/", kept);
  fill(map, "tracks", shapes);
}

/** One for each thing on the ground; faint where nobody sees it just now, or where it is one of ours. */
function siteTracks(map: MapLibre, pins: Pins, picture: MapScene, kept: Set<string>): GeoJSON.Feature[] {
  return [...picture.siteTracks.values()].map((track) => {
    if (kept.size < MOST_LABELS && track.state !== "tentative") {
      const key = `track/${track.site_track_id}`;
      kept.add(key);
      const text = `${track.label}${track.explained_by ? ` = ${track.explained_by}` : ""}${track.state === "coasting" ? " ?" : ""}`;
      pin(map, pins, key, { at: track.ground.point, className: "tag track", text, anchor: "bottom-left" });
    }
    const isSure = track.state === "confirmed" && !track.explained_by;
    return { ...shape(ellipse(track.ground, MIN_CIRCLE_M)), properties: { isSure } };
  });
}

/** Where the coordinator fuses nothing: what each camera says. */
function cameraTracks(map: MapLibre, pins: Pins, picture: MapScene, kept: Set<string>): GeoJSON.Feature[] {
  const newestUs = Math.max(0, ...[...picture.tracks.values()].map((t) => t.captured_at_us));
  const fresh = (t: TracksView) => newestUs - t.captured_at_us < MAX_TRACK_AGE_US;
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
  return shapes;
}

/** A way that is only thought of. */
export interface Ghost {
  way: readonly GeoPoint[];
  verdict: "approve" | "clip" | "refuse";
}

interface SiteMapProps {
  picture: MapScene;
  feed: Moving;
  ghost?: Ghost | null;
  target?: GeoPoint | null; // what the ghost is about
  onPick?: (point: GeoPoint) => void;
}

function drawGhost(map: MapLibre, pins: Pins, ghost: Ghost | null, target: GeoPoint | null): void {
  fill(map, "ghost", ghost && ghost.way.length > 1 ? [line(ghost.way, { verdict: ghost.verdict })] : []);
  if (target) pin(map, pins, "wish", { at: target, className: "target", html: TARGET });
  else prune(pins, "wish", new Set());
}

interface Held {
  map: MapLibre;
  pins: Pins;
  drawn: MapScene | null; // what is on the map; null: all anew
  frame: number;
}

export function SiteMap({ picture, feed, ghost = null, target = null, onPick }: SiteMapProps) {
  const container = useRef<HTMLDivElement>(null);
  const held = useRef<Held | null>(null);
  const [isBroken, setBroken] = useState(false);
  const first = useRef(picture);
  const theme = useTheme();
  const language = useLanguage();
  const latestTheme = useRef<Theme>(theme);
  latestTheme.current = theme;
  const wish = useRef({ ghost, target, onPick });
  wish.current = { ghost, target, onPick };

  useEffect(() => {
    if (!container.current) return undefined;
    let map: MapLibre;
    try {
      map = new MapLibre({
        container: container.current,
        style: STYLE,
        bounds: bounds(first.current.site),
        fitBoundsOptions: { padding: 70 },
        attributionControl: false,
        maxZoom: 22,
        dragRotate: false,
      });
    } catch {
      setBroken(true); // no WebGL: everything else works on
      return undefined;
    }
    map.addControl(new NavigationControl({ showCompass: false }), "top-right");
    map.addControl(new ScaleControl(), "bottom-right");
    const mine: Held = { map, pins: new Map(), drawn: null, frame: 0 };
    let latest = first.current;
    let leave = () => undefined as unknown;
    const paint = () => {
      mine.frame = 0;
      draw(mine, latest);
    };
    map.on("load", () => {
      held.current = mine;
      paintTheme(map, latestTheme.current);
      drawGhost(map, mine.pins, wish.current.ghost, wish.current.target);
      leave = feed.onMotion((now) => {
        latest = now;
        if (!mine.frame) mine.frame = requestAnimationFrame(paint);
      });
    });
    map.on("click", ({ lngLat }) => wish.current.onPick?.({ lat_deg: lngLat.lat, lon_deg: lngLat.lng }));
    return () => {
      leave();
      cancelAnimationFrame(mine.frame);
      held.current = null;
      map.remove();
    };
  }, [feed]);

  useEffect(() => {
    const mine = held.current;
    if (!mine) return;
    paintTheme(mine.map, theme);
    const { drawn } = mine;
    mine.drawn = null;
    if (drawn) draw(mine, drawn);
  }, [theme, language]);

  useEffect(() => {
    if (held.current) drawGhost(held.current.map, held.current.pins, ghost, target);
  }, [ghost, target]);

  if (isBroken) return <p className="empty">This browser draws no map (WebGL does not start). Everything else works.</p>;
  return <div ref={container} />;
}

/** Only what changed since it was drawn last. */
function draw(mine: Held, now: MapScene): void {
  const { map, pins, drawn } = mine;
  const changed = (...keys: (keyof MapScene)[]) => !drawn || keys.some((key) => drawn[key] !== now[key]);
  if (changed("site")) drawSite(map, pins, now.site);
  if (changed("site", "zones", "incidents", "alarmed")) drawZones(map, pins, now);
  if (changed("vehicles", "tasks")) drawVehicles(map, pins, now);
  if (changed("vehicles", "tasks")) drawOrders(map, pins, now);
  if (changed("siteTracks", "tracks")) drawTracks(map, pins, now);
  mine.drawn = now;
}
