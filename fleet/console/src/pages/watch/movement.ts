// What moves, drawn over the map on a canvas of its own: vehicles with trail, view and order, and what is followed with
// its position error. The map engine would paint its whole picture anew for each movement; this costs what moves.
import type { Map as MapLibre } from "maplibre-gl";
import type { GeoPoint, GroundFix } from "../../contract";
import { axesOf, eastNorthM, offset } from "../../geometry";
import { said } from "../../language";
import { isFinal, metres, percent } from "../../words";
import type { MapScene, MapVehicle } from "./mapScene";
import { WATCH } from "./words";

const MIN_RADIUS_M = 0.7; // a fix better than this is still drawn as big as a person
const MIN_RADIUS_PX = 3; // and from far above as a dot
const MAX_TRACK_AGE_US = 3_000_000;
const LABEL_PX = 18; // high
const FAR_M = 1_000;
const TRACK = "#ff8a3d";
const ARROW_PX = [[0, -10], [6, 7], [0, 3], [-6, 7]] as const; // its nose up
const ICON_PX = 13;

/** Where metres east and north of the site's origin are on the screen. The map neither turns nor tilts: this is exact to
 * a fraction of a pixel over a site. */
export interface ToScreen {
  x: number; // of the origin
  y: number;
  pxPerM: number;
}

export function toScreen(map: Pick<MapLibre, "project">, origin: GeoPoint): ToScreen {
  const { x, y } = map.project([origin.lon_deg, origin.lat_deg]);
  const east = offset(origin, FAR_M, 0);
  return { x, y, pxPerM: (map.project([east.lon_deg, east.lat_deg]).x - x) / FAR_M };
}

type Colours = Record<"ink" | "onMap" | "good" | "accent" | "ground" | "stale", string>;
type Located = MapVehicle & { position: GeoPoint };

/** Of one map; `remove` takes it off again. */
export class Movement {
  private readonly canvas = document.createElement("canvas");
  private readonly pen: CanvasRenderingContext2D | null;
  private readonly widths = new Map<string, number>(); // of labels, px
  private scene: MapScene | null = null;
  private colours: Colours;

  constructor(private readonly map: MapLibre) {
    this.canvas.className = "movement";
    map.getCanvasContainer().append(this.canvas);
    // Drawn by the processor: a few strokes, where a graphics card that is only played would take long for each.
    this.pen = this.canvas.getContext("2d", { willReadFrequently: true });
    this.colours = this.readColours();
    map.on("move", this.redraw);
    map.on("resize", this.redraw);
  }

  remove(): void {
    this.map.off("move", this.redraw);
    this.map.off("resize", this.redraw);
    this.canvas.remove();
  }

  /** After the theme has changed. */
  repaint(): void {
    this.colours = this.readColours();
    this.redraw();
  }

  draw(scene: MapScene): void {
    this.scene = scene;
    this.redraw();
  }

  private readonly redraw = (): void => {
    const { pen, scene } = this;
    if (!pen || !scene) return;
    const { clientWidth: width, clientHeight: height } = this.map.getCanvas();
    const ratio = window.devicePixelRatio || 1;
    if (this.canvas.width !== Math.round(width * ratio) || this.canvas.height !== Math.round(height * ratio)) {
      this.canvas.width = Math.round(width * ratio);
      this.canvas.height = Math.round(height * ratio);
    }
    pen.setTransform(ratio, 0, 0, ratio, 0, 0);
    pen.clearRect(0, 0, width, height);
    new Drawing(pen, toScreen(this.map, scene.site.origin), scene, this.colours, this.widths).all();
  };

  private readColours(): Colours {
    const style = getComputedStyle(this.canvas);
    const of = (name: string) => style.getPropertyValue(`--${name}`).trim();
    return {
      ink: of("ink"),
      onMap: of("on-map"),
      good: of("good"),
      accent: of("accent"),
      ground: of("ground"),
      stale: of("stale"),
    };
  }
}

interface Box {
  left: number;
  top: number;
  right: number;
}

/** One picture of one scene. */
class Drawing {
  private readonly labels: Box[] = [];

  constructor(
    private readonly pen: CanvasRenderingContext2D,
    private readonly screen: ToScreen,
    private readonly scene: MapScene,
    private readonly colours: Colours,
    private readonly widths: Map<string, number>,
  ) {}

  all(): void {
    const located = [...this.scene.vehicles.values()].filter((each): each is Located => each.position !== null);
    this.views(located);
    this.trails();
    this.orders();
    const tracked = this.tracks();
    for (const vehicle of located) this.vehicle(vehicle);
    for (const vehicle of located.filter((each) => each.task_id !== null || each.is_silent)) this.nameVehicle(vehicle);
    for (const vehicle of located) this.nameVehicle(vehicle);
    for (const { fix, label } of tracked) {
      const [x, y] = this.at(fix.point);
      if (label !== null) this.label(label, x + 4, y - 12, TRACK);
    }
  }

  private at(point: GeoPoint): [number, number] {
    const [eastM, northM] = eastNorthM(this.scene.site.origin, point);
    return [this.screen.x + eastM * this.screen.pxPerM, this.screen.y - northM * this.screen.pxPerM];
  }

  private stroke(colour: string, widthPx: number, opacity: number, dashPx: number[] = []): void {
    const { pen } = this;
    pen.strokeStyle = colour;
    pen.lineWidth = widthPx;
    pen.globalAlpha = opacity;
    pen.setLineDash(dashPx);
    pen.stroke();
    pen.globalAlpha = 1;
    pen.setLineDash([]);
  }

  private fill(colour: string, opacity: number): void {
    this.pen.fillStyle = colour;
    this.pen.globalAlpha = opacity;
    this.pen.fill();
    this.pen.globalAlpha = 1;
  }

  private line(points: readonly GeoPoint[]): void {
    points.forEach((point, i) => (i === 0 ? this.pen.moveTo(...this.at(point)) : this.pen.lineTo(...this.at(point))));
  }

  private trails(): void {
    this.pen.beginPath();
    for (const trail of this.scene.trails.values()) this.line(trail);
    this.stroke(this.colours.good, 2, 0.55);
  }

  /** What copters in the air look at. */
  private views(located: readonly Located[]): void {
    const sensors = new Map((this.scene.site.vehicles ?? []).map((each) => [each.id, each]));
    this.pen.beginPath();
    for (const { id, armed, kind, heading_deg: headingDeg, position } of located) {
      const sensor = sensors.get(id);
      if (!sensor || !armed || kind !== "ardupilot_copter" || headingDeg === null) continue;
      const [x, y] = this.at(position);
      const middle = ((headingDeg - 90) * Math.PI) / 180; // a canvas turns clockwise from east
      const half = (sensor.sensor_fov_deg * Math.PI) / 360;
      this.pen.moveTo(x, y);
      this.pen.arc(x, y, sensor.sensor_range_m * this.screen.pxPerM, middle - half, middle + half);
      this.pen.closePath();
    }
    this.fill(this.colours.good, 0.14);
  }

  private orders(): void {
    this.pen.beginPath();
    for (const task of openOrders(this.scene)) {
      const at = this.scene.vehicles.get(task.vehicle)?.position;
      if (task.stand_off) this.line([...(at ? [at] : []), task.stand_off, task.target]);
    }
    this.stroke(this.colours.ink, 1.5, 1, [4, 4]);
  }

  private tracks(): Fix[] {
    const fixes = this.scene.siteTracks.size > 0 ? this.siteTracks() : this.cameraTracks();
    const sure = fixes.filter((each) => each.isSure);
    const unsure = fixes.filter((each) => !each.isSure);
    this.ellipses(sure);
    this.fill(TRACK, 0.28);
    this.stroke(TRACK, 1.5, 1);
    this.ellipses(unsure);
    this.fill(TRACK, 0.1);
    this.stroke(TRACK, 1.5, 0.8, [3, 3]);
    return fixes;
  }

  /** One for each thing on the ground; faint and dashed where nobody sees it just now, or where it is one of ours. */
  private siteTracks(): Fix[] {
    return [...this.scene.siteTracks.values()].map((track) => ({
      fix: track.ground,
      isSure: track.state === "confirmed" && !track.explained_by,
      label:
        track.state === "tentative"
          ? null
          : `${track.label}${track.explained_by ? ` = ${track.explained_by}` : ""}${track.state === "coasting" ? " ?" : ""}`,
    }));
  }

  /** Where the coordinator fuses nothing: what each camera says. */
  private cameraTracks(): Fix[] {
    const all = [...this.scene.tracks.values()];
    const newestUs = Math.max(0, ...all.map((each) => each.captured_at_us));
    return all
      .filter((each) => newestUs - each.captured_at_us < MAX_TRACK_AGE_US)
      .flatMap((each) => each.sightings)
      .flatMap(({ ground, label, track }) => (ground ? [{ fix: ground, isSure: true, label: `${label} ${track}` }] : []));
  }

  private ellipses(fixes: readonly Fix[]): void {
    const { pen, screen } = this;
    const leastM = Math.max(MIN_RADIUS_M, MIN_RADIUS_PX / screen.pxPerM);
    pen.beginPath();
    for (const { fix } of fixes) {
      const [x, y] = this.at(fix.point);
      const { longM, shortM, turnRad } = axesOf(fix, leastM);
      const longPx = longM * screen.pxPerM;
      pen.moveTo(x + longPx * Math.cos(turnRad), y - longPx * Math.sin(turnRad));
      pen.ellipse(x, y, longPx, shortM * screen.pxPerM, -turnRad, 0, 2 * Math.PI);
    }
  }

  private vehicle(vehicle: Located): void {
    const { pen, colours } = this;
    const flies = vehicle.kind === "ardupilot_copter";
    const [x, y] = this.at(vehicle.position);
    const colour = vehicle.is_silent ? colours.stale : flies ? colours.good : colours.accent;
    pen.save();
    pen.translate(x, y);
    pen.rotate(((vehicle.heading_deg ?? 0) * Math.PI) / 180);
    pen.beginPath();
    if (flies) pen.arc(0, 0, ICON_PX, 0, 2 * Math.PI);
    else pen.roundRect(1 - ICON_PX, 1 - ICON_PX, 2 * ICON_PX - 2, 2 * ICON_PX - 2, 4);
    this.fill(colours.ground, 1);
    this.stroke(colour, 2, 1, vehicle.is_silent ? [3, 3] : []);
    pen.beginPath();
    if (vehicle.heading_deg !== null) for (const [rightPx, downPx] of ARROW_PX) pen.lineTo(rightPx, downPx);
    this.fill(colour, 1);
    pen.restore();
  }

  private nameVehicle(vehicle: Located): void {
    const [x, y] = this.at(vehicle.position);
    this.label(vehicleLabel(vehicle, this.scene), x, y + ICON_PX + 13, null);
  }

  /** Centred, or to the right of a coloured bar. None where one stands already: who looks closer reads it. */
  private label(text: string, x: number, y: number, bar: string | null): void {
    const { pen } = this;
    pen.font = '11px system-ui, "Segoe UI", Roboto, "Noto Sans", "DejaVu Sans", sans-serif';
    let widthPx = this.widths.get(text);
    if (widthPx === undefined) {
      if (this.widths.size > 1_000) this.widths.clear();
      widthPx = pen.measureText(text).width;
      this.widths.set(text, widthPx);
    }
    const left = bar === null ? x - widthPx / 2 - 6 : x;
    const box = { left, top: y - LABEL_PX / 2, right: left + widthPx + 12 };
    if (this.labels.some((each) => overlap(each, box))) return;
    this.labels.push(box);
    pen.fillStyle = this.colours.onMap;
    pen.fillRect(left, box.top, widthPx + 12, LABEL_PX);
    if (bar !== null) {
      pen.fillStyle = bar;
      pen.fillRect(left, box.top, 3, LABEL_PX);
    }
    pen.fillStyle = this.colours.ink;
    pen.textBaseline = "middle";
    pen.fillText(text, left + 6, y);
  }
}

function overlap(a: Box, b: Box): boolean {
  return a.left < b.right && b.left < a.right && Math.abs(a.top - b.top) < LABEL_PX;
}

interface Fix {
  fix: GroundFix;
  isSure: boolean;
  label: string | null;
}

function vehicleLabel(vehicle: MapVehicle, scene: MapScene): string {
  const words = said(WATCH);
  const height = vehicle.kind === "ardupilot_copter" ? ` ${metres(vehicle.above_home_m)}` : "";
  const doing = scene.tasks.get(vehicle.task_id ?? "")?.kind;
  return [
    `${vehicle.id}${height}`,
    percent(vehicle.battery_frac),
    ...(doing ? [words[doing]] : []),
    ...(vehicle.is_silent ? [words.silent] : []),
  ].join(" · ");
}

const AT_A_PLACE: ReadonlySet<string> = new Set(["investigate", "orbit", "look"]);

/** Tasks at a place of their own that are not over. */
export function openOrders(scene: MapScene) {
  return [...scene.tasks.values()].flatMap((task) =>
    AT_A_PLACE.has(task.kind) && !isFinal(task) && task.target ? [{ ...task, target: task.target }] : [],
  );
}
