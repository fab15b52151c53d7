import { describe, expect, it } from "vitest";
import { moved, settled } from "./order";

describe("the queue", () => {
  it("is by urgency while nobody is in it", () => {
    expect(settled(["a", "b"], ["new", "b", "a"], false)).toEqual({ shown: ["new", "b", "a"], waiting: [] });
  });

  it("keeps each card in its place while somebody is in it, and lets the new alarm wait", () => {
    expect(settled(["a", "b"], ["new", "b", "a"], true)).toEqual({ shown: ["a", "b"], waiting: ["new"] });
  });

  it("leaves out a card that is gone", () => {
    expect(settled(["a", "b"], ["b"], true).shown).toEqual(["b"]);
  });

  it("is walked through by key and stops at its ends", () => {
    const rows = ["a", "b", "c"];
    expect([moved(rows, null, 1), moved(rows, "a", 1), moved(rows, "c", 1), moved(rows, "a", -1), moved([], null, 1)]).toEqual([
      "a",
      "b",
      "c",
      "a",
      null,
    ]);
  });
});
