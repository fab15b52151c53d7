import { describe, expect, it } from "vitest";
import type { Alarm, Incident, Task } from "../../contract";
import { closingLacks, elapsedFrac, leftS, type Now, obstacle, type RunView } from "./answers";

const run = (more: Partial<RunView> = {}): RunView => ({
  incident_id: "i",
  procedure: "intruder",
  name: "Somebody inside the fence",
  started_at_us: 0,
  step: "send",
  visit: 2,
  phase: "asking",
  since_us: 10_000_000,
  until_us: 70_000_000,
  approved_by: [],
  missing: 1,
  needs_pilot: true,
  ended_because: "",
  steps: [],
  ...more,
});

const now = (more: Partial<Now> = {}): Now => ({
  incident: { state: "open", kind: "intrusion", zones: ["yard"] } as unknown as Incident,
  alarms: [{ state: "open" } as Alarm],
  tasks: [],
  run: run(),
  others: 0,
  may: () => true,
  name: "Ada Byron",
  isLive: true,
  ...more,
});

const tasks = (...states: Task["state"][]) => states.map((state) => ({ state }) as Task);

describe("who may", () => {
  it("is said before it is pressed: a viewer nothing, an operator no launch", () => {
    expect(obstacle("acknowledge", now({ may: () => false }))).toBe("needsOperator");
    const operator = now({ may: (role) => role !== "pilot" });
    expect(obstacle("acknowledge", operator)).toBeNull();
    expect(obstacle("dispatch", operator)).toBe("needsPilot");
    expect(obstacle("approve", operator)).toBe("needsPilot");
    expect(obstacle("approve", { ...operator, run: run({ needs_pilot: false }) })).toBeNull();
    expect(obstacle("veto", operator)).toBeNull();
  });

  it("is nobody while the link is lost or nobody has given a name; a report still prints", () => {
    expect(obstacle("close", now({ isLive: false }))).toBe("noLink");
    expect(obstacle("close", now({ name: null }))).toBe("needsName");
    expect(obstacle("report", now({ isLive: false }))).toBeNull();
  });
});

describe("a second person", () => {
  const twice = run({ approved_by: ["Ada Byron"], missing: 1 });

  it("is not the first one again, in whatever letters", () => {
    expect(obstacle("approve", now({ run: twice, name: "ada byron" }))).toBe("youApproved");
    expect(obstacle("approve", now({ run: twice, name: "Olga Berg" }))).toBeNull();
    expect(obstacle("veto", now({ run: twice }))).toBeNull();
  });
});

describe("what is asked", () => {
  it.each([
    ["doing", "nothingAsked"],
    ["announced", "byItself"],
    ["over", "procedureOver"],
  ] as const)("cannot be approved while the step is %s", (phase, why) => {
    expect(obstacle("approve", now({ run: run({ phase }) }))).toBe(why);
  });

  it("can be vetoed while it is announced", () => {
    expect(obstacle("veto", now({ run: run({ phase: "announced" }) }))).toBeNull();
  });
});

describe("an incident", () => {
  it("takes notes when it is closed, and nothing else", () => {
    const closed = now({ incident: { state: "closed", kind: "intrusion" } as Incident });
    expect(obstacle("note", closed)).toBeNull();
    expect(["assign", "escalate", "close", "merge", "split", "dispatch"].map((deed) => obstacle(deed as "assign", closed))).toEqual(Array(6).fill("isClosed"));
  });

  it("sends nobody while somebody is under way, and lets a waiting launch go", () => {
    expect(obstacle("dispatch", now({ tasks: tasks("executing") }))).toBe("isUnderWay");
    expect(obstacle("dispatch", now({ tasks: tasks("done", "failed") }))).toBeNull();
    expect(obstacle("approveTask", now({ tasks: tasks("created") }))).toBeNull();
    expect(obstacle("approveTask", now({ tasks: tasks("done") }))).toBe("nothingWaits");
  });

  it("is acknowledged once, split only with two alarms, merged only with another", () => {
    expect(obstacle("acknowledge", now({ alarms: [{ state: "acknowledged" } as Alarm] }))).toBe("allAcknowledged");
    expect(obstacle("split", now())).toBe("oneAlarm");
    expect(obstacle("merge", now())).toBe("noOther");
    expect(obstacle("merge", now({ others: 1 }))).toBeNull();
  });
});

it("counts a step's time down to nothing, and not at all where it waits for ever", () => {
  expect(leftS(run(), 25_000)).toBe(45);
  expect(leftS(run(), 99_000)).toBe(0);
  expect(leftS(run({ until_us: null }), 99_000)).toBeNull();
  expect(elapsedFrac(run(), 25_000)).toBe(0.25);
});

it("asks a nuisance for its cause, and another cause for words", () => {
  expect(closingLacks("confirmed", "", "")).toBeNull();
  expect(closingLacks("nuisance", "", "")).toBe("cause");
  expect(closingLacks("nuisance", "other", " ")).toBe("note");
  expect(closingLacks("nuisance", "animal", "")).toBeNull();
});
