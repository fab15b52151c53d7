// @vitest-environment jsdom
import { describe, expect, it } from "vitest";
import { offset } from "../../geometry";
import { sceneOf } from "../replay/scene";
import type { MapScene } from "./mapScene";
import { openOrders, toScreen } from "./movement";

const ORIGIN = { lat_deg: 52.1, lon_deg: 9.2 };

/** A map at 4 px a metre whose middle is the site's origin. */
const MAP = {
  project: (at: unknown) => {
    const [lon, lat] = at as [number, number];
    const perLat = 111_132 * 4;
    const perLon = perLat * Math.cos((ORIGIN.lat_deg * Math.PI) / 180);
    return { x: 640 + (lon - ORIGIN.lon_deg) * perLon, y: 400 - (lat - ORIGIN.lat_deg) * perLat };
  },
} as unknown as Parameters<typeof toScreen>[0];

describe("what moves on the map", () => {
  it("stands where the map has its point", () => {
    const { x, y, pxPerM } = toScreen(MAP, ORIGIN);
    expect([x, y]).toEqual([640, 400]);
    expect(pxPerM).toBeCloseTo(4, 6);
    const there = offset(ORIGIN, 100, -50);
    const drawn = MAP.project([there.lon_deg, there.lat_deg]);
    expect(drawn.x).toBeCloseTo(x + 100 * pxPerM, 3);
    expect(drawn.y).toBeCloseTo(y + 50 * pxPerM, 3);
  });

  it("shows an order until it is over, and none that leads nowhere", () => {
    const look = { kind: "investigate", vehicle: "drone-1", target: ORIGIN, stand_off: null, incident_id: null };
    const tasks = [
      { ...look, task_id: "a", state: "active" },
      { ...look, task_id: "b", state: "done" },
      { ...look, task_id: "c", state: "active", target: null },
      { ...look, task_id: "d", state: "active", kind: "patrol" },
    ];
    const frame = { at_us: 1, vehicles: [], tasks, site_tracks: [], zones: [], cameras: [], troubles: [] };
    const scene: MapScene = sceneOf({ origin: ORIGIN } as never, frame as never, new Map());
    expect(openOrders(scene).map((each) => each.task_id)).toEqual(["a"]);
  });
});
