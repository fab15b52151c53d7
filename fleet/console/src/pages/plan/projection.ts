// Ground to picture, with the coordinator's own formula (edge/perception/locate.py and lens.py): metres east, north, up to
// pixels of the full frame. Display only: what a pose is worth is said by `vedette-edge calibrate`.
import type { Camera } from "../../contract";

export type Pose = NonNullable<Camera["pose"]>;
export type Lens = Camera["lens"];
export type Pixel = readonly [number, number];
type Vector = readonly [number, number, number];

const NEAREST_M = 1e-6;
const rad = (deg: number) => (deg * Math.PI) / 180;

/** The camera's right, down and forward in east, north, up. */
export function axes(pose: Pose): { right: Vector; down: Vector; forward: Vector } {
  const [sh, ch] = [Math.sin(rad(pose.heading_deg)), Math.cos(rad(pose.heading_deg))];
  const [sp, cp] = [Math.sin(rad(pose.pitch_deg)), Math.cos(rad(pose.pitch_deg))];
  const [sr, cr] = [Math.sin(rad(pose.roll_deg ?? 0)), Math.cos(rad(pose.roll_deg ?? 0))];
  const level: Vector = [ch, -sh, 0];
  const levelDown: Vector = [sh * sp, ch * sp, -cp];
  const mix = (a: Vector, fa: number, b: Vector, fb: number): Vector => [a[0] * fa + b[0] * fb, a[1] * fa + b[1] * fb, a[2] * fa + b[2] * fb];
  return { right: mix(level, cr, levelDown, sr), down: mix(levelDown, cr, level, -sr), forward: [sh * cp, ch * cp, sp] };
}

const dot = (a: Vector, b: Vector) => a[0] * b[0] + a[1] * b[1] + a[2] * b[2];

/** null: behind the camera, or where a bent lens shows nothing. */
export function project(point: Vector, pose: Pose, lens: Lens): Pixel | null {
  const { right, down, forward } = axes(pose);
  const away: Vector = [point[0] - pose.east_m, point[1] - pose.north_m, point[2] - pose.up_m];
  const depth = dot(away, forward);
  if (depth <= NEAREST_M) return null;
  return bent(dot(away, right) / depth, dot(away, down) / depth, lens);
}

function bent(x: number, y: number, lens: Lens): Pixel | null {
  if (lens.model === "opencv") {
    const { k1 = 0, k2 = 0, k3 = 0, p1 = 0, p2 = 0 } = lens;
    const r2 = x * x + y * y;
    const radial = 1 + r2 * (k1 + r2 * (k2 + r2 * k3));
    const u = x * radial + 2 * p1 * x * y + p2 * (r2 + 2 * x * x);
    const v = y * radial + p1 * (r2 + 2 * y * y) + 2 * p2 * x * y;
    return [u * lens.fx_px + lens.cx_px, v * lens.fy_px + lens.cy_px];
  }
  // Tsai: undistorted = distorted (1 + kappa r²), by Newton on the radius
  const [wx, wy] = [x * lens.focal_mm, y * lens.focal_mm];
  const wanted = Math.hypot(wx, wy);
  let radius = wanted;
  for (let i = 0; i < 40; i += 1) {
    radius -= (radius + lens.kappa1_per_mm2 * radius ** 3 - wanted) / (1 + 3 * lens.kappa1_per_mm2 * radius ** 2);
  }
  const errorMm = Math.abs(radius + lens.kappa1_per_mm2 * radius ** 3 - wanted);
  if (!(errorMm < 0.01 * Math.min(lens.dpx_mm / lens.sx, lens.dpy_mm)) || radius < 0) return null;
  const share = wanted > 0 ? radius / wanted : 1;
  return [(wx * share) / (lens.dpx_mm / lens.sx) + lens.cx_px, (wy * share) / lens.dpy_mm + lens.cy_px];
}

/** Lines of the ground grid as pixels, in pieces where they leave the view; `step` metres apart, round what is seen. */
export function groundGrid(pose: Pose, lens: Lens, { step = 5, reach = 80 } = {}): Pixel[][] {
  const pieces: Pixel[][] = [];
  const middle = [Math.round(pose.east_m / step) * step, Math.round(pose.north_m / step) * step] as const;
  const count = Math.ceil(reach / step);
  const isNear = ([x, y]: Pixel) =>
    x > -lens.width_px && x < 2 * lens.width_px && y > -lens.height_px && y < 2 * lens.height_px;
  for (const along of [0, 1] as const) {
    for (let i = -count; i <= count; i += 1) {
      let piece: Pixel[] = [];
      for (let s = -reach; s <= reach; s += step / 5) {
        const [east, north] = along === 0 ? [middle[0] + s, middle[1] + i * step] : [middle[0] + i * step, middle[1] + s];
        const pixel = project([east, north, 0], pose, lens);
        if (pixel && isNear(pixel)) piece.push(pixel);
        else {
          if (piece.length > 1) pieces.push(piece);
          piece = [];
        }
      }
      if (piece.length > 1) pieces.push(piece);
    }
  }
  return pieces;
}

export type Grip = "turn" | "roll" | "height" | "focal";

/** What a drag by so many pixels of the full frame makes of pose and lens: the grid follows the pointer. */
export function dragged(grip: Grip, pose: Pose, lens: Lens, [dx, dy]: Pixel): { pose: Pose; lens: Lens } {
  const focal = focalPx(lens);
  const deg = (pixels: number) => (Math.atan(pixels / focal) * 180) / Math.PI;
  const round = (value: number, digits: number) => Math.round(value * 10 ** digits) / 10 ** digits;
  switch (grip) {
    case "turn": {
      const heading = (((pose.heading_deg - deg(dx)) % 360) + 360) % 360;
      const pitch = Math.max(-90, Math.min(90, pose.pitch_deg + deg(dy)));
      return { lens, pose: { ...pose, heading_deg: round(heading, 2), pitch_deg: round(pitch, 2) } };
    }
    case "roll":
      return { lens, pose: { ...pose, roll_deg: round((pose.roll_deg ?? 0) - deg(dx) / 4, 2) } };
    case "height":
      return { lens, pose: { ...pose, up_m: round(Math.max(0.3, pose.up_m * Math.exp(dy / lens.height_px)), 2) } };
    case "focal": {
      const scale = Math.exp(-dy / lens.height_px);
      if (lens.model !== "opencv") return { pose, lens: { ...lens, focal_mm: round(lens.focal_mm * scale, 4) } };
      return { pose, lens: { ...lens, fx_px: round(lens.fx_px * scale, 1), fy_px: round(lens.fy_px * scale, 1) } };
    }
  }
}

export function focalPx(lens: Lens): number {
  return lens.model === "opencv" ? lens.fx_px : (lens.focal_mm * lens.sx) / lens.dpx_mm;
}
