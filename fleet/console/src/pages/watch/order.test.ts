import { describe, expect, it } from "vitest";
import { moved, settled } from "./order";

describe("the queue", () => {
  it("is by urgency while nobody is in it", () => {
    expect(settled(["a", "b"], ["new", "b", "a"], 9, false)).toEqual({ shown: ["new", "b", "a"], waiting: [] });
  });

  it("keeps each card in its place while somebody is in it, and lets the new alarm wait", () => {
    expect(settled(["a", "b"], ["new", "b", "a"], 9, true)).toEqual({ shown: ["a", "b"], waiting: ["new"] });
  });

  it("leaves out a card that is gone", () => {
    expect(settled(["a", "b"], ["b"], 9, true).shown).toEqual(["b"]);
  });

  it("keeps what somebody looks at however many more urgent ones there are", () => {
    expect(settled(["a", "b"], ["n1", "n2", "n3", "a", "b"], 2, true)).toEqual({ shown: ["a", "b"], waiting: ["n1", "n2"] });
  });

  it("shows what there is where nothing of what somebody looked at is left", () => {
    expect(settled([], ["n1", "n2"], 1, true)).toEqual({ shown: ["n1"], waiting: [] });
    expect(settled(["gone"], ["n1"], 1, true)).toEqual({ shown: ["n1"], waiting: [] });
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
