import { expect, test } from "vitest";
import type { NodeView } from "../../contract";
import { Rates } from "./rates";

function node(decoded: number, used: number): NodeView {
  const health = { camera: "gate-a", frames_decoded: decoded, frames_used: used, frames_dropped: 0, frames_quiet: 0, inference_ms: 9 };
  return { id: "gate-1", health: [health] } as unknown as NodeView;
}

test("pictures a second come from two counts and the time between them", () => {
  const rates = new Rates();
  rates.hear(node(100, 50), 0);
  rates.hear(node(200, 70), 4_000);
  expect(rates.of("gate-a", 4_500)).toEqual({ decodedHz: 25, usedHz: 5, lastNewMs: 4_000 });
});

test("one count tells no rate, and a camera never heard has none", () => {
  const rates = new Rates();
  rates.hear(node(100, 50), 0);
  expect(rates.of("gate-a", 1_000)).toEqual({ decodedHz: null, usedHz: null, lastNewMs: null });
  expect(rates.of("nobody", 0).decodedHz).toBeNull();
});

test("a node that began anew is not counted backwards", () => {
  const rates = new Rates();
  rates.hear(node(5_000, 900), 0);
  rates.hear(node(40, 10), 4_000);
  expect(rates.of("gate-a", 4_000).decodedHz).toBeNull();
});

test("a rate that nobody renewed is not told for long, but when the last picture came is", () => {
  const rates = new Rates();
  rates.hear(node(100, 50), 0);
  rates.hear(node(200, 70), 4_000);
  expect(rates.of("gate-a", 20_000)).toEqual({ decodedHz: null, usedHz: null, lastNewMs: 4_000 });
});

test("the same word twice is heard once", () => {
  const rates = new Rates();
  rates.hear(node(100, 50), 0);
  rates.hear(node(100, 50), 9_000);
  expect(rates.of("gate-a", 9_000).lastNewMs).toBeNull();
});
