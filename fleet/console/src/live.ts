// The one WebSocket: begins when it is known who is here, reconnects by itself, and says since when nothing came, so
// that stale data cannot look alive. What only moves reaches React twice a second; the map hears all of it.
import { createContext, useContext, useSyncExternalStore } from "react";
import type { LiveMessage } from "./contract";
import { isMotion, nextAll, type Picture } from "./picture";

const QUIET_AFTER_MS = 3_000; // the feed carries vehicles at 5 Hz and the link's own state each second
const RETRY_MS = [250, 500, 1_000, 2_000, 4_000];
const BURST_MS = 30; // one repaint. A timer, not a frame: a hidden tab must still sound its alarms
const MOTION_EACH_MS = 500; // for cards and lists
const NEWS_EACH_MS = 100; // in a storm; a single word is shown at once
const POLICY_VIOLATION = 1008; // signed out, or never signed in

export interface LiveState {
  picture: Picture | null;
  isLive: boolean;
  lastWordUs: number; // this browser's clock
}

export class Live {
  private state: LiveState = { picture: null, isLive: false, lastWordUs: 0 };
  private shown: LiveState = this.state; // what React knows
  private shownAtMs = 0;
  private readonly listeners = new Set<() => void>();
  private readonly movements = new Set<(picture: Picture) => void>();
  private inbox: LiveMessage[] = [];
  private socket: WebSocket | null = null;
  private quietTimer = 0;
  private retryTimer = 0;
  private tellTimer = 0;
  private tellsAtMs = 0;
  private attempt = 0;
  private pending = 0;

  constructor(
    private readonly url: string,
    private readonly refused: () => void = () => undefined,
  ) {}

  /** Does nothing where it runs already. */
  start(): void {
    if (this.socket) return;
    const socket = new WebSocket(this.url, ["vedette"]);
    socket.onmessage = (event: MessageEvent<string>) => this.receive(JSON.parse(event.data) as LiveMessage);
    socket.onclose = (event) => {
      if (this.socket === socket) this.lost(event.code);
    };
    this.socket = socket;
  }

  stop(): void {
    clearTimeout(this.retryTimer);
    const socket = this.socket;
    this.socket = null;
    socket?.close();
    this.silent();
  }

  readonly subscribe = (listener: () => void): (() => void) => {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  };

  readonly snapshot = (): LiveState => this.shown;

  /** The picture with everything that moved, some thirty times a second at most: for what draws by itself. */
  readonly onMotion = (listener: (picture: Picture) => void): (() => void) => {
    this.movements.add(listener);
    if (this.state.picture) listener(this.state.picture);
    return () => this.movements.delete(listener);
  };

  private receive(message: LiveMessage): void {
    this.attempt = 0;
    clearTimeout(this.quietTimer);
    this.quietTimer = window.setTimeout(() => this.silent(), QUIET_AFTER_MS);
    this.inbox.push(message);
    if (!this.pending) this.pending = window.setTimeout(() => this.take(), BURST_MS);
  }

  private take(): void {
    this.pending = 0;
    const { inbox } = this;
    this.inbox = [];
    const picture = nextAll(this.state.picture, inbox);
    const isSame = this.state.isLive && inbox.every(isMotion);
    this.state = { picture, isLive: true, lastWordUs: Date.now() * 1000 };
    if (picture) for (const movement of this.movements) movement(picture);
    this.tellWithin(isSame ? MOTION_EACH_MS : NEWS_EACH_MS);
  }

  /** So long after the last time: at once where that is past. */
  private tellWithin(eachMs: number): void {
    const atMs = this.shownAtMs + eachMs;
    if (this.tellTimer && this.tellsAtMs <= atMs) return;
    clearTimeout(this.tellTimer);
    const waitMs = atMs - performance.now();
    if (waitMs <= 0) {
      this.tell();
      return;
    }
    this.tellsAtMs = atMs;
    this.tellTimer = window.setTimeout(() => this.tell(), waitMs);
  }

  private lost(code: number): void {
    clearTimeout(this.quietTimer);
    this.socket = null;
    this.silent();
    if (code === POLICY_VIOLATION) this.refused();
    const wait = RETRY_MS[Math.min(this.attempt++, RETRY_MS.length - 1)] ?? 4_000;
    this.retryTimer = window.setTimeout(() => this.start(), wait);
  }

  private silent(): void {
    clearTimeout(this.quietTimer);
    this.state = { ...this.state, isLive: false };
    this.tell();
  }

  private tell(): void {
    clearTimeout(this.tellTimer);
    this.tellTimer = 0;
    this.shown = this.state;
    this.shownAtMs = performance.now();
    for (const listener of this.listeners) listener();
  }
}

export function useLive(live: Live): LiveState {
  return useSyncExternalStore(live.subscribe, live.snapshot);
}

export const LiveContext = createContext<Live | null>(null);

/** The feed itself, for what draws each movement: maps. */
export function useFeed(): Live {
  const live = useContext(LiveContext);
  if (!live) throw new Error("useFeed outside the frame of the console");
  return live;
}
