import { expect, test } from "vitest";
import type { Task, VehicleView } from "../../contract";
import { readiness, taskWords } from "./readiness";
import { WORDS } from "./words";

const VIEW = { heard_age_s: 0.2, is_silent: false, latched_because: null, not_ready_because: [] };
const of = (change: object) => readiness({ ...VIEW, ...change } as unknown as VehicleView);

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
