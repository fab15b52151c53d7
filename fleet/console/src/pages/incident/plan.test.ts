import { expect, it } from "vitest";
import { frameOf, scaleM, spotOf } from "./plan";

it("puts north up and east right", () => {
  const origin = { lat_deg: 60, lon_deg: 13 };
  const spot = spotOf(origin, { lat_deg: 60.001, lon_deg: 13.001 });
  expect(spot.x).toBeCloseTo(55.57, 1);
  expect(spot.y).toBeCloseTo(-111.13, 1);
});

it("frames what there is with a margin, in the shape of its panel, and never nearer than 40 m", () => {
  expect(frameOf([{ x: 0, y: 0 }], 2)).toEqual({ x: -20, y: -10, width: 40, height: 20 });
  expect(frameOf([{ x: 0, y: 0 }, { x: 0, y: 84 }], 2)).toEqual({ x: -100, y: -8, width: 200, height: 100 });
  expect(frameOf([], 2)).toBeNull();
});

it("has a round scale of at most a third of the width", () => {
  expect([40, 61, 400].map(scaleM)).toEqual([10, 20, 100]);
});
