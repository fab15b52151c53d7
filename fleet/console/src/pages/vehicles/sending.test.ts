import { expect, test } from "vitest";
import { askedIn, bodyOf, canGive, degrees, type Foresight, isConfirmed, isSame, pathOf, pointOf, roleOf, WHATS, type What, type Wish } from "./sending";

const WISH: Wish = { vehicle: "kestrel", what: "go_and_look", point: { lat_deg: 52, lon_deg: 13 }, radiusM: 30, durationS: 60 };
const answer = (verdict: Foresight["verdict"]) => ({ verdict }) as Foresight;
const NOW = { askedAtMs: 10_000, nowMs: 11_000, isLive: true, may: () => true };

test("an order can be given when the answer approves or clips, and not when it refuses", () => {
  expect((["approve", "clip", "refuse"] as const).map((verdict) => canGive(WISH, answer(verdict), NOW))).toEqual([true, true, false]);
});

test("an order waits for its answer, and an old answer is none", () => {
  expect(canGive(WISH, null, NOW)).toBe(false);
  expect(canGive(WISH, answer("approve"), { ...NOW, nowMs: 15_001 })).toBe(false);
});

test("nobody is sent on a lost link, without a point, or by one who is no pilot", () => {
  expect(canGive(WISH, answer("approve"), { ...NOW, isLive: false })).toBe(false);
  expect(canGive({ ...WISH, point: null }, answer("approve"), NOW)).toBe(false);
  expect(canGive(WISH, answer("approve"), { ...NOW, may: (role) => role !== "pilot" })).toBe(false);
});

test("hold and return wait for no answer and no link, and any operator may", () => {
  const gone = { askedAtMs: 0, nowMs: 99_000, isLive: false, may: (role: string) => role === "operator" };
  const can = (what: What) => canGive({ ...WISH, what, point: null }, null, gone);
  expect([can("hold"), can("return"), can("land")]).toEqual([true, true, false]);
  expect(roleOf("land")).toBe("pilot");
});

test("each wish says what it must and goes where it belongs", () => {
  expect(bodyOf(WISH)).toEqual({ what: "go_and_look", point: WISH.point });
  expect(bodyOf({ ...WISH, what: "orbit" })).toEqual({ what: "orbit", point: WISH.point, radius_m: 30, duration_s: 60 });
  expect(bodyOf({ ...WISH, what: "orbit", radiusM: NaN })).toBeNull();
  expect(bodyOf({ ...WISH, what: "return", point: null })).toEqual({ what: "return" });
  expect([pathOf(WISH), pathOf({ ...WISH, what: "land" })]).toEqual(["/vehicles/kestrel/tasks", "/vehicles/kestrel/land"]);
});

test("degrees are read as people write them, and nonsense is none", () => {
  expect([degrees("52.5", 90), degrees("52,5", 90), degrees("", 90), degrees("91", 90), degrees("x", 90)]).toEqual([52.5, 52.5, null, null, null]);
});

test("half a point is none, so that nothing goes to what stood there before", () => {
  expect(pointOf({ lat: "52.5", lon: "13,4" })).toEqual({ lat_deg: 52.5, lon_deg: 13.4 });
  expect([pointOf({ lat: "52.5", lon: "" }), pointOf({ lat: "x", lon: "13.4" })]).toEqual([null, null]);
  expect([isSame(null, null), isSame(null, WISH.point), isSame(WISH.point, { lat_deg: 52, lon_deg: 13 })]).toEqual([true, false, true]);
});

test("a second press is asked for all but what brings a vehicle to rest or home", () => {
  expect(WHATS.filter((what) => !isConfirmed(what))).toEqual(["hold", "return"]);
});

test("a look from where it is says its point and goes the road of the others", () => {
  const look = { ...WISH, what: "look" as const };
  expect([bodyOf(look), pathOf(look), roleOf("look")]).toEqual([{ what: "look", point: WISH.point }, "/vehicles/kestrel/tasks", "pilot"]);
  expect(canGive(look, answer("refuse"), NOW)).toBe(false);
});

test("another page leads here with a point, and nonsense in the address asks for nothing", () => {
  const of = (text: string) => askedIn(new URLSearchParams(text));
  expect(of("vehicle=kestrel&what=look&lat=52.1&lon=13.2")).toEqual({ vehicle: "kestrel", what: "look", point: { lat_deg: 52.1, lon_deg: 13.2 } });
  expect(of("what=fire&lat=200&lon=13")).toEqual({ vehicle: null, what: "go_and_look", point: null });
});
