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
import { useTheme } from "../../theme";
import { WATCH } from "./words";
import type { GeoPoint, Site } from "../../contract";
import { bounds } from "../../geometry";
import { alarmedZones } from "../../picture";
import type { MapScene, Moving } from "./mapScene";
import { Movement, openOrders } from "./movement";
import { useSurroundings } from "../../surroundings";
import { cameraPosition, collection, layPhoto, line, nameplate, paintTheme, siteFeatures, STYLE, zoneFeatures, type ZoneState, zoneState } from "./siteLayers";

setWorkerUrl(workerUrl);

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

type States = ReadonlyMap<string, ZoneState>;

function statesOf(scene: MapScene): States {
  const alarmed = scene.alarmed ?? alarmedZones(scene.incidents.values());
  const all = [...(scene.site.zones ?? []), ...(scene.site.lines ?? [])];
  return new Map(all.map(({ id }) => [id, zoneState(scene.zones.get(id), alarmed.has(id))]));
}

function drawZones(map: MapLibre, pins: Pins, site: Site, states: States): void {
  const t = said(WATCH);
  const names: Record<ZoneState, string> = {
    alarmed: t.stateAlarm,
    bypassed: t.stateBypassed,
    tested: t.stateTest,
    set: t.stateSet,
    unset: t.stateUnset,
  };
  const state = (id: string) => states.get(id) ?? "unset";
  map.getSource<GeoJSONSource>("zones")?.setData(zoneFeatures(site, state));
  const zones = (site.zones ?? []).map((zone) => ({ ...zone, points: zone.polygon }));
  for (const { id, name, points, cameras } of [...zones, ...(site.lines ?? [])]) {
    const at = nameplate(site, points, cameras);
    const className = `tag zone ${state(id)}`;
    if (at) pin(map, pins, `zone/${id}`, { at, className, text: `${name} (${names[state(id)]})`, anchor: "bottom" });
  }
}

/** Where somebody is sent; the way there is drawn with the vehicles. */
function drawTargets(map: MapLibre, pins: Pins, scene: MapScene): void {
  const open = openOrders(scene);
  for (const { task_id: id, target } of open) pin(map, pins, `target/${id}`, { at: target, className: "target", html: TARGET });
  prune(pins, "target/", new Set(open.map(({ task_id: id }) => `target/${id}`)));
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
  const features = ghost && ghost.way.length > 1 ? [line(ghost.way, { verdict: ghost.verdict })] : [];
  map.getSource<GeoJSONSource>("ghost")?.setData(collection(features));
  if (target) pin(map, pins, "wish", { at: target, className: "target", html: TARGET });
  else prune(pins, "wish", new Set());
}

interface Held {
  map: MapLibre;
  pins: Pins;
  movement: Movement;
  states: States; // of the zones, as they are on the map
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
  const photo = useSurroundings()?.orthophoto ?? null;
  const looks = useRef({ theme, photo });
  looks.current = { theme, photo };
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
        fitBoundsOptions: { padding: { top: 70, right: 70, bottom: 110, left: 70 } }, // names hang below what they name
        attributionControl: false,
        maxZoom: 22,
        dragRotate: false,
        touchPitch: false,
        maxPitch: 0,
      });
      map.touchZoomRotate.disableRotation();
      map.keyboard.disableRotation();
    } catch {
      setBroken(true); // no WebGL: everything else works on
      return undefined;
    }
    map.addControl(new NavigationControl({ showCompass: false }), "top-right");
    map.addControl(new ScaleControl(), "bottom-right");
    const mine: Held = { map, pins: new Map(), movement: new Movement(map), states: new Map(), drawn: null, frame: 0 };
    let latest = first.current;
    let leave = () => undefined as unknown;
    const paint = () => {
      mine.frame = 0;
      draw(mine, latest);
    };
    map.on("load", () => {
      held.current = mine;
      paintTheme(map, looks.current.theme);
      layPhoto(map, looks.current.photo, looks.current.theme);
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
      mine.movement.remove();
      map.remove();
    };
  }, [feed]);

  useEffect(() => {
    const mine = held.current;
    if (!mine) return;
    paintTheme(mine.map, theme);
    layPhoto(mine.map, photo, theme);
    mine.movement.repaint();
    const { drawn } = mine;
    mine.drawn = null;
    if (drawn) draw(mine, drawn);
  }, [theme, language, photo]);

  useEffect(() => {
    if (held.current) drawGhost(held.current.map, held.current.pins, ghost, target);
  }, [ghost, target]);

  if (isBroken) return <p className="empty">This browser draws no map (WebGL does not start). Everything else works.</p>;
  return <div ref={container} />;
}

/** Only what changed since it was drawn last. */
function draw(mine: Held, now: MapScene): void {
  const { map, pins, movement, drawn } = mine;
  const changed = (...keys: (keyof MapScene)[]) => !drawn || keys.some((key) => drawn[key] !== now[key]);
  if (changed("site")) drawSite(map, pins, now.site);
  if (changed("site", "zones", "incidents", "alarmed")) {
    // An incident more in a zone that is in alarm anyway is no reason to paint the whole map.
    const states = statesOf(now);
    const isSame = !changed("site") && [...states].every(([id, state]) => mine.states.get(id) === state);
    if (!isSame) drawZones(map, pins, now.site, states);
    mine.states = states;
  }
  if (changed("tasks")) drawTargets(map, pins, now);
  if (changed("site", "vehicles", "trails", "tasks", "tracks", "siteTracks")) movement.draw(now);
  mine.drawn = now;
}
