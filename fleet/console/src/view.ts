// One camera, live: the coordinator's messages in, pictures on a canvas out, by the shortest way that this browser has
// (ways/). It says when the picture is old, and why there is none.
import { throughMse } from "./ways/mse";
import { throughStills } from "./ways/stills";
import { type Decoded, type Decoder, type Listener, meansHere, type PictureHead, wayFor, type WayName } from "./ways/way";
import { throughWebCodecs } from "./ways/webcodecs";

const RETRY_MS = [500, 1_000, 2_000, 4_000, 8_000];
const MOST_ERRORS = 3; // in a row, without a picture between them: then the next way
const ASK_EACH_MS = [200, 500, 1_000, 5_000, 20_000]; // how far apart the clocks are: the quickest answer counts
const RATE_MS = 2_000; // pictures a second are counted over this

export interface ViewState {
  isConnected: boolean;
  isNodeHere: boolean;
  mostCameras: number | null; // that the coordinator shows at once
  takenAtUs: number | null; // of the picture on the canvas, by the node's clock
  delayMs: number | null; // when it was drawn
  drawnAtMs: number;
  rateHz: number | null; // pictures drawn a second
  way: WayName | null; // of the picture on the canvas
  head: PictureHead | null;
  problem: string;
}

export const NOTHING_YET: ViewState = {
  isConnected: false,
  isNodeHere: false,
  mostCameras: null,
  takenAtUs: null,
  delayMs: null,
  drawnAtMs: 0,
  rateHz: null,
  way: null,
  head: null,
  problem: "",
};

interface Showing {
  is_node_here: boolean;
  now_us: number;
  most_cameras?: number;
  asked_at_ms?: number | null;
}

/** How far another clock is before ours, us: the quicker an answer, the less it can be wrong. */
export class ClockDifference {
  aheadUs = 0;
  private leastMs = Number.POSITIVE_INFINITY; // there and back, of what counts now

  /** askedAtMs: null of a word that nobody asked for, which counts until an answer came. */
  hear(nowUs: number, askedAtMs: number | null, heardAtMs: number): void {
    if (askedAtMs === null) {
      if (this.leastMs === Number.POSITIVE_INFINITY) this.aheadUs = nowUs - heardAtMs * 1000;
      return;
    }
    const wayMs = heardAtMs - askedAtMs;
    if (wayMs < 0) return; // our clock was set back
    this.leastMs += 0.1; // clocks drift: an answer does not count for ever
    if (wayMs > this.leastMs) return;
    this.leastMs = wayMs;
    this.aheadUs = nowUs - (heardAtMs - wayMs / 2) * 1000;
  }
}

/** A binary message taken apart; null for one that makes no sense. */
export function parsed(message: ArrayBuffer): { head: PictureHead; data: Uint8Array } | null {
  if (message.byteLength < 2) return null;
  const end = 2 + new DataView(message).getUint16(0);
  if (end >= message.byteLength) return null;
  try {
    const head = JSON.parse(new TextDecoder().decode(new Uint8Array(message, 2, end - 2))) as PictureHead;
    return { head, data: new Uint8Array(message, end) };
  } catch {
    return null;
  }
}

/** Where a camera's live picture is asked for. */
export function liveUrl(camera: string): string {
  const scheme = window.location.protocol === "https:" ? "wss" : "ws";
  return `${scheme}://${window.location.host}/api/v1/cameras/${camera}/live`;
}

export class View {
  private state = NOTHING_YET;
  private socket: WebSocket | null = null;
  private decoder: Decoder | null = null;
  private decodes = ""; // way, reel and codec
  private refused = new Set<WayName>(); // by this browser, for this camera
  private asksForStills = false;
  private errors = 0;
  private attempt = 0;
  private retry = 0;
  private newest: { picture: Decoded; way: WayName } | null = null; // for the next repaint: what a busy page cannot draw is left out
  private repaint = 0;
  private drawn: number[] = []; // when, within RATE_MS
  private clock = new ClockDifference(); // the coordinator's
  private asking = 0;
  private isOver = false;

  constructor(
    private readonly url: string,
    private readonly canvas: HTMLCanvasElement,
    private readonly tell: (state: ViewState) => void,
  ) {}

  start(): void {
    const socket = new WebSocket(this.asksForStills ? `${this.url}?as=jpeg` : this.url, ["vedette"]);
    socket.binaryType = "arraybuffer";
    socket.onmessage = (event: MessageEvent<string | ArrayBuffer>) => {
      if (socket !== this.socket || this.isOver) return;
      if (typeof event.data === "string") this.hear(JSON.parse(event.data) as Showing);
      else this.take(event.data);
    };
    socket.onclose = (event) => {
      if (socket === this.socket) this.lost(event.reason);
    };
    socket.onopen = () => this.ask(0);
    this.socket = socket;
  }

  /** The time, again and again. */
  private ask(times: number): void {
    clearTimeout(this.asking);
    if (this.isOver || this.socket?.readyState !== WebSocket.OPEN) return;
    this.socket.send(JSON.stringify({ type: "ask", asked_at_ms: Date.now() }));
    this.asking = window.setTimeout(() => this.ask(times + 1), ASK_EACH_MS[Math.min(times, ASK_EACH_MS.length - 1)]);
  }

  stop(): void {
    this.isOver = true;
    clearTimeout(this.asking);
    clearTimeout(this.retry);
    this.socket?.close();
    this.forget();
    cancelAnimationFrame(this.repaint);
    this.leave();
  }

  private hear(showing: Showing): void {
    this.attempt = 0;
    const askedAtMs = showing.asked_at_ms ?? null;
    this.clock.hear(showing.now_us, askedAtMs, Date.now());
    const mostCameras = showing.most_cameras ?? null;
    this.update({ isConnected: true, isNodeHere: showing.is_node_here, mostCameras, problem: "" });
  }

  private lost(reason: string): void {
    this.forget();
    if (this.isOver) return;
    this.update({ isConnected: false, problem: reason });
    this.retry = window.setTimeout(() => this.start(), RETRY_MS[Math.min(this.attempt++, RETRY_MS.length - 1)]);
  }

  private take(message: ArrayBuffer): void {
    const picture = parsed(message);
    if (!picture) return;
    const { head, data } = picture;
    const way = wayFor(head.codec, this.refused, meansHere());
    if (way === "JPEG" && head.codec !== "jpeg") {
      this.askForStills(head.codec);
      return;
    }
    const decodes = `${way}/${head.reel}/${head.codec}`;
    if (head.is_key && (decodes !== this.decodes || !this.decoder)) this.open(way, head, decodes);
    if (decodes === this.decodes) this.decoder?.take(head, data); // else not before the next key frame
  }

  /** This browser plays the codec in no way: the camera's node is asked for JPEG. */
  private askForStills(codec: string): void {
    this.forget();
    if (this.asksForStills) {
      this.update({ problem: `this browser does not play ${codec}, and the node sends nothing else` });
      return;
    }
    this.asksForStills = true;
    const before = this.socket;
    this.start();
    before?.close();
  }

  private open(way: WayName, head: PictureHead, decodes: string): void {
    this.forget();
    let decoder: Decoder | null = null;
    const listener: Listener = {
      show: (picture) => {
        this.errors = 0;
        this.draw(picture, way);
      },
      fail: (problem, isFinal) => {
        if (decoder === this.decoder) this.fail(way, problem, isFinal);
      },
    };
    if (way === "WebCodecs") decoder = throughWebCodecs(head, listener);
    else decoder = way === "MSE" ? throughMse(head, listener) : throughStills(listener);
    this.decoder = decoder;
    this.decodes = decodes;
  }

  private fail(way: WayName, problem: string, isFinal: boolean): void {
    this.errors += 1;
    this.forget();
    this.update({ problem });
    if (way !== "JPEG" && (isFinal || this.errors >= MOST_ERRORS)) {
      this.refused.add(way);
      this.errors = 0;
    }
  }

  private forget(): void {
    this.decoder?.close();
    this.decoder = null;
    this.decodes = "";
  }

  private draw(picture: Decoded, way: WayName): void {
    this.leave();
    this.newest = { picture, way };
    if (this.isOver) this.leave();
    else if (picture.isNow) this.paint();
    else if (!this.repaint) this.repaint = requestAnimationFrame(() => this.paint()); // a burst is one repaint
  }

  private paint(): void {
    cancelAnimationFrame(this.repaint);
    this.repaint = 0;
    if (!this.newest) return;
    const { picture, way } = this.newest;
    const { image, width, height, head, takenAtUs } = picture;
    if (this.canvas.width !== width || this.canvas.height !== height) {
      this.canvas.width = width;
      this.canvas.height = height;
    }
    this.canvas.getContext("2d")?.drawImage(image, 0, 0, width, height);
    this.leave();
    const nowMs = Date.now();
    const delayMs = nowMs + (this.clock.aheadUs - takenAtUs) / 1000;
    this.drawn = [...this.drawn.filter((atMs) => nowMs - atMs < RATE_MS), nowMs];
    this.update({ takenAtUs, delayMs, drawnAtMs: nowMs, rateHz: rateOf(this.drawn), way, head, problem: "" });
  }

  private leave(): void {
    this.newest?.picture.close();
    this.newest = null;
  }

  private update(change: Partial<ViewState>): void {
    this.state = { ...this.state, ...change };
    if (!this.isOver) this.tell(this.state);
  }
}

/** Pictures a second, of the times at which they were drawn; null of fewer than two. */
export function rateOf(drawnMs: readonly number[]): number | null {
  const [first, last] = [drawnMs[0], drawnMs.at(-1)];
  if (first === undefined || last === undefined || last === first) return null;
  return ((drawnMs.length - 1) * 1000) / (last - first);
}
