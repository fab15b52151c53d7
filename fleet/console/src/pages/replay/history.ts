// The history as the player needs it: pages of frames, a bounded number of them, asked for before they are shown.
import type { HistoryFrame, HistoryPage } from "../../contract";

const PAGES_HELD = 8; // an hour at speed passes through them and leaves nothing behind
const PAGE_STEPS = 60;
const MOST_ANSWERS = 12; // of one page
const AGAIN_MS = 2_000; // after an answer that failed

export type Ask = (path: string) => Promise<HistoryPage | null>;

/** What is known of a moment. gap: asked, and nothing was recorded. */
export type Moment =
  | { kind: "frame"; frame: HistoryFrame }
  | { kind: "gap" }
  | { kind: "loading" }
  | { kind: "failed" };

interface Held {
  frames: readonly HistoryFrame[];
  gapUs: number;
}

/** Milliseconds between two frames: as fine as anybody could see at that speed. */
export function stepFor(speed: number): number {
  if (speed <= 2) return 200;
  if (speed <= 16) return 1_000;
  return speed <= 30 ? 2_000 : 4_000;
}

export class HistoryCache {
  private readonly pages = new Map<string, Held>(); // the one used last at the end
  private readonly asking = new Set<string>();
  private readonly failedAt = new Map<string, number>();

  constructor(
    private readonly ask: Ask,
    private readonly nowMs: () => number,
    private readonly onPage: () => void = () => undefined,
  ) {}

  get size(): number {
    return this.pages.size;
  }

  /** The frame that held at a moment; asks for what is not here. A page whose end is still to come is not kept. */
  at(atUs: number, stepMs: number): Moment {
    const page = this.page(atUs, stepMs);
    if (page === "failed") return { kind: "failed" };
    if (page === null) return { kind: "loading" };
    const frame = lastAt(page.frames, atUs);
    const holdsUs = Math.max(page.gapUs, stepMs * 1000 + 1_000_000);
    return frame && atUs - frame.at_us <= holdsUs ? { kind: "frame", frame } : { kind: "gap" };
  }

  /** Asks already for what comes next. */
  ahead(atUs: number, stepMs: number): void {
    this.page(atUs + lengthUs(stepMs), stepMs);
  }

  /** The frame after or before the one of a moment, among those that are here. */
  beside(atUs: number, stepMs: number, direction: 1 | -1): HistoryFrame | null {
    const moments = [-1, 0, 1].map((n) => this.pages.get(keyOf(atUs + n * lengthUs(stepMs), stepMs)));
    const frames = moments.flatMap((page) => page?.frames ?? []);
    if (direction > 0) return frames.find((frame) => frame.at_us > atUs) ?? null;
    const now = lastAt(frames, atUs);
    return lastAt(frames, (now?.at_us ?? atUs) - 1);
  }

  /** The frames behind one moment and up to another, among those that are here. */
  between(afterUs: number, atUs: number, stepMs: number): HistoryFrame[] {
    const found: HistoryFrame[] = [];
    for (let fromUs = beginning(afterUs, stepMs); fromUs <= atUs; fromUs += lengthUs(stepMs)) {
      const frames = this.pages.get(keyOf(fromUs, stepMs))?.frames ?? [];
      found.push(...frames.filter((frame) => frame.at_us > Math.max(afterUs, found.at(-1)?.at_us ?? 0) && frame.at_us <= atUs));
    }
    return found;
  }

  /** What ends behind that moment may have grown since. */
  forgetFrom(atUs: number): void {
    for (const key of this.pages.keys()) {
      const [step = 0, from = 0] = key.split("/").map(Number);
      if (from + lengthUs(step) > atUs) this.pages.delete(key);
    }
  }

  private page(atUs: number, stepMs: number): Held | "failed" | null {
    const key = keyOf(atUs, stepMs);
    const held = this.pages.get(key);
    if (held) {
      this.pages.delete(key);
      this.pages.set(key, held);
      return held;
    }
    const failedAt = this.failedAt.get(key);
    if (failedAt !== undefined && this.nowMs() - failedAt < AGAIN_MS) return "failed";
    if (!this.asking.has(key)) void this.load(key, beginning(atUs, stepMs), stepMs);
    return null;
  }

  private async load(key: string, fromUs: number, stepMs: number): Promise<void> {
    this.asking.add(key);
    const toUs = fromUs + lengthUs(stepMs);
    const frames: HistoryFrame[] = [];
    let gapUs = 0;
    let askedUs: number | null = fromUs;
    for (let n = 0; n < MOST_ANSWERS && askedUs !== null && askedUs < toUs; n++) {
      const answer: HistoryPage | null = await this.ask(`/api/v1/history?from_us=${askedUs}&to_us=${toUs}&step_ms=${stepMs}`);
      if (!answer) {
        this.asking.delete(key);
        this.failedAt.clear(); // one is enough to remember
        this.failedAt.set(key, this.nowMs());
        this.onPage();
        return;
      }
      const lastUs = frames.at(-1)?.at_us ?? -1;
      frames.push(...answer.frames.filter((frame) => frame.at_us > lastUs));
      gapUs = answer.gap_us;
      askedUs = answer.next_us;
    }
    this.asking.delete(key);
    this.failedAt.delete(key);
    this.pages.set(key, { frames, gapUs });
    for (const oldest of this.pages.keys()) {
      if (this.pages.size <= PAGES_HELD) break;
      this.pages.delete(oldest);
    }
    this.onPage();
  }
}

function lengthUs(stepMs: number): number {
  return PAGE_STEPS * Math.max(stepMs, 1_000) * 1_000;
}

function beginning(atUs: number, stepMs: number): number {
  return Math.max(0, Math.floor(atUs / lengthUs(stepMs)) * lengthUs(stepMs));
}

function keyOf(atUs: number, stepMs: number): string {
  return `${stepMs}/${beginning(atUs, stepMs)}`;
}

/** The last frame at or before a moment. */
export function lastAt(frames: readonly HistoryFrame[], atUs: number): HistoryFrame | null {
  let low = 0;
  let high = frames.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((frames[middle]?.at_us ?? 0) <= atUs) low = middle + 1;
    else high = middle;
  }
  return frames[low - 1] ?? null;
}
