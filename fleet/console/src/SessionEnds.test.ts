// @vitest-environment jsdom
import { expect, test } from "vitest";
import { isEnding } from "./SessionEnds";

test("a session is said to end a quarter of an hour before, and one without an end never", () => {
  expect(isEnding(16 * 60_000, 0)).toBe(false);
  expect(isEnding(15 * 60_000, 0)).toBe(true);
  expect(isEnding(0, 1)).toBe(true);
  expect(isEnding(null, 0)).toBe(false);
});
