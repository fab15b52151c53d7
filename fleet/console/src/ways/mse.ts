// H.264 through Media Source Extensions, for pages without WebCodecs: muxed into MP4 here, played by a <video> that nobody
// sees, and drawn from it. It stays near the newest picture: a little faster while it lags, a jump when it lags much.
import { areSame, fragment, header, joined, type ParameterSets, setsOf, TIMESCALE, unitsOf } from "./fmp4";
import { sizeOf } from "./sps";
import { type Decoder, type Listener, mp4Type, type PictureHead } from "./way";

const NEAR_S = 0.06; // behind the newest picture: it must have come before it is due
const LAGGING_S = 0.08;
const LOST_S = 1.0;
const SLIGHTLY_FASTER = 1.1;
const MUCH_FASTER = 1.5;
const KEPT_S = 4.0;
const SHORTEST_US = 4_000;
const LONGEST_US = 500_000; // a camera that pauses leaves no hole in what is played
const MOST_WAITING = 200; // pictures that the browser has not taken

interface Placed {
  atS: number;
  head: PictureHead;
}

/** What to do so that the newest picture is near: where to jump, or how fast to play. */
export function pace(aheadS: number): { isJump: boolean; rate: number } {
  const rate = aheadS > 3 * LAGGING_S ? MUCH_FASTER : aheadS > LAGGING_S ? SLIGHTLY_FASTER : 1;
  return { isJump: aheadS > LOST_S, rate };
}

/** Pictures one after the other on a line without holes: each lasts as long as the last ones did on average. */
export class Timeline {
  private atUs = 0;
  private lastUs: number | null = null;
  private averageUs = 40_000;

  /** Raises RangeError for a picture that is shown before its predecessor. */
  next(takenAtUs: number): { at: number; duration: number } {
    if (this.lastUs !== null) {
      if (takenAtUs < this.lastUs) throw new RangeError("its pictures come out of order");
      const sinceUs = Math.min(Math.max(takenAtUs - this.lastUs, SHORTEST_US), LONGEST_US);
      this.averageUs += (sinceUs - this.averageUs) / 8;
    }
    this.lastUs = takenAtUs;
    const at = this.atUs;
    const duration = Math.round(this.averageUs);
    this.atUs += duration;
    return { at, duration };
  }
}

/** The picture that is on the screen at this moment of the line. */
export function placedAt(placed: readonly Placed[], atS: number): Placed | undefined {
  return placed.findLast((each) => each.atS <= atS + 0.002);
}

export function throughMse(first: PictureHead, listener: Listener): Decoder {
  return new Played(first, listener);
}

class Played implements Decoder {
  private readonly video = document.createElement("video");
  private readonly media = new MediaSource();
  private readonly url = URL.createObjectURL(this.media);
  private readonly timeline = new Timeline();
  private waiting: Uint8Array<ArrayBuffer>[] = [];
  private placed: Placed[] = []; // pictures that may be on the screen yet
  private sets: ParameterSets | null = null;
  private buffer: SourceBuffer | null = null;
  private number = 0;
  private isOver = false;
  private stopLooking = () => {};

  constructor(
    first: PictureHead,
    private readonly listener: Listener,
  ) {
    this.video.muted = true;
    this.video.playsInline = true;
    this.video.setAttribute("aria-hidden", "true");
    this.video.tabIndex = -1;
    // On the page, though nobody sees it: a browser hurries with no other video.
    Object.assign(this.video.style, { position: "fixed", left: "0", top: "0", width: "2px", height: "2px", opacity: "0.01", pointerEvents: "none" });
    document.body.append(this.video);
    this.video.onerror = () => this.fail(this.video.error?.message || "the picture could not be played");
    this.media.onsourceopen = () => {
      try {
        this.buffer = this.media.addSourceBuffer(mp4Type(first.codec));
        this.buffer.onupdateend = () => this.pump();
        this.pump();
      } catch (error) {
        this.fail(error, true);
      }
    };
    this.video.src = this.url;
    this.look();
  }

  take(head: PictureHead, data: Uint8Array): void {
    if (this.isOver) return;
    const units = unitsOf(data);
    try {
      const sets = head.is_key ? setsOf(units) : null;
      if (sets && !areSame(sets, this.sets)) {
        const { widthPx, heightPx } = sizeOf(sets.sps);
        this.sets = sets;
        this.waiting.push(header(sets, widthPx, heightPx));
      }
      if (!this.sets) return; // until a key frame says how to read it
      const { at, duration } = this.timeline.next(head.taken_at_us);
      this.waiting.push(fragment(units, head.is_key, { number: (this.number += 1), at, duration }));
      this.placed.push({ atS: at / TIMESCALE, head });
    } catch (error) {
      this.fail(error, error instanceof RangeError);
      return;
    }
    if (this.waiting.length > MOST_WAITING) this.fail("this browser takes the picture too slowly");
    else this.pump();
  }

  close(): void {
    this.isOver = true;
    this.stopLooking();
    this.video.onerror = null;
    this.media.onsourceopen = null;
    this.video.removeAttribute("src");
    this.video.load();
    this.video.remove();
    URL.revokeObjectURL(this.url);
  }

  private fail(error: unknown, isFinal = false): void {
    const problem = error instanceof Error ? error.message : String(error);
    if (!this.isOver) queueMicrotask(() => !this.isOver && this.listener.fail(problem, isFinal));
  }

  /** What waits goes into the browser; what was shown long ago goes out. */
  private pump(): void {
    const { buffer } = this;
    if (!buffer || buffer.updating || this.isOver || this.media.readyState !== "open") return;
    this.follow(buffer.buffered);
    try {
      const shownS = this.video.currentTime;
      if (this.waiting.length > 0) buffer.appendBuffer(joined(this.waiting.splice(0)));
      else if (buffer.buffered.length > 0 && shownS - buffer.buffered.start(0) > 3 * KEPT_S)
        buffer.remove(0, shownS - KEPT_S);
    } catch (error) {
      this.fail(error);
    }
  }

  private follow(buffered: TimeRanges): void {
    const { video } = this;
    if (buffered.length === 0) return;
    const newestS = buffered.end(buffered.length - 1);
    const { isJump, rate } = pace(newestS - video.currentTime);
    if (isJump) video.currentTime = newestS - NEAR_S;
    if (video.playbackRate !== rate) video.playbackRate = rate;
    if (video.paused) video.play().catch(() => undefined);
  }

  /** Each picture that the video shows is told once. */
  private look(): void {
    const { video } = this;
    if ("requestVideoFrameCallback" in video) {
      const again = () => video.requestVideoFrameCallback((_, { mediaTime }) => {
        this.shown(mediaTime);
        if (!this.isOver) again();
      });
      again();
      return;
    }
    const timer = setInterval(() => this.shown((video as HTMLVideoElement).currentTime), 40);
    this.stopLooking = () => clearInterval(timer);
  }

  private shown(atS: number): void {
    const { video, isOver } = this;
    const on = placedAt(this.placed, atS);
    if (!on || isOver || video.videoWidth === 0) return;
    this.placed = this.placed.filter((each) => each.atS > on.atS);
    const { videoWidth: width, videoHeight: height } = video;
    this.listener.show({ image: video, width, height, head: on.head, takenAtUs: on.head.taken_at_us, isNow: true, close: () => {} });
  }
}
