import { describe, expect, it } from "vitest";
import type { EvidenceView, Incident } from "../../contract";
import { beganAtUs, hopsOf, lineAt, story, type StoryWords, type TaskDetail, taskStateAt, type TraceView } from "./story";

const WORDS: StoryWords = {
  preRoll: "the clip begins",
  firstFrame: "first frame",
  bestPicture: "best picture",
  clipEnds: "the clip ends",
  task: (_vehicle, state, reason) => [state, reason].filter(Boolean).join(": "),
  gate: (verdict, order, reasons) => `gate ${verdict} ${order} ${reasons}`.trim(),
};

const incident = {
  timeline: [
    { at_us: 5_000, who: "edge-1", what: "alarm: person in zone yard" },
    { at_us: 9_000, who: "Ada Byron", what: "acknowledged: person in zone yard" },
  ],
  sighting: { camera: "fence-cam" },
} as unknown as Incident;

const clip = { kind: "clip", camera: "fence-cam", start_us: 1_000, end_us: 8_000 } as EvidenceView;
const picture = { kind: "snapshot", camera: "fence-cam", start_us: 6_000, end_us: 6_000 } as EvidenceView;

function decided(id: string, reasons: string[]) {
  return { decision_id: id, vehicle: { vehicle_id: "drone-1" }, order: { order: "GoTo" }, approved: reasons.length ? null : {}, clipped: [], reasons };
}

const trace = {
  trace_id: "t",
  hops_us: { mavlink_ack: 30, gate: 20, decode: 10 },
  messages: [{ captured_at_us: 4_000, body: { type: "event", started_at_us: 3_500 } }],
  incidents: [],
  tasks: [],
  decisions: [decided("a", []), decided("b", []), decided("c", ["somebody stands under the way"]), decided("unwritten", ["x"])],
  audit: [
    { at_us: 6_500, detail: { decision: "a" } },
    { at_us: 7_500, detail: { decision: "b" } },
    { at_us: 7_800, detail: { decision: "c" } },
  ],
} as unknown as TraceView;

const detail = {
  task: { vehicle: "drone-1", created_at_us: 6_400 },
  changes: [
    { at_us: 6_600, state: "sent", reason: "" },
    { at_us: 7_000, state: "refused", reason: "battery" },
  ],
  decisions: [],
} as unknown as TaskDetail;

describe("the timeline", () => {
  const lines = story({ incident, files: [clip, picture, clip], trace, tasks: [detail] }, WORDS);

  it("goes from the pre-roll over the first frame to what a person did, in order of time", () => {
    expect(lines.map((line) => [line.atUs, line.who, line.what])).toEqual([
      [1_000, "fence-cam", "the clip begins"],
      [3_500, "fence-cam", "first frame"],
      [5_000, "edge-1", "alarm: person in zone yard"],
      [6_000, "fence-cam", "best picture"],
      [6_500, "drone-1", "gate approved GoTo"],
      [6_600, "drone-1", "sent"],
      [7_000, "drone-1", "refused: battery"],
      [7_800, "drone-1", "gate refused GoTo somebody stands under the way"],
      [8_000, "fence-cam", "the clip ends"],
      [9_000, "Ada Byron", "acknowledged: person in zone yard"],
    ]);
  });

  it("tells what a camera saw from what a person said", () => {
    expect(lines.find((line) => line.who === "edge-1")?.kind).toBe("seen");
    expect(lines.find((line) => line.who === "Ada Byron")?.kind).toBe("said");
  });

  it("marks the line that was the last at a moment, and none before the first", () => {
    expect(lineAt(lines, 6_050)).toBe(3);
    expect(lineAt(lines, 999)).toBe(-1);
  });

  it("knows when it began by the camera's clock, and says nothing where no camera saw it", () => {
    expect(beganAtUs(trace)).toBe(3_500);
    expect(beganAtUs(null)).toBeNull();
  });
});

it("orders the parts of the way as the way goes", () => {
  expect(hopsOf(trace).map((hop) => hop.name)).toEqual(["decode", "gate", "mavlink_ack"]);
});

it("says what a task was at a moment, and nothing before it was made", () => {
  expect([6_000, 6_500, 6_700, 9_000].map((atUs) => taskStateAt(detail, atUs))).toEqual([null, "created", "sent", "refused"]);
});
