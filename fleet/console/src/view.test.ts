import { describe, expect, it } from "vitest";
import { type PictureHead, parsed, type ViewState } from "./view";
import { isOld, viewLine } from "./words";

const head: PictureHead = {
  camera: "mast",
  codec: "avc1.64001F",
  is_key: true,
  reel: 1,
  taken_at_us: 5,
  origin: "live",
  is_masked: false,
};

function message(text: string, data: number[]): ArrayBuffer {
  const bytes = new TextEncoder().encode(text);
  return new Uint8Array([bytes.length >> 8, bytes.length & 255, ...bytes, ...data]).buffer;
}

function state(change: Partial<ViewState> = {}): ViewState {
  return {
    isConnected: true,
    isNodeHere: true,
    takenAtUs: 5,
    delayMs: 210,
    drawnAtMs: 1_000,
    head,
    problem: "",
    ...change,
  };
}

describe("a live picture's message", () => {
  it("is a head and bytes", () => {
    const picture = parsed(message(JSON.stringify(head), [0, 0, 1, 103]));
    expect(picture?.head).toEqual(head);
    expect([...(picture?.data ?? [])]).toEqual([0, 0, 1, 103]);
  });

  it("is let go when it makes no sense", () => {
    expect(parsed(new ArrayBuffer(1))).toBeNull();
    expect(parsed(message("{", [1]))).toBeNull();
    expect(parsed(new Uint8Array([255, 255, 1]).buffer)).toBeNull();
  });
});

describe("the line under a live picture", () => {
  it("says how far behind it is, and what it is", () => {
    expect(viewLine(state(), "edge-1", 1_100)).toBe("0.2 s behind");
    const recorded = state({ head: { ...head, origin: "replayed", is_masked: true } });
    expect(viewLine(recorded, "edge-1", 1_100)).toBe("0.2 s behind (replayed, masked)");
    expect(viewLine(state({ delayMs: -5_000 }), "edge-1", 1_100)).toBe("Delay unknown: the clocks differ");
  });

  it("never lets an old picture look alive", () => {
    expect(isOld(state(), 1_100)).toBe(false);
    expect(isOld(state(), 4_100)).toBe(true);
    expect(isOld(state({ delayMs: 9_000 }), 1_100)).toBe(true);
    expect(isOld(null, 1_100)).toBe(true);
    expect(viewLine(state({ isNodeHere: false }), "edge-1", 11_000)).toBe(
      "Old picture: 10 s – edge-1 shows nothing just now",
    );
  });

  it("says why there is none", () => {
    const none = { takenAtUs: null, delayMs: null, head: null };
    expect(viewLine(null, "edge-1", 0)).toBe("Asking for the picture…");
    expect(viewLine(state(none), "edge-1", 0)).toBe("Waiting for the first picture…");
    expect(viewLine(state({ ...none, isNodeHere: false }), "edge-1", 0)).toBe("edge-1 shows nothing just now");
    expect(viewLine(state({ ...none, problem: "this browser does not play hev1" }), "edge-1", 0)).toBe(
      "this browser does not play hev1",
    );
  });
});
