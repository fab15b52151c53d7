import { expect, test } from "vitest";
import type { DockView, NodeView, VehicleView } from "../../contract";
import { type CoordinatorView, dockCondition, hopTables, nodeCondition, sensorCondition, type SensorView, vehicleCondition, wholeWayMs, worst } from "./state";

const NODE = { state: "online", is_silent: false, feeds: [{ camera: "a", state: "ok" }], missing: [], trouble: null, configuration: null };
const node = (change: object) => nodeCondition({ ...NODE, ...change } as unknown as NodeView);

test("a node is bad while it is silent, offline, unknown or one of its cameras is lost", () => {
  expect(node({})).toBe("good");
  expect(node({ is_silent: true })).toBe("bad");
  expect(node({ state: null })).toBe("bad");
  expect(node({ feeds: [{ camera: "a", state: "lost" }] })).toBe("bad");
});

test("a recording that ended is no loss and wants a look, a camera that is tampered with is", () => {
  expect(node({ feeds: [{ camera: "a", state: "ended" }] })).toBe("warn");
  expect(node({ feeds: [{ camera: "a", state: "tampered" }] })).toBe("bad");
});

test("a configuration that was not taken and events that are missing want a look", () => {
  expect(node({ configuration: { is_waited_for: true } })).toBe("warn");
  expect(node({ missing: [{ first: 1, last: 2 }] })).toBe("warn");
});

test("a vehicle that is held is no dead one", () => {
  const view = (change: object) => vehicleCondition({ is_silent: false, latched_because: null, not_ready_because: [], ...change } as unknown as VehicleView);
  expect([view({}), view({ latched_because: "hold" }), view({ is_silent: true })]).toEqual(["good", "warn", "bad"]);
});

test("a dock whose fault is not known is not said to be well", () => {
  const view = (change: object) => dockCondition({ is_silent: false, fault: "", failed: "", holds_back: [], ...change } as unknown as DockView);
  expect([view({}), view({ fault: null }), view({ fault: "motor" }), view({ holds_back: ["rain"] })]).toEqual(["good", "warn", "bad", "warn"]);
});

test("a sensor that was never heard is not said to be well", () => {
  const view = (change: object) => sensorCondition({ is_silent: false, heard_age_s: 3, ...change } as unknown as SensorView);
  expect([view({}), view({ heard_age_s: null }), view({ is_silent: true })]).toEqual(["good", "warn", "bad"]);
});

test("the worst of all decides, and of nothing nothing is wrong", () => {
  expect([worst(["good", "bad", "warn"]), worst(["good", "warn"]), worst([])]).toEqual(["bad", "warn", "good"]);
});

test("the way of a camera's event is the sum of its steps; unknown without any", () => {
  const hops = [
    { hop: "decode", camera: "a", count: 1, p50_ms: 4, p95_ms: 5 },
    { hop: "detect", camera: "a", count: 1, p50_ms: 17, p95_ms: 20 },
    { hop: "gate", camera: null, count: 1, p50_ms: 3, p95_ms: 3 },
  ];
  const view = { hops } as unknown as CoordinatorView;
  expect([wholeWayMs(view, "a"), wholeWayMs(view, "b"), wholeWayMs(null, "a")]).toEqual([21, null, null]);
});

test("steps stand side by side for each camera, and those of no camera by themselves", () => {
  const hop = (name: string, camera: string | null) => ({ hop: name, camera, count: 1, p50_ms: 4, p95_ms: 5 });
  const view = { hops: [hop("gate", null), hop("decode", "a"), hop("detect", "a"), hop("decode", "b")] } as unknown as CoordinatorView;
  const [cameras, behind] = hopTables(view);
  expect([cameras?.cameras, cameras?.hops]).toEqual([["a", "b"], ["decode", "detect"]]);
  expect([cameras?.of("b", "detect"), cameras?.of("b", "decode")?.p50_ms]).toEqual([undefined, 4]);
  expect(behind?.hops).toEqual(["gate"]);
  expect(hopTables(null)).toEqual([]);
});
