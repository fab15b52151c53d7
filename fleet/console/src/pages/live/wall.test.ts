import { describe, expect, it } from "vitest";
import type { Camera, Incident } from "../../contract";
import { chosenOf, incidentsOf, layoutOf, neighbour, orderAt, pixelOf, readChoice, waiting } from "./wall";

const incident = (incident_id: string, change: Partial<Incident>) =>
  ({ incident_id, kind: "intrusion", state: "open", severity: "high", opened_at_us: 1, sensors: [], ...change }) as unknown as Incident;

describe("the wall", () => {
  it("puts one, four and nine pictures in squares on a wide screen", () => {
    expect([1, 4, 9].map((count) => layoutOf(count, null, 1400, 800).columns)).toEqual([1, 2, 3]);
    expect(layoutOf(2, null, 1400, 500).columns).toBe(2);
    expect(layoutOf(2, null, 500, 900).columns).toBe(1);
  });

  it("never draws a tile higher or wider than the room while all fit", () => {
    for (const count of [1, 2, 3, 5, 7, 12]) {
      const { columns, tilePx } = layoutOf(count, null, 1400, 800);
      expect(columns * tilePx + (columns - 1) * 8).toBeLessThanOrEqual(1400);
      expect(Math.ceil(count / columns) * ((tilePx * 9) / 16 + 28 + 8) - 8).toBeLessThanOrEqual(800);
    }
  });

  it("scrolls rather than draws stamps", () => {
    const { columns, tilePx } = layoutOf(64, null, 1000, 600);
    expect(columns).toBe(4);
    expect(tilePx).toBeGreaterThanOrEqual(240);
  });

  it("keeps the number that a person wants on one screen", () => {
    expect(layoutOf(20, 9, 1400, 800).columns).toBe(3);
    expect(layoutOf(20, 1, 1400, 800).columns).toBe(1);
  });

  it("asks for what is on the screen, and no more than the coordinator shows", () => {
    const shown = ["a", "b", "c", "d"];
    expect(waiting(shown, new Set(["b", "c", "d"]), 2)).toEqual(["d"]);
    expect(waiting(shown, new Set(shown), null)).toEqual([]);
    expect(waiting(shown, new Set(["a", "d"]), 2)).toEqual([]);
  });

  it("moves by arrows, and stays at its edges", () => {
    expect(neighbour(0, "ArrowRight", 3, 5)).toBe(1);
    expect(neighbour(1, "ArrowDown", 3, 5)).toBe(4);
    expect(neighbour(2, "ArrowDown", 3, 5)).toBe(2);
    expect(neighbour(0, "ArrowLeft", 3, 5)).toBe(0);
  });

  it("shows a camera's incidents that are not closed, alarms first", () => {
    const found = incidentsOf("mast", [
      incident("trouble", { kind: "fault" as Incident["kind"], sensors: ["mast"] }),
      incident("closed", { state: "closed", sensors: ["mast"] }),
      incident("seen", { sighting: { camera: "mast" } as NonNullable<Incident["sighting"]> }),
      incident("elsewhere", { sensors: ["gate"] }),
    ]);
    expect(found.map((each) => each.incident_id)).toEqual(["seen", "trouble"]);
  });

  it("remembers a choice, and shows everything when that makes no sense", () => {
    const cameras = [{ id: "a" }, { id: "b" }] as Camera[];
    const kept = readChoice('{"cameras":["b","gone"],"size":4}');
    expect(kept.size).toBe(4);
    expect(chosenOf(cameras, kept).map(({ id }) => id)).toEqual(["b"]);
    for (const nonsense of [null, "{", '{"cameras":7,"size":5}']) {
      expect(readChoice(nonsense)).toEqual({ cameras: null, size: null });
    }
    expect(chosenOf(cameras, readChoice(null))).toHaveLength(2);
  });
});

describe("a click in a picture", () => {
  const lens = { width_px: 1280, height_px: 720 };

  it("is a pixel of the camera's full frame, however large the tile", () => {
    expect(pixelOf({ x: 320, y: 180 }, { width: 640, height: 360 }, lens)).toEqual({ x: 640, y: 360 });
  });

  it("is none beside the picture, which stands in the middle of a tile of another shape", () => {
    const tile = { width: 640, height: 480 };
    expect(pixelOf({ x: 320, y: 30 }, tile, lens)).toBeNull();
    expect(pixelOf({ x: 320, y: 240 }, tile, lens)).toEqual({ x: 640, y: 360 });
  });

  it("leads to an order that is thought of, not given", () => {
    expect(orderAt({ lat_deg: 52.00000004, lon_deg: 13 })).toBe("/vehicles?what=go_and_look&lat=52.0000000&lon=13.0000000");
  });
});
