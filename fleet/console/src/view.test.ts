import { describe, expect, it } from "vitest";
import { parsed, rateOf } from "./view";
import type { PictureHead } from "./ways/way";

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

describe("the rate of a live picture", () => {
  it("is counted between pictures, and unknown of one", () => {
    expect(rateOf([0, 100, 200, 300])).toBeCloseTo(10, 6);
    expect(rateOf([5])).toBeNull();
    expect(rateOf([])).toBeNull();
  });
});
