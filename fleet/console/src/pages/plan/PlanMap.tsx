// The map of a draft: shapes, the corners of the chosen one to be dragged, what was before, routes and coverage.
import { type GeoJSONSource, Map as MapLibre, Marker, NavigationControl, ScaleControl, setWorkerUrl, type StyleSpecification } from "maplibre-gl";
import "maplibre-gl/dist/maplibre-gl.css";
import workerUrl from "maplibre-gl/dist/maplibre-gl-worker.mjs?worker&url";
import { useEffect, useRef } from "react";
import type { GeoPoint, Site } from "../../contract";
import { bounds, closedRing, offset } from "../../geometry";
import { type Fate, keyOf, type Shape } from "./draft";

setWorkerUrl(workerUrl);

export interface Drawn {
  shape: Shape;
  fate: Fate;
  was: Shape | null;
}

export interface Route {
  name: string;
  points: readonly GeoPoint[];
}

export interface Cell {
  ring: [number, number][];
  looks: number; // 0 to 1 of the most looks
}

interface Props {
  site: Site;
  drawn: readonly Drawn[];
  chosen: string | null;
  label: string;
  onChoose?: (key: string) => void;
  onMove?: (at: number, to: GeoPoint) => void;
  routes?: readonly Route[];
  cells?: readonly Cell[];
  isWhole?: boolean; // the geofence in view, not only what happens on the site
}

const viewOf = ({ site, isWhole = false }: Props): [[number, number], [number, number]] => {
  if (!isWhole) return bounds(site);
  const lons = site.geofence.polygon.map((p) => p.lon_deg);
  const lats = site.geofence.polygon.map((p) => p.lat_deg);
  return [[Math.min(...lons), Math.min(...lats)], [Math.max(...lons), Math.max(...lats)]];
};

const colour = (name: string, fallback: string) =>
  getComputedStyle(document.documentElement).getPropertyValue(name).trim() || fallback;

function style(): StyleSpecification {
  const empty = { type: "geojson" as const, data: { type: "FeatureCollection" as const, features: [] } };
  const [ground, ink, quiet] = [colour("--ground", "#0c1116"), colour("--ink", "#e8eef4"), colour("--quiet", "#9fb0bf")];
  const [warn, alarm, good, accent] = [colour("--warn", "#f2b441"), colour("--alarm", "#ff6b61"), colour("--good", "#4fd1a5"), colour("--accent", "#7fc4ff")];
  const byKind = ["match", ["get", "kind"], "zone", warn, "line", warn, "no_fly", alarm, "geofence", accent, "patrol", good, quiet] as unknown as string;
  const byFate = ["match", ["get", "fate"], "added", good, "removed", alarm, byKind] as unknown as string;
  return {
    version: 8,
    sources: { shapes: empty, before: empty, routes: empty, cells: empty },
    layers: [
      { id: "ground", type: "background", paint: { "background-color": ground } },
      { id: "cells", type: "fill", source: "cells", paint: { "fill-color": good, "fill-antialias": false, "fill-opacity": ["get", "looks"] as unknown as number } },
      { id: "areas", type: "fill", source: "shapes", filter: ["==", ["geometry-type"], "Polygon"], paint: { "fill-color": byFate, "fill-opacity": ["case", ["==", ["get", "kind"], "geofence"], 0.04, ["get", "chosen"], 0.35, 0.16] as unknown as number } },
      { id: "before", type: "line", source: "before", paint: { "line-color": ink, "line-width": 1.5, "line-dasharray": [2, 2] } },
      { id: "edges", type: "line", source: "shapes", filter: ["!=", ["geometry-type"], "Point"], paint: { "line-color": byFate, "line-width": ["case", ["get", "chosen"], 3.5, 1.8] as unknown as number } },
      { id: "points", type: "circle", source: "shapes", filter: ["==", ["geometry-type"], "Point"], paint: { "circle-color": byFate, "circle-radius": 6, "circle-stroke-color": ink, "circle-stroke-width": 1.5 } },
      { id: "routes", type: "line", source: "routes", paint: { "line-color": accent, "line-width": 2.5 } },
    ],
  };
}

function geometry({ form, points }: Shape): GeoJSON.Geometry {
  const pairs = points.map((p) => [p.lon_deg, p.lat_deg]);
  if (form === "area") return { type: "Polygon", coordinates: [closedRing(points)] };
  return form === "line" ? { type: "LineString", coordinates: pairs } : { type: "Point", coordinates: pairs[0] ?? [0, 0] };
}

function draw(map: MapLibre, { drawn, chosen, routes = [], cells = [] }: Props): void {
  const set = (name: string, features: GeoJSON.Feature[]) =>
    map.getSource<GeoJSONSource>(name)?.setData({ type: "FeatureCollection", features });
  set("shapes", drawn.map(({ shape, fate }) => ({
    type: "Feature",
    geometry: geometry(shape),
    properties: { key: keyOf(shape), kind: shape.kind, fate, chosen: keyOf(shape) === chosen },
  })));
  set("before", drawn.flatMap(({ was, fate }) => (was && fate === "moved" ? [{ type: "Feature" as const, geometry: geometry(was), properties: {} }] : [])));
  set("routes", routes.map((each) => ({ type: "Feature", properties: {}, geometry: { type: "LineString", coordinates: each.points.map((p) => [p.lon_deg, p.lat_deg]) } })));
  set("cells", cells.map(({ ring, looks }) => ({ type: "Feature", properties: { looks }, geometry: { type: "Polygon", coordinates: [ring] } })));
}

export function PlanMap(props: Props) {
  const container = useRef<HTMLDivElement>(null);
  const held = useRef<{ map: MapLibre; handles: Marker[]; names: Marker[]; isLoaded: boolean } | null>(null);
  const latest = useRef(props);
  latest.current = props;

  useEffect(() => {
    if (!container.current) return undefined;
    const map = new MapLibre({ container: container.current, style: style(), bounds: viewOf(latest.current), fitBoundsOptions: { padding: 60 }, attributionControl: false, maxZoom: 22, dragRotate: false });
    map.addControl(new NavigationControl({ showCompass: false }), "top-right");
    map.addControl(new ScaleControl(), "bottom-right");
    let isTouched = false; // until a person moves it, the whole site stays in view
    map.on("movestart", (event) => {
      isTouched ||= "originalEvent" in event && Boolean(event.originalEvent);
    });
    map.on("resize", () => {
      if (!isTouched) map.fitBounds(viewOf(latest.current), { padding: 60, animate: false });
    });
    const mine = { map, handles: [] as Marker[], names: [] as Marker[], isLoaded: false };
    held.current = mine;
    map.on("load", () => {
      mine.isLoaded = true;
      draw(map, latest.current);
    });
    for (const layer of ["areas", "edges", "points"]) {
      map.on("click", layer, (event) => {
        const found = event.features?.find((each) => each.properties.kind !== "geofence") ?? event.features?.[0];
        if (found) latest.current.onChoose?.(String(found.properties.key));
      });
    }
    const theme = new MutationObserver(() => {
      map.setStyle(style(), { diff: false });
      map.once("style.load", () => draw(map, latest.current));
    });
    theme.observe(document.documentElement, { attributes: true, attributeFilter: ["data-theme"] });
    return () => {
      theme.disconnect();
      held.current = null;
      map.remove();
    };
  }, []);

  useEffect(() => {
    const mine = held.current;
    if (!mine) return;
    if (mine.isLoaded) draw(mine.map, props);
    for (const old of [...mine.handles, ...mine.names]) old.remove();
    mine.names = props.drawn.flatMap(({ shape, fate }) => {
      const north = [...shape.points].sort((a, b) => b.lat_deg - a.lat_deg)[0];
      if (!north || shape.kind === "geofence") return [];
      const element = document.createElement("div");
      element.className = `plan-name ${fate}`;
      element.textContent = { same: shape.name, moved: `${shape.name} ↔`, added: `${shape.name} +`, removed: `${shape.name} ×` }[fate];
      return [new Marker({ element, anchor: "bottom", offset: [0, -11] }).setLngLat([north.lon_deg, north.lat_deg]).addTo(mine.map)];
    });
    for (const { id, pose } of props.site.cameras ?? []) {
      if (!pose) continue;
      const at = offset(props.site.origin, pose.east_m, pose.north_m);
      const element = document.createElement("div");
      element.className = "plan-name camera";
      element.textContent = `◉ ${id}`;
      mine.names.push(new Marker({ element, anchor: "right" }).setLngLat([at.lon_deg, at.lat_deg]).addTo(mine.map));
    }
    const shape = props.onMove ? props.drawn.find((each) => keyOf(each.shape) === props.chosen)?.shape : undefined;
    mine.handles = (shape?.points ?? []).map((point, at) => {
      const element = document.createElement("div");
      element.className = "plan-handle";
      element.textContent = String(at + 1);
      const marker = new Marker({ element, draggable: true }).setLngLat([point.lon_deg, point.lat_deg]).addTo(mine.map);
      marker.on("dragend", () => {
        const { lng, lat } = marker.getLngLat();
        latest.current.onMove?.(at, { lat_deg: lat, lon_deg: lng });
      });
      return marker;
    });
  }, [props.drawn, props.chosen, props.routes, props.cells]);

  return <div className="plan-map" ref={container} role="application" aria-label={props.label} />;
}
