import { describe, expect, it } from "vitest";
import type { Incident, LinkView, LiveMessage, Site, Snapshot, VehicleView } from "./contract";
import { alarmedZones, next, queue } from "./picture";

const link: LinkView = { broker_connected: true, monitor_age_s: 0.1, heartbeat_allowed: true };

function vehicle(change: Partial<VehicleView> = {}): VehicleView {
  return {
    id: "drone-1",
    kind: "ardupilot_copter",
    simulated: true,
    heard_age_s: 0.1,
    is_silent: false,
    autopilot_uid: null,
    firmware: null,
    mode: "auto",
    armed: true,
    position: { lat_deg: 52, lon_deg: 13 },
    above_home_m: 25,
    heading_deg: 90,
    speed_m_s: 8,
    battery_frac: 0.9,
    gnss_fix: 3,
    wind_m_s: 3,
    link_loss_frac: 0,
    round_trip_s: 0.05,
    home: null,
    safety_uploaded: true,
    not_ready_because: [],
    latched_because: null,
    task_id: null,
    last_text: "",
    ...change,
  };
}

function incident(id: string, change: Partial<Incident> = {}): Incident {
  return {
    incident_id: id,
    kind: "intrusion",
    state: "open",
    severity: "high",
    title: "person in North fence",
    origin: "simulated",
    trace_id: "0".repeat(32),
    opened_at_us: 1_000_000,
    changed_at_us: 1_000_000,
    captured_at_us: 1_000_000,
    alarm_ids: [],
    zones: ["north-fence"],
    ...change,
  } as Incident;
}

function snapshot(change: Partial<Snapshot> = {}): Snapshot {
  return {
    type: "snapshot",
    at_us: 1,
    site: { id: "demo", name: "Demo" } as Site,
    link,
    vehicles: [vehicle()],
    alarms: [],
    incidents: [],
    tasks: [],
    tracks: [],
    nodes: [],
    zones: [],
    docks: [],
    bypasses: [],
    walk_tests: [],
    site_tracks: [],
    procedures: [],
    ...change,
  };
}

describe("the picture", () => {
  it("is unknown until the first snapshot", () => {
    expect(next(null, { type: "vehicle", data: vehicle() })).toBeNull();
  });

  it("grows a vehicle's trail only when it moves", () => {
    const east = vehicle({ position: { lat_deg: 52, lon_deg: 13.0001 } });
    let picture = next(null, snapshot());
    for (const data of [vehicle(), vehicle(), east]) picture = next(picture, { type: "vehicle", data });
    expect(picture?.trails.get("drone-1")).toEqual([vehicle().position, east.position]);
  });

  it("keeps trails over a fresh snapshot", () => {
    let picture = next(next(null, snapshot()), { type: "vehicle", data: vehicle() });
    picture = next(picture, snapshot());
    expect(picture?.trails.get("drone-1")).toHaveLength(1);
  });

  it("is not changed by a message it does not know", () => {
    const picture = next(null, snapshot());
    expect(next(picture, { type: "weather", data: {} } as unknown as LiveMessage)).toBe(picture);
  });
});

describe("the queue", () => {
  it("shows first what nobody has seen, then the loudest, then the newest", () => {
    const order = queue([
      incident("closed", { state: "closed" }),
      incident("seen", { state: "acknowledged" }),
      incident("low", { severity: "low" }),
      incident("older"),
      incident("newer", { opened_at_us: 2_000_000 }),
    ]).map((i) => i.incident_id);
    expect(order).toEqual(["newer", "older", "low", "seen", "closed"]);
  });

  it("marks the zones of open intrusions, not those of trouble or of closed ones", () => {
    const zones = alarmedZones([
      incident("a", { zones: ["north"] }),
      incident("b", { zones: ["south"], state: "closed" }),
      incident("c", { zones: ["west"], kind: "trouble" }),
      incident("d", { zones: ["west"], kind: "bypass" }),
    ]);
    expect([...zones]).toEqual(["north"]);
  });
});
