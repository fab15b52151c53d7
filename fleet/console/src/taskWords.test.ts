// @vitest-environment jsdom
import { afterEach, describe, expect, it } from "vitest";
import type { Task, VehicleView } from "./contract";
import { speak } from "./language";
import { taskLine, vehicleLine } from "./taskWords";

const look = { kind: "investigate", state: "executing", progress: "30 m to the stand-off point", reason: "" } as Task;
const ready = { is_silent: false, latched_because: null, not_ready_because: [], heard_age_s: 0.1 } as unknown as VehicleView;

afterEach(() => speak("en"));

describe("what a vehicle does", () => {
  it("is said in the language of the person, what the coordinator wrote as it came", () => {
    expect(taskLine(look)).toBe("Look at an intruder: under way – 30 m to the stand-off point");
    speak("de");
    expect(taskLine(look)).toBe("Eindringling ansehen: im Gang – 30 m to the stand-off point");
  });

  it("names first what keeps it from anything", () => {
    expect(vehicleLine({ ...ready, is_silent: true }, look)).toBe("Silent: the link is down");
    expect(vehicleLine({ ...ready, latched_because: "recall ordered by Ada" }, look)).toBe("Held by the safety monitor: recall ordered by Ada");
    expect(vehicleLine({ ...ready, not_ready_because: ["no fix", "battery"] }, undefined)).toBe("Not ready: no fix; battery");
    expect(vehicleLine(ready, undefined)).toBe("Ready");
  });
});
