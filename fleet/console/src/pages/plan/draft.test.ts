// @vitest-environment jsdom
import { expect, test } from "vitest";
import type { Site } from "../../contract";
import { added, compared, insertedAfter, keep, kept, looksOf, moved, removed, removedPoint, shapesOf, withPoints } from "./draft";

const at = (lat: number, lon: number) => ({ lat_deg: lat, lon_deg: lon });
const SQUARE = [at(52, 13), at(52, 13.001), at(52.001, 13.001), at(52.001, 13)];
const SITE = {
  schema_version: 1,
  id: "yard",
  name: "Yard",
  time_zone: "Europe/Berlin",
  origin: { lat_deg: 52, lon_deg: 13, ground_amsl_m: 40 },
  geofence: { polygon: SQUARE, floor_m: 10, ceiling_m: 60 },
  cameras: [{ id: "gate", pose: { east_m: 0 } }, { id: "drone", vehicle: "k" }],
  zones: [{ id: "north", name: "North", polygon: SQUARE, cameras: ["gate"] }],
  patrols: [{ id: "round", vehicle: "k", altitude_m: 20, every_min: 30, waypoints: [{ position: at(52, 13), dwell_s: 5 }, { position: at(52.001, 13), dwell_s: 9 }] }],
} as unknown as Site;

test("a corner that is dragged moves alone, to 11 mm", () => {
  const points = moved(SQUARE, 1, at(52.000000049, 13.002));
  expect(points[1]).toEqual(at(52, 13.002));
  expect(points.filter((_, i) => i !== 1)).toEqual(SQUARE.filter((_, i) => i !== 1));
});

test("a new corner of an area stands half way to the next, also behind the last", () => {
  expect(insertedAfter(SQUARE, 3, "area")[4]).toEqual(at(52.0005, 13));
});

test("a new point of a line goes beyond its end", () => {
  expect(insertedAfter([at(52, 13), at(52.002, 13)], 1, "line")[2]).toEqual(at(52.003, 13));
});

test("an area keeps three corners, whatever is deleted", () => {
  const three = SQUARE.slice(0, 3);
  expect(removedPoint(SQUARE, 0, "area")).toEqual(SQUARE.slice(1));
  expect(removedPoint(three, 0, "area")).toEqual(three);
});

test("stays of a patrol remain with their waypoints when one more comes between", () => {
  const way = shapesOf(SITE).find((each) => each.kind === "patrol");
  const site = withPoints(SITE, { kind: "patrol", id: "round" }, insertedAfter(way?.points ?? [], 0, "line"));
  expect(site.patrols?.[0]?.waypoints.map((each) => each.dwell_s)).toEqual([5, 0, 9]);
});

test("a new zone has a free name and the fixed cameras; the old site is untouched", () => {
  const first = added(SITE, "zone", at(52, 13));
  const second = added(first.site, "zone", at(52, 13));
  expect([first.id, second.id]).toEqual(["zone-1", "zone-2"]);
  expect(second.site.zones?.[2]?.cameras).toEqual(["gate"]);
  expect(SITE.zones).toHaveLength(1);
});

test("two sites are compared shape by shape", () => {
  const north = withPoints(SITE, { kind: "zone", id: "north" }, moved(SQUARE, 0, at(52.0001, 13)));
  const after = removed(added(north, "no_fly", at(52, 13)).site, { kind: "patrol", id: "round" });
  const fates = compared(SITE, after).map(({ shape, fate }) => `${shape.id} ${fate}`);
  expect(fates).toEqual(["geofence same", "north moved", "no-fly-1 added", "round removed"]);
});

test("the geofence cannot be deleted", () => {
  expect(removed(SITE, { kind: "geofence", id: "geofence" })).toBe(SITE);
});

test("a draft outlives the page; nonsense in its place is no draft", () => {
  keep({ site: SITE, basedOn: 3 }, "yard");
  expect(kept("yard")).toEqual({ site: SITE, basedOn: 3 });
  expect(kept("other")).toBeNull();
  localStorage.setItem("vedette.plan.draft.yard", "{");
  expect(kept("yard")).toBeNull();
});

test("looks remain with their waypoints too, and directions are read as they are typed", () => {
  const looking = structuredClone(SITE);
  for (const waypoint of looking.patrols?.[0]?.waypoints ?? []) waypoint.look_deg = [90, 180];
  const way = shapesOf(looking).find((each) => each.kind === "patrol");
  const site = withPoints(looking, { kind: "patrol", id: "round" }, insertedAfter(way?.points ?? [], 0, "line"));
  expect(site.patrols?.[0]?.waypoints.map((each) => each.look_deg)).toEqual([[90, 180], [], [90, 180]]);
  expect(["0, 90 180", "", "north", "360", "1 2 3 4 5 6 7 8 9"].map(looksOf)).toEqual([[0, 90, 180], [], null, null, null]);
});
