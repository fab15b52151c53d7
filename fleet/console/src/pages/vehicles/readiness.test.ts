// @vitest-environment jsdom
import { expect, test } from "vitest";
import type { Task, VehicleView } from "../../contract";
import { readiness, steps, taskWords } from "./readiness";
import { WORDS } from "./words";

const VIEW = { heard_age_s: 0.2, is_silent: false, latched_because: null, not_ready_because: [] };
const of = (change: object, kept?: string[]) => readiness({ ...VIEW, ...change } as unknown as VehicleView, kept);

test("a vehicle is ready when nothing speaks against it", () => {
  expect(of({})).toEqual({ word: "ready", because: [] });
});

test("a link that is down is said before anything that was true when it was up", () => {
  expect(of({ is_silent: true, latched_because: "hold ordered by Ada" }).word).toBe("linkDown");
  expect(of({ heard_age_s: null, is_silent: true }).word).toBe("neverHeard");
});

test("what holds it, and what is missing, is said with its reasons", () => {
  expect(of({ latched_because: "hold ordered by Ada" })).toEqual({ word: "held", because: ["hold ordered by Ada"] });
  expect(of({ not_ready_because: ["battery is not known", "no fix"] })).toEqual({ word: "notReady", because: ["battery is not known", "no fix"] });
});

test("a task is told by its kind, its state and how far it is", () => {
  const task = { kind: "orbit", state: "executing", progress: "on the circle, 50 %", reason: "Ada sends it", patrol: null } as unknown as Task;
  expect(taskWords(task, WORDS.en)).toBe("Orbit: under way – on the circle, 50 %");
  expect(taskWords({ ...task, kind: "patrol", patrol: "round", progress: "" }, WORDS.de)).toBe("Streife round: unterwegs – Ada sends it");
  expect(taskWords(undefined, WORDS.en)).toBe("none");
});

test("what keeps it from being sent is the coordinator's own word, and who is under way is at work", () => {
  expect(of({}, ["wind 15.0 m/s"])).toEqual({ word: "notReady", because: ["wind 15.0 m/s"] });
  expect(of({ task_id: "t", armed: true }, ["it has a task already"])).toEqual({ word: "atWork", because: ["it has a task already"] });
  expect(of({ not_ready_because: ["no fix"] }, []).word).toBe("ready");
});

test("of a task it is told what is done, what is under way and what is still to come", () => {
  const is = (state: Task["state"]) => steps({ state } as Task).map((step) => step.is);
  expect(is("created")).toEqual(["now", "next", "next", "next"]);
  expect(is("executing")).toEqual(["past", "past", "now", "next"]);
  expect(is("done")).toEqual(["past", "past", "past", "past"]);
});
