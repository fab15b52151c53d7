import { describe, expect, it } from "vitest";
import { areSame, fragment, header, setsOf, unitsOf } from "./fmp4";
import { pace, placedAt, Timeline } from "./mse";
import { sizeOf } from "./sps";
import type { PictureHead } from "./way";

const bytes = (hex: string) => Uint8Array.from(hex.match(/../g) ?? [], (pair) => parseInt(pair, 16));
// Of x264: 160x120 and 1280x720 baseline, and 1920x1080 high, which is cropped.
const SMALL = bytes("6742c00bda0a11f961000003000100000300328f142aa0");
const MIDDLE = bytes("6742c01fda014016e840000003004000000ca3c60ca8");
const LARGE = bytes("67640028acb200f0044fcb080000030008000003019478c19240");
const PPS = bytes("68ce0fc8");
const START = [0, 0, 0, 1];

interface Box {
  type: string;
  begin: number; // of its content
  end: number;
}

/** The boxes of a stretch of an MP4, each with its size checked. */
function boxes(file: Uint8Array, begin = 0, end = file.length): Box[] {
  const view = new DataView(file.buffer, file.byteOffset);
  const found: Box[] = [];
  for (let at = begin; at < end; ) {
    const size = view.getUint32(at);
    if (size < 8 || at + size > end) throw new Error(`a box of ${size} bytes at ${at}`);
    found.push({ type: String.fromCharCode(...file.subarray(at + 4, at + 8)), begin: at + 8, end: at + size });
    at += size;
  }
  return found;
}

function inside(file: Uint8Array, ...path: string[]): Box {
  let at: Box = { type: "", begin: 0, end: file.length };
  for (const type of path) {
    const next = boxes(file, at.begin, at.end).find((each) => each.type === type);
    if (!next) throw new Error(`no ${type}`);
    at = next;
  }
  return at;
}

describe("an Annex B stream", () => {
  it("is taken apart at short and long start codes", () => {
    const units = unitsOf(Uint8Array.of(0, 0, 0, 1, 9, 240, 0, 0, 1, 101, 1, 2, 0, 0, 3, 0, 0, 0, 1, 65, 7));
    expect(units.map((unit) => [...unit])).toEqual([[9, 240], [101, 1, 2, 0, 0, 3], [65, 7]]);
    expect(unitsOf(Uint8Array.of(5, 5, 5))).toEqual([]);
  });

  it("says in its parameter sets how large its pictures are", () => {
    expect(sizeOf(SMALL)).toEqual({ widthPx: 160, heightPx: 120 });
    expect(sizeOf(MIDDLE)).toEqual({ widthPx: 1280, heightPx: 720 });
    expect(sizeOf(LARGE)).toEqual({ widthPx: 1920, heightPx: 1080 });
    expect(() => sizeOf(SMALL.subarray(0, 5))).toThrow(RangeError);
  });

  it("has parameter sets only before a key frame", () => {
    const sets = setsOf(unitsOf(Uint8Array.of(...START, ...SMALL, ...START, ...PPS, ...START, 101, 1)));
    expect(areSame(sets, { sps: SMALL, pps: PPS })).toBe(true);
    expect(areSame(sets, { sps: MIDDLE, pps: PPS })).toBe(false);
    expect(setsOf(unitsOf(Uint8Array.of(...START, 65, 1)))).toBeNull();
  });
});

describe("the MP4 of a live picture", () => {
  it("names codec and size in its head, and no duration", () => {
    const head = header({ sps: MIDDLE, pps: PPS }, 1280, 720);
    expect(boxes(head).map(({ type }) => type)).toEqual(["ftyp", "moov"]);
    const view = new DataView(head.buffer);
    const entry = inside(head, "moov", "trak", "mdia", "minf", "stbl", "stsd").begin + 8;
    expect(String.fromCharCode(...head.subarray(entry + 4, entry + 8))).toBe("avc1");
    expect([view.getUint16(entry + 32), view.getUint16(entry + 34)]).toEqual([1280, 720]);
    const avcC = boxes(head, entry + 86, entry + view.getUint32(entry))[0];
    expect(avcC?.type).toBe("avcC");
    const said = head.subarray(avcC?.begin, avcC?.end);
    expect([...said.subarray(0, 6)]).toEqual([1, 0x42, 0xc0, 0x1f, 0xff, 0xe1]);
    expect([...said.subarray(8, 8 + MIDDLE.length)]).toEqual([...MIDDLE]);
    expect(view.getUint32(inside(head, "moov", "mvhd").begin + 16)).toBe(0);
    expect(inside(head, "moov", "mvex", "trex").end).toBe(inside(head, "moov").end);
  });

  it("is one fragment a picture, whose offset points to its bytes", () => {
    const units = [SMALL, PPS, Uint8Array.of(9, 240), Uint8Array.of(6, 1), Uint8Array.of(101, 1, 2, 3)];
    const piece = fragment(units, true, { number: 7, at: 2 ** 33 + 5, duration: 40_000 });
    const view = new DataView(piece.buffer);
    const trun = inside(piece, "moof", "traf", "trun").begin;
    const fields = [1, 2, 3, 4, 5].map((n) => view.getUint32(trun + 4 * n));
    const [count, offset = 0, duration, size = 0, flags] = fields;
    expect([count, duration, flags]).toEqual([1, 40_000, 0x02000000]);
    expect([...piece.subarray(offset, offset + size)]).toEqual([0, 0, 0, 2, 6, 1, 0, 0, 0, 4, 101, 1, 2, 3]);
    expect(offset + size).toBe(piece.length);
    expect(view.getBigUint64(inside(piece, "moof", "traf", "tfdt").begin + 4)).toBe(2n ** 33n + 5n);
    const delta = fragment([Uint8Array.of(65, 1)], false, { number: 8, at: 0, duration: 1 });
    expect(new DataView(delta.buffer).getUint32(inside(delta, "moof", "traf", "trun").begin + 20)).toBe(0x01010000);
  });
});

describe("what is played", () => {
  it("has no holes though pictures come unevenly", () => {
    const line = new Timeline();
    let end = 0;
    for (const takenAtUs of [0, 40_000, 95_000, 120_000, 9_000_000, 9_040_000]) {
      const { at, duration } = line.next(takenAtUs);
      expect(at).toBe(end);
      expect(duration).toBeGreaterThan(10_000);
      expect(duration).toBeLessThan(200_000);
      end = at + duration;
    }
  });

  it("refuses pictures that come out of their order", () => {
    const line = new Timeline();
    line.next(80_000);
    expect(() => line.next(40_000)).toThrow("out of order");
  });

  it("goes faster while it lags, and jumps when it lags much", () => {
    expect(pace(0.05)).toEqual({ isJump: false, rate: 1 });
    expect(pace(0.1).rate).toBeGreaterThan(1);
    expect(pace(0.5).rate).toBeGreaterThan(pace(0.1).rate);
    expect(pace(0.5).isJump).toBe(false);
    expect(pace(3).isJump).toBe(true);
  });

  it("knows which picture is on the screen", () => {
    const placed = [0, 0.04, 0.08].map((atS, n) => ({ atS, head: { taken_at_us: n } as PictureHead }));
    expect(placedAt(placed, 0.0799)?.head.taken_at_us).toBe(2);
    expect(placedAt(placed, 0.05)?.head.taken_at_us).toBe(1);
    expect(placedAt(placed, -1)).toBeUndefined();
  });
});
