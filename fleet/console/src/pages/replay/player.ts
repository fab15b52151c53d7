// The player of the past: a clock that a person starts, stops, hurries and sets, and the frame that held at its moment.
// It stands still while a page is on its way; through a gap it runs on and shows nothing.
import type { HistoryFrame, Site } from "../../contract";
import type { MapScene, Moving } from "../watch/mapScene";
import { HistoryCache, type Moment, stepFor } from "./history";
import { emptyScene, extendedWays, sceneOf, type Ways } from "./scene";

export const SPEEDS = [0.25, 0.5, 1, 2, 4, 8, 16, 30, 60] as const;
const LONGEST_MS = 250; // between two ticks: a tab that slept does not leap
const LONGEST_WAY_US = 15_000_000; // a quarter of a second at the greatest speed
const TOLD_EACH_MS = 100; // to what is no map

export interface PlayerState {
  atUs: number;
  isPlaying: boolean;
  speed: number;
  kind: Moment["kind"];
  frame: HistoryFrame | null;
}

/** Where the clock is after so many milliseconds of ours; never behind the end. */
export function advanced(atUs: number, elapsedMs: number, speed: number, endUs: number): number {
  return Math.min(Math.max(endUs, atUs), atUs + Math.round(Math.min(Math.max(elapsedMs, 0), LONGEST_MS) * 1_000 * speed));
}

export class Player implements Moving {
  private state: PlayerState;
  private told: PlayerState;
  private toldAtMs = -Infinity;
  private tickedAtMs: number | null = null;
  private endUs = Number.MAX_SAFE_INTEGER;
  private ways: Ways = new Map();
  private drawn: HistoryFrame | null = null;
  private scene: MapScene;
  private readonly listeners = new Set<() => void>();
  private readonly maps = new Set<(scene: MapScene) => void>();

  constructor(
    private readonly site: Site,
    private readonly cache: HistoryCache,
    atUs: number,
  ) {
    this.state = this.told = { atUs, isPlaying: false, speed: 1, kind: "loading", frame: null };
    this.scene = emptyScene(site);
  }

  readonly subscribe = (listener: () => void): (() => void) => {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  };

  readonly snapshot = (): PlayerState => this.told;

  /** What the map shows. */
  get now(): MapScene {
    return this.scene;
  }

  readonly onMotion = (listener: (scene: MapScene) => void): (() => void) => {
    this.maps.add(listener);
    listener(this.scene);
    return () => this.maps.delete(listener);
  };

  /** Called for each picture of the screen. */
  tick(nowMs: number): void {
    const elapsedMs = this.tickedAtMs === null ? 0 : nowMs - this.tickedAtMs;
    this.tickedAtMs = nowMs;
    const { isPlaying, speed, kind, atUs } = this.state;
    if (isPlaying && kind !== "loading" && kind !== "failed") {
      const nextUs = advanced(atUs, elapsedMs, speed, this.endUs);
      this.change({ atUs: nextUs, isPlaying: nextUs < this.endUs });
      this.cache.ahead(nextUs, stepFor(speed));
    }
    this.look(nowMs);
  }

  play(): void {
    this.change({ isPlaying: this.state.atUs < this.endUs });
    this.tell();
  }

  pause(): void {
    this.change({ isPlaying: false });
    this.tell();
  }

  seek(atUs: number): void {
    this.change({ atUs: Math.max(0, Math.round(atUs)) });
    this.look(null);
  }

  hurry(speed: number): void {
    this.change({ speed });
    this.look(null);
  }

  /** One frame on or back, and still. */
  step(direction: 1 | -1): void {
    const { atUs, speed } = this.state;
    const frame = this.cache.beside(atUs, stepFor(speed), direction);
    this.change({ isPlaying: false });
    this.seek(frame ? frame.at_us : atUs + direction * 1_000_000);
  }

  /** Nothing was recorded behind this moment: it stops there. */
  endsAt(endUs: number): void {
    if (endUs > this.endUs) this.cache.forgetFrom(this.endUs);
    this.endUs = endUs;
  }

  private change(some: Partial<PlayerState>): void {
    this.state = { ...this.state, ...some };
  }

  private look(nowMs: number | null): void {
    const moment = this.cache.at(this.state.atUs, stepFor(this.state.speed));
    const frame = moment.kind === "frame" ? moment.frame : null;
    this.change({ kind: moment.kind, frame: moment.kind === "loading" ? this.state.frame : frame });
    if (moment.kind !== "loading" && frame !== this.drawn) this.draw(frame);
    if (nowMs !== null && nowMs - this.toldAtMs < TOLD_EACH_MS) return;
    if (nowMs !== null) this.toldAtMs = nowMs;
    this.tell();
  }

  private draw(frame: HistoryFrame | null): void {
    this.ways = frame ? this.wayTo(frame) : new Map();
    this.drawn = frame;
    this.scene = frame ? sceneOf(this.site, frame, this.ways) : emptyScene(this.site);
    for (const map of this.maps) map(this.scene);
  }

  /** Also through the frames that the screen was too slow for. */
  private wayTo(frame: HistoryFrame): Ways {
    const from = this.drawn;
    const isOn = from !== null && frame.at_us > from.at_us && frame.at_us - from.at_us <= LONGEST_WAY_US;
    const passed = isOn ? this.cache.between(from.at_us, frame.at_us, stepFor(this.state.speed)) : [];
    let ways = this.ways;
    let before = from;
    for (const each of passed.at(-1) === frame ? passed : [frame]) {
      ways = extendedWays(ways, before, each);
      before = each;
    }
    return ways;
  }

  private tell(): void {
    const { told, state } = this;
    const keys = Object.keys(state) as (keyof PlayerState)[];
    if (keys.every((key) => told[key] === state[key])) return;
    this.told = state;
    for (const listener of this.listeners) listener();
  }
}
