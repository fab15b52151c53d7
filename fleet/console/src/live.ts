// The one WebSocket: reconnects by itself, and says since when nothing came, so that stale data cannot look alive.
import { useSyncExternalStore } from "react";
import type { LiveMessage } from "./contract";
import { next, type Picture } from "./picture";

const QUIET_AFTER_MS = 3_000; // the feed carries vehicles at 5 Hz and the link's own state each second
const RETRY_MS = [250, 500, 1_000, 2_000, 4_000];

export interface LiveState {
  picture: Picture | null;
  isLive: boolean;
  lastWordUs: number; // this browser's clock
}

export class Live {
  private state: LiveState = { picture: null, isLive: false, lastWordUs: 0 };
  private readonly listeners = new Set<() => void>();
  private socket: WebSocket | null = null;
  private quietTimer = 0;
  private attempt = 0;
  private pending = 0;

  constructor(private readonly url: string) {}

  start(): void {
    this.socket = new WebSocket(this.url, ["vedette"]);
    this.socket.onmessage = (event: MessageEvent<string>) => this.receive(JSON.parse(event.data) as LiveMessage);
    this.socket.onclose = () => this.lost();
  }

  readonly subscribe = (listener: () => void): (() => void) => {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  };

  readonly snapshot = (): LiveState => this.state;

  private receive(message: LiveMessage): void {
    this.attempt = 0;
    clearTimeout(this.quietTimer);
    this.quietTimer = window.setTimeout(() => this.update({ isLive: false }), QUIET_AFTER_MS);
    const picture = next(this.state.picture, message);
    this.state = { picture, isLive: true, lastWordUs: Date.now() * 1000 };
    // A burst of messages is one repaint. A timer, not a frame: a hidden tab must still sound its alarms.
    if (!this.pending) this.pending = window.setTimeout(() => this.tell(), 30);
  }

  private lost(): void {
    clearTimeout(this.quietTimer);
    this.update({ isLive: false });
    const wait = RETRY_MS[Math.min(this.attempt++, RETRY_MS.length - 1)] ?? 4_000;
    window.setTimeout(() => this.start(), wait);
  }

  private update(change: Partial<LiveState>): void {
    this.state = { ...this.state, ...change };
    this.tell();
  }

  private tell(): void {
    clearTimeout(this.pending);
    this.pending = 0;
    for (const listener of this.listeners) listener();
  }
}

export function useLive(live: Live): LiveState {
  return useSyncExternalStore(live.subscribe, live.snapshot);
}
