import { describe, expect, it } from "vitest";
import { keyMeans, learnt, preRoll, secondAt, stepTo, usAt } from "./stepping";

describe("a step", () => {
  it("lands in the middle of the frame after or before", () => {
    expect(stepTo(1.0, 1, 0.1, 10)).toBeCloseTo(1.15);
    expect(stepTo(1.0, -1, 0.1, 10)).toBeCloseTo(0.95);
  });

  it("stays within the clip", () => {
    expect(stepTo(0, -1, 0.1, 10)).toBe(0);
    expect(stepTo(9.9, 1, 0.1, 10)).toBeCloseTo(9.95);
  });

  it("takes 25 frames a second until it knows better", () => {
    expect(stepTo(0, 1, null, 10)).toBeCloseTo(0.06);
  });
});

describe("the spacing of frames", () => {
  it("is the smallest gap between two that were shown", () => {
    expect([0.2, 0.1, 0.3].reduce<number | null>((known, gap) => learnt(known, 5, 5 + gap), null)).toBeCloseTo(0.1);
  });

  it("learns nothing from a jump or from the same frame", () => {
    expect(learnt(null, 1, 9)).toBeNull();
    expect(learnt(0.1, 1, 1)).toBe(0.1);
  });
});

describe("a key", () => {
  it("plays, steps and hides the boxes", () => {
    expect([" ", ",", ".", "b", "x"].map((key) => keyMeans(key, { tagName: "DIV" }))).toEqual(["play", "back", "forward", "boxes", null]);
  });

  it("is left to who writes, and a space to the button it would press", () => {
    expect(keyMeans(".", { tagName: "TEXTAREA" })).toBeNull();
    expect(keyMeans(" ", { tagName: "BUTTON" })).toBeNull();
    expect(keyMeans(".", { tagName: "BUTTON" })).toBe("forward");
  });
});

it("marks as pre-roll what was before the first frame of the event", () => {
  expect(preRoll(0, 10_000_000, 2_500_000)).toBe(0.25);
  expect(preRoll(0, 10_000_000, null)).toBe(0);
  expect(secondAt(1_000_000, usAt(1_000_000, 2.5))).toBe(2.5);
});
