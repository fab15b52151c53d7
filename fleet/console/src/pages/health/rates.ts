// Pictures a second of each camera, from the counts that its node sends every two seconds. A node that began anew counts
// from zero again, and a rate is only told over a span that this page has seen itself.
import type { NodeView } from "../../contract";

const SPAN_MS = 10_000; // over which a rate is told
const LEAST_MS = 3_500; // two of a node's figures: less is a guess

interface Count {
  atMs: number;
  decoded: number;
  used: number;
}

export interface Rate {
  decodedHz: number | null; // as they come from the camera
  usedHz: number | null; // as they were judged
  lastNewMs: number | null; // when the count was last seen to rise
}

const UNKNOWN: Rate = { decodedHz: null, usedHz: null, lastNewMs: null };

export class Rates {
  private readonly counts = new Map<string, Count[]>();
  private readonly lastNewMs = new Map<string, number>();

  /** What a node said, heard at `atMs` of this browser's clock; the same again changes nothing. */
  hear(node: NodeView, atMs: number): void {
    for (const feed of node.health) {
      const counts = this.counts.get(feed.camera) ?? [];
      const last = counts.at(-1);
      if (last && last.decoded === feed.frames_decoded && last.used === feed.frames_used) continue;
      const isAnew = last !== undefined && feed.frames_decoded < last.decoded;
      if (last && !isAnew) this.lastNewMs.set(feed.camera, atMs);
      const kept = isAnew ? [] : counts.filter((count) => atMs - count.atMs <= SPAN_MS);
      this.counts.set(feed.camera, [...kept, { atMs, decoded: feed.frames_decoded, used: feed.frames_used }]);
    }
  }

  of(camera: string, nowMs: number): Rate {
    const counts = this.counts.get(camera) ?? [];
    const [first, last] = [counts[0], counts.at(-1)];
    const lastNewMs = this.lastNewMs.get(camera) ?? null;
    if (!first || !last) return { ...UNKNOWN, lastNewMs };
    if (nowMs - last.atMs > SPAN_MS) return { decodedHz: null, usedHz: null, lastNewMs };
    const spanMs = last.atMs - first.atMs;
    if (spanMs < LEAST_MS) return { ...UNKNOWN, lastNewMs };
    const hz = (from: number, to: number) => ((to - from) * 1000) / spanMs;
    return { decodedHz: hz(first.decoded, last.decoded), usedHz: hz(first.used, last.used), lastNewMs };
  }
}
