// H.264 of Annex B as fragmented MP4 (ISO/IEC 14496-12 and -15), a fragment for each picture: what Media Source Extensions
// take. One track, no B-frames.

const SPS = 7;
const PPS = 8;
const DELIMITER = 9;
export const TIMESCALE = 1_000_000;

/** The NAL units of an Annex B stream, without start codes. */
export function unitsOf(data: Uint8Array): Uint8Array[] {
  const starts: [number, number][] = []; // where the start code begins, and where the unit does
  for (let at = 0; at + 2 < data.length; at += 1) {
    if (data[at] !== 0 || data[at + 1] !== 0 || data[at + 2] !== 1) continue;
    starts.push([at > 0 && data[at - 1] === 0 ? at - 1 : at, at + 3]);
    at += 2;
  }
  return starts.map(([, begin], n) => data.subarray(begin, starts[n + 1]?.[0] ?? data.length)).filter((unit) => unit.length > 0);
}

const typeOf = (unit: Uint8Array) => (unit[0] ?? 0) & 31;

export interface ParameterSets {
  sps: Uint8Array;
  pps: Uint8Array;
}

/** Of a key frame; null where it has none. */
export function setsOf(units: readonly Uint8Array[]): ParameterSets | null {
  const sps = units.find((unit) => typeOf(unit) === SPS && unit.length > 4);
  const pps = units.find((unit) => typeOf(unit) === PPS);
  return sps && pps ? { sps, pps } : null;
}

export function areSame(one: ParameterSets | null, other: ParameterSets | null): boolean {
  const same = (a: Uint8Array, b: Uint8Array) => a.length === b.length && a.every((byte, n) => byte === b[n]);
  return one !== null && other !== null && same(one.sps, other.sps) && same(one.pps, other.pps);
}

export function joined(parts: readonly Uint8Array[]): Uint8Array<ArrayBuffer> {
  const whole = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}

const u16 = (...values: number[]) => Uint8Array.from(values.flatMap((value) => [(value >>> 8) & 255, value & 255]));
const u32 = (...values: number[]) =>
  Uint8Array.from(values.flatMap((value) => [(value >>> 24) & 255, (value >>> 16) & 255, (value >>> 8) & 255, value & 255]));
const u64 = (value: number) => u32(Math.floor(value / 2 ** 32), value % 2 ** 32);
const zeros = (count: number) => new Uint8Array(count);
const text = (value: string) => new TextEncoder().encode(value);

function box(type: string, ...parts: Uint8Array[]): Uint8Array<ArrayBuffer> {
  const size = parts.reduce((sum, part) => sum + part.length, 8);
  return joined([u32(size), text(type), ...parts]);
}

const full = (type: string, version: number, flags: number, ...parts: Uint8Array[]) =>
  box(type, u32(((version << 24) | flags) >>> 0), ...parts);

const MATRIX = u32(0x10000, 0, 0, 0, 0x10000, 0, 0, 0, 0x40000000);

/** The head of the stream. No duration anywhere: that is how a browser knows that it is live, and does not gather. */
export function header({ sps, pps }: ParameterSets, widthPx: number, heightPx: number): Uint8Array<ArrayBuffer> {
  const avcC = box("avcC", Uint8Array.of(1), sps.slice(1, 4), Uint8Array.of(0xff, 0xe1), u16(sps.length), sps, Uint8Array.of(1), u16(pps.length), pps);
  const dots = u32(0x480000, 0x480000); // 72 an inch
  const entry = box("avc1", zeros(6), u16(1), zeros(16), u16(widthPx, heightPx), dots, zeros(4), u16(1), zeros(32), u16(24, 0xffff), avcC);
  const tables = box(
    "stbl",
    full("stsd", 0, 0, u32(1), entry),
    full("stts", 0, 0, u32(0)),
    full("stsc", 0, 0, u32(0)),
    full("stsz", 0, 0, u32(0, 0)),
    full("stco", 0, 0, u32(0)),
  );
  const source = box("dinf", full("dref", 0, 0, u32(1), full("url ", 0, 1)));
  const media = box(
    "mdia",
    full("mdhd", 0, 0, u32(0, 0, TIMESCALE, 0), u16(0x55c4, 0)),
    full("hdlr", 0, 0, u32(0), text("vide"), zeros(13)),
    box("minf", full("vmhd", 0, 1, zeros(8)), source, tables),
  );
  const size = u32(widthPx * 0x10000, heightPx * 0x10000);
  const track = box("trak", full("tkhd", 0, 3, u32(0, 0, 1, 0, 0), zeros(16), MATRIX, size), media);
  const movie = full("mvhd", 0, 0, u32(0, 0, TIMESCALE, 0, 0x10000), u16(0x100), zeros(10), MATRIX, zeros(24), u32(2));
  const fragments = box("mvex", full("trex", 0, 0, u32(1, 1, 0, 0, 0)));
  return joined([box("ftyp", text("iso5"), u32(512), text("iso5iso6mp41")), box("moov", movie, track, fragments)]);
}

export interface Timing {
  number: number; // of the fragment, from 1
  at: number; // in TIMESCALE
  duration: number;
}

/** One picture. Its parameter sets are in the head of the stream already. */
export function fragment(units: readonly Uint8Array[], isKey: boolean, { number, at, duration }: Timing): Uint8Array<ArrayBuffer> {
  const kept = units.filter((unit) => ![SPS, PPS, DELIMITER].includes(typeOf(unit)));
  const sample = joined(kept.flatMap((unit) => [u32(unit.length), unit]));
  const flags = isKey ? 0x02000000 : 0x01010000; // depends on no other; or does, and nothing begins there
  const of = (offset: number) =>
    box(
      "moof",
      full("mfhd", 0, 0, u32(number)),
      box(
        "traf",
        full("tfhd", 0, 0x20000, u32(1)), // offsets count from the moof
        full("tfdt", 1, 0, u64(at)),
        full("trun", 0, 0x701, u32(1, offset, duration, sample.length, flags)),
      ),
    );
  const length = of(0).length;
  return joined([of(length + 8), box("mdat", sample)]);
}
