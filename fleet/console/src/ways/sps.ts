// What size an H.264 picture has: the beginning of its sequence parameter set (ITU-T H.264, 7.3.2.1.1).
const HIGH = new Set([100, 110, 122, 244, 44, 83, 86, 118, 128]); // profiles that say more of colours

class Bits {
  private at = 0;
  constructor(private readonly bytes: readonly number[]) {}

  read(count: number): number {
    let value = 0;
    for (let n = 0; n < count; n += 1, this.at += 1) {
      const byte = this.bytes[this.at >> 3];
      if (byte === undefined) throw new RangeError("the parameter set is too short");
      value = value * 2 + ((byte >> (7 - (this.at & 7))) & 1);
    }
    return value;
  }

  /** Exp-Golomb, without sign. */
  golomb(): number {
    let zeros = 0;
    while (this.read(1) === 0) zeros += 1;
    if (zeros > 31) throw new RangeError("no parameter set");
    return 2 ** zeros - 1 + this.read(zeros);
  }

  signed(): number {
    const code = this.golomb();
    return code % 2 === 1 ? (code + 1) / 2 : -code / 2;
  }
}

function skipScalingLists(bits: Bits, lists: number): void {
  for (let list = 0; list < lists; list += 1) {
    if (bits.read(1) === 0) continue;
    let last = 8;
    for (let n = 0, next = 8; n < (list < 6 ? 16 : 64); n += 1) {
      if (next !== 0) next = (last + bits.signed() + 256) % 256;
      last = next === 0 ? last : next;
    }
  }
}

/** Width and height in pixels, cropped as it says. Raises RangeError for what is no parameter set. */
export function sizeOf(sps: Uint8Array): { widthPx: number; heightPx: number } {
  const bytes = [...sps].filter((byte, n) => !(byte === 3 && n > 2 && sps[n - 1] === 0 && sps[n - 2] === 0)); // 7.4.1
  const bits = new Bits(bytes.slice(1));
  const profile = bits.read(8);
  bits.read(16); // constraints and level
  bits.golomb();
  let chroma = 1;
  if (HIGH.has(profile)) {
    chroma = bits.golomb();
    if (chroma === 3) bits.read(1);
    bits.golomb();
    bits.golomb();
    bits.read(1);
    if (bits.read(1) === 1) skipScalingLists(bits, chroma === 3 ? 12 : 8);
  }
  bits.golomb();
  const order = bits.golomb();
  if (order === 0) bits.golomb();
  else if (order === 1) {
    bits.read(1);
    bits.signed();
    bits.signed();
    const cycle = bits.golomb();
    for (let n = 0; n < cycle; n += 1) bits.signed();
  }
  bits.golomb();
  bits.read(1);
  const across = bits.golomb() + 1;
  const down = bits.golomb() + 1;
  const fields = bits.read(1) === 1 ? 1 : 2; // 2: each half of the picture may come alone
  if (fields === 2) bits.read(1);
  bits.read(1);
  const crop = bits.read(1) === 1 ? [bits.golomb(), bits.golomb(), bits.golomb(), bits.golomb()] : [0, 0, 0, 0];
  const [left = 0, right = 0, top = 0, bottom = 0] = crop;
  const stepX = chroma === 1 || chroma === 2 ? 2 : 1;
  const stepY = (chroma === 1 ? 2 : 1) * fields;
  return { widthPx: across * 16 - stepX * (left + right), heightPx: down * 16 * fields - stepY * (top + bottom) };
}
