import { expect, test } from "vitest";
import { dragged, groundGrid, type Lens, type Pose, project } from "./projection";

// The pixels are those of edge/perception/locate.py: Locator.project, of the same poses and lenses.
const POINTS = [[0, 60, 0], [10, 60, 0], [20, 80, 0], [-14, 40, 0], [5, 55, 1.8]] as const;
const POSE: Pose = { east_m: -14, north_m: 50, up_m: 5.5, heading_deg: 62.5, pitch_deg: -12.5, roll_deg: 0, position_sigma_m: 0.05, attitude_sigma_deg: 0.2 };
const TURNED: Pose = { ...POSE, heading_deg: 30, pitch_deg: -20, roll_deg: 7 };
const NO_BEND = { k1: 0, k2: 0, p1: 0, p2: 0, k3: 0 };
const PINHOLE: Lens = { model: "opencv", width_px: 1280, height_px: 720, fx_px: 1550, fy_px: 1550, cx_px: 640, cy_px: 360, ...NO_BEND };
const BENT: Lens = { model: "opencv", width_px: 1280, height_px: 720, fx_px: 900, fy_px: 905, cx_px: 650, cy_px: 350, k1: -0.12, k2: 0.03, p1: 0.001, p2: -0.002, k3: 0.004 };
const TSAI: Lens = { model: "tsai", width_px: 768, height_px: 576, focal_mm: 5.5549, kappa1_per_mm2: 0.0051, cx_px: 324.2, cy_px: 282.6, sx: 1, dpx_mm: 0.01, dpy_mm: 0.01 };

test.each([
  ["a pinhole", POSE, PINHOLE, [[430.783, 506.322], [769.46, 346.105], [257.015, 214.117], null, [984.678, 317.484]]],
  ["a bent lens, rolled", TURNED, BENT, [[1023.123, 293.976], [1262.124, 198.427], [924.329, 114.955], null, [1436.155, 180.559]]],
  ["Tsai's lens", TURNED, TSAI, [[553.794, 248.246], [698.473, 190.28], [493.106, 138.746], null, [800.188, 180.277]]],
] as const)("%s shows ground where the coordinator's projection shows it", (_name, pose, lens, pixels) => {
  for (const [i, point] of POINTS.entries()) {
    const found = project(point, pose, lens);
    const wanted = pixels[i];
    if (!wanted) expect(found).toBeNull();
    else {
      expect(found?.[0]).toBeCloseTo(wanted[0], 2);
      expect(found?.[1]).toBeCloseTo(wanted[1], 2);
    }
  }
});

test("the ground follows the pointer when the camera is turned by a drag", () => {
  const before = project([2, 58, 0], POSE, PINHOLE);
  const { pose } = dragged("turn", POSE, PINHOLE, [40, -25]);
  const after = project([2, 58, 0], pose, PINHOLE);
  expect((after?.[0] ?? 0) - (before?.[0] ?? 0)).toBeCloseTo(40, -1);
  expect((after?.[1] ?? 0) - (before?.[1] ?? 0)).toBeCloseTo(-25, -1);
});

test("a drag for height or focal length changes that alone", () => {
  expect(dragged("height", POSE, PINHOLE, [0, 72])).toEqual({ pose: { ...POSE, up_m: 6.08 }, lens: PINHOLE });
  const { pose, lens } = dragged("focal", POSE, PINHOLE, [0, 72]);
  expect(pose).toEqual(POSE);
  expect(lens).toEqual({ ...PINHOLE, fx_px: 1402.5, fy_px: 1402.5 });
});

test("no line of the grid runs through what is behind the camera", () => {
  const pieces = groundGrid(POSE, PINHOLE, { step: 5, reach: 60 });
  expect(pieces.length).toBeGreaterThan(8);
  for (const [x, y] of pieces.flat()) {
    expect(Math.abs(x)).toBeLessThan(2 * 1280);
    expect(Math.abs(y)).toBeLessThan(2 * 720);
  }
});
