import { describe, expect, it } from "vitest";
import type { HistoryFrame, HistoryPage, Site } from "../../contract";
import { HistoryCache, stepFor } from "./history";
import { advanced, Player } from "./player";

const S = 1_000_000;
const SITE = { id: "yard", time_zone: "UTC" } as unknown as Site;

function frameAt(atUs: number): HistoryFrame {
  const position = { lat_deg: 52 + atUs / 1e12, lon_deg: 13 };
  const vehicle = { id: "kestrel", position } as unknown as HistoryFrame["vehicles"][number];
  return { at_us: atUs, vehicles: [vehicle], tasks: [], site_tracks: [], zones: [], cameras: [], troubles: [] };
}

/** A coordinator that recorded a frame a second in these stretches, and answers with so many at most. */
function recorded(spans: readonly [number, number][], { most = 600 } = {}) {
  const asked: string[] = [];
  const ask = async (path: string): Promise<HistoryPage> => {
    asked.push(path);
    const query = new URL(path, "http://here").searchParams;
    const [from, to, step] = ["from_us", "to_us", "step_ms"].map((name) => Number(query.get(name))) as [number, number, number];
    const every = Math.max(S, step * 1_000);
    const frames: HistoryFrame[] = [];
    for (let at = from; at < to; at += every) if (spans.some(([a, b]) => a <= at && at <= b)) frames.push(frameAt(at));
    const held = frames.slice(0, most);
    return { frames: held, gap_us: 3 * S, next_us: frames.length > most ? (frames[most]?.at_us ?? null) : null };
  };
  return { asked, ask };
}

const settled = () => new Promise((resolve) => setTimeout(resolve, 0));

describe("the clock", () => {
  it.each([
    [1, 100, 100_000],
    [0.25, 100, 25_000],
    [60, 16, 960_000],
  ])("at speed %s, %s ms are %s µs", (speed, elapsed, gained) => {
    expect(advanced(5 * S, elapsed, speed, 100 * S) - 5 * S).toBe(gained);
  });
  it("does not leap over what a sleeping tab missed", () => expect(advanced(0, 60_000, 1, 100 * S)).toBe(250_000));
  it("never runs backwards", () => expect(advanced(5 * S, -40, 1, 100 * S)).toBe(5 * S));
  it("stops at the end", () => expect(advanced(99.9 * S, 200, 60, 100 * S)).toBe(100 * S));
  it("stays where a person set it behind the end", () => expect(advanced(200 * S, 200, 1, 100 * S)).toBe(200 * S));
});

describe("the cache", () => {
  it("tells the frame that held, once its page is here", async () => {
    const cache = new HistoryCache(recorded([[0, 100 * S]]).ask, () => 0);
    expect(cache.at(7.4 * S, 1_000).kind).toBe("loading");
    await settled();
    expect(cache.at(7.4 * S, 1_000)).toMatchObject({ kind: "frame", frame: { at_us: 7 * S } });
  });
  it("shows nothing where nothing was recorded, and never what was before", async () => {
    const cache = new HistoryCache(recorded([[0, 10 * S], [40 * S, 59 * S]]).ask, () => 0);
    cache.at(0, 1_000);
    await settled();
    expect(cache.at(12.9 * S, 1_000).kind).toBe("frame");
    expect(cache.at(13.1 * S, 1_000).kind).toBe("gap");
    expect(cache.at(39.9 * S, 1_000).kind).toBe("gap");
    expect(cache.at(40 * S, 1_000).kind).toBe("frame");
  });
  it("puts an answer in several parts together and shows no frame twice", async () => {
    const site = recorded([[0, 100 * S]], { most: 25 });
    const cache = new HistoryCache(site.ask, () => 0);
    cache.at(0, 1_000);
    await settled();
    expect(site.asked).toHaveLength(3);
    expect(cache.at(59.5 * S, 1_000)).toMatchObject({ frame: { at_us: 59 * S } });
    expect(cache.beside(25 * S, 1_000, 1)?.at_us).toBe(26 * S);
    expect(cache.beside(25 * S, 1_000, -1)?.at_us).toBe(24 * S);
  });
  it("asks once for a page however often it is looked at", async () => {
    const site = recorded([[0, 100 * S]]);
    const cache = new HistoryCache(site.ask, () => 0);
    for (let n = 0; n < 20; n++) cache.at(n * S, 1_000);
    await settled();
    cache.at(5 * S, 1_000);
    expect(site.asked).toHaveLength(1);
  });
  it("holds eight pages however far one goes, the latest of them", async () => {
    const cache = new HistoryCache(recorded([[0, 3_600 * S]]).ask, () => 0);
    for (let at = 0; at < 3_600 * S; at += 60 * S) {
      cache.at(at, 1_000);
      await settled();
      expect(cache.size).toBeLessThanOrEqual(8);
    }
    expect(cache.at(3_590 * S, 1_000).kind).toBe("frame");
    expect(cache.at(0, 1_000).kind).toBe("loading");
  });
  it("says that nobody answers, and asks again after two seconds", async () => {
    let nowMs = 0;
    let isUp = false;
    const site = recorded([[0, 100 * S]]);
    const cache = new HistoryCache((path) => (isUp ? site.ask(path) : Promise.resolve(null)), () => nowMs);
    cache.at(0, 1_000);
    await settled();
    expect(cache.at(0, 1_000).kind).toBe("failed");
    [isUp, nowMs] = [true, 2_000];
    expect(cache.at(0, 1_000).kind).toBe("loading");
    await settled();
    expect(cache.at(0, 1_000).kind).toBe("frame");
  });
  it("asks finer where one watches slowly", () => expect([0.25, 1, 4, 16, 60].map(stepFor)).toEqual([200, 200, 1_000, 1_000, 4_000]));
});

async function playerAt(atUs: number, spans: readonly [number, number][]) {
  const player = new Player(SITE, new HistoryCache(recorded(spans).ask, () => 0), atUs);
  player.endsAt(spans.at(-1)?.[1] ?? 0);
  player.tick(0);
  await settled();
  player.tick(200);
  return player;
}

describe("the player", () => {
  it("stands until a person plays, and shows the map of its moment", async () => {
    const player = await playerAt(5.5 * S, [[0, 100 * S]]);
    player.tick(1_200);
    expect(player.snapshot()).toMatchObject({ atUs: 5.5 * S, isPlaying: false, kind: "frame" });
    expect(player.now.vehicles.get("kestrel")?.position?.lat_deg).toBe(52.000005);
  });
  it("runs at its speed", async () => {
    const player = await playerAt(0, [[0, 100 * S]]);
    player.hurry(8);
    await settled();
    player.tick(300); // its page is here
    player.play();
    for (let ms = 400; ms <= 1_300; ms += 100) player.tick(ms);
    expect(player.snapshot().atUs).toBe(8 * S);
  });
  it("waits for a page that is still on its way", async () => {
    const player = new Player(SITE, new HistoryCache(() => new Promise(() => undefined), () => 0), 0);
    player.play();
    for (let ms = 0; ms < 2_000; ms += 100) player.tick(ms);
    expect(player.snapshot()).toMatchObject({ atUs: 0, kind: "loading" });
  });
  it("goes through a gap with an empty map", async () => {
    const player = await playerAt(20 * S, [[0, 10 * S], [40 * S, 59 * S]]);
    expect(player.snapshot()).toMatchObject({ kind: "gap", frame: null });
    expect(player.now.vehicles.size).toBe(0);
    player.play();
    player.tick(400);
    expect(player.snapshot().atUs).toBe(20.2 * S);
  });
  it("draws the way a vehicle came, and none over a leap", async () => {
    const player = await playerAt(5 * S, [[0, 100 * S]]);
    for (const at of [6, 7, 8]) player.seek(at * S);
    expect(player.now.trails.get("kestrel")).toHaveLength(4);
    player.seek(12 * S);
    expect(player.now.trails.get("kestrel")).toHaveLength(8); // through the seconds that were passed over
    player.seek(50 * S);
    expect(player.now.trails.get("kestrel")).toHaveLength(1);
  });
  it("draws no line between moments whose way nobody knows", async () => {
    const player = await playerAt(5 * S, [[0, 400 * S]]);
    player.hurry(60);
    await settled();
    for (const at of [8, 12, 16]) player.seek(at * S);
    expect(player.now.trails.get("kestrel")).toHaveLength(1);
  });
  it("steps a frame and stands", async () => {
    const player = await playerAt(5.5 * S, [[0, 100 * S]]);
    player.play();
    player.step(1);
    expect(player.snapshot()).toMatchObject({ atUs: 6 * S, isPlaying: false });
    player.step(-1);
    expect(player.snapshot().atUs).toBe(5 * S);
  });
  it("stops where the recording ends", async () => {
    const player = await playerAt(9.9 * S, [[0, 10 * S]]);
    player.play();
    for (let ms = 300; ms <= 900; ms += 100) player.tick(ms);
    expect(player.snapshot()).toMatchObject({ atUs: 10 * S, isPlaying: false });
  });
});
