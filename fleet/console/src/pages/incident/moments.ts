// What was seen, moment by moment: the lines that a node keeps beside its clip, and the sightings of the events themselves.
// Pure. Times are microseconds since 1970, capture time.
import type { components } from "../../api";

export type Sighting = components["schemas"]["Sighting"];

/** One judged frame of one camera. An empty one is a frame that showed nothing, which is known too. */
export interface Moment {
  camera: string;
  atUs: number;
  sightings: readonly Sighting[];
}

export const HELD_US = 600_000; // a box is shown until the next judged frame, but never longer than this

interface Line {
  captured_at_us: number;
  sightings: Sighting[];
}

function isLine(value: unknown): value is Line {
  const line = value as Partial<Line> | null;
  return typeof line?.captured_at_us === "number" && Array.isArray(line.sightings);
}

/** Of a file of detections: a line that cannot be read is left out, for a file may end in the middle of one. */
export function momentsOf(text: string, camera: string): Moment[] {
  return text.split("\n").flatMap((line) => {
    if (!line.trim()) return [];
    try {
      const read: unknown = JSON.parse(line);
      return isLine(read) ? [{ camera, atUs: read.captured_at_us, sightings: read.sightings }] : [];
    } catch {
      return [];
    }
  });
}

/** What the events of a trace say that was seen: few, but there also where no footage is. */
export function momentsOfMessages(messages: readonly Record<string, unknown>[]): Moment[] {
  return messages.flatMap((message) => {
    const body = message["body"] as { type?: string; sighting?: Sighting } | undefined;
    const atUs = message["captured_at_us"];
    if (body?.type !== "event" || !body.sighting || typeof atUs !== "number") return [];
    return [{ camera: body.sighting.camera, atUs, sightings: [body.sighting] }];
  });
}

/** All of them in order. A camera's footage is complete, so a sighting of an event within it says nothing new. */
export function merged(footage: readonly Moment[], told: readonly Moment[]): Moment[] {
  const spans = new Map<string, [number, number]>();
  for (const { camera, atUs } of footage) {
    const [from, until] = spans.get(camera) ?? [atUs, atUs];
    spans.set(camera, [Math.min(from, atUs), Math.max(until, atUs)]);
  }
  const isWithin = ({ camera, atUs }: Moment) => {
    const span = spans.get(camera);
    return span !== undefined && atUs >= span[0] && atUs <= span[1];
  };
  const known = new Map([...footage, ...told.filter((each) => !isWithin(each))].map((each) => [`${each.camera}/${each.atUs}`, each]));
  return [...known.values()].sort((a, b) => a.atUs - b.atUs || a.camera.localeCompare(b.camera));
}

/** The last moment at or before `atUs`; null where there is none. `moments` in order. */
export function lastBefore(moments: readonly Moment[], atUs: number): Moment | null {
  let low = 0;
  let high = moments.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((moments[middle]?.atUs ?? 0) <= atUs) low = middle + 1;
    else high = middle;
  }
  return moments[low - 1] ?? null;
}

/** What one camera's picture of that moment shows. null: nobody judged a frame near it, which is not "nothing there". */
export function boxesAt(moments: readonly Moment[], camera: string, atUs: number): readonly Sighting[] | null {
  const last = lastBefore(
    moments.filter((each) => each.camera === camera),
    atUs,
  );
  return last && atUs - last.atUs <= HELD_US ? last.sightings : null;
}

/** One thing on the ground as one camera follows it: where it is now, and the way it came. */
export interface Walk {
  key: string;
  camera: string;
  track: number;
  label: string;
  points: readonly { atUs: number; ground: NonNullable<Sighting["ground"]> }[];
  isNow: boolean;
}

const GONE_US = 2_000_000; // not seen for so long: only the way it came is drawn

/** Every located track up to `atUs`, in the order in which they were first seen. */
export function walksUntil(moments: readonly Moment[], atUs: number): Walk[] {
  const walks = new Map<string, { camera: string; track: number; label: string; points: { atUs: number; ground: NonNullable<Sighting["ground"]> }[] }>();
  for (const moment of moments) {
    if (moment.atUs > atUs) break;
    for (const { track, label, ground } of moment.sightings) {
      if (!ground) continue;
      const key = `${moment.camera}/${track}`;
      const walk = walks.get(key) ?? { camera: moment.camera, track, label, points: [] };
      walk.label = label;
      walk.points.push({ atUs: moment.atUs, ground });
      walks.set(key, walk);
    }
  }
  return [...walks].map(([key, walk]) => ({ key, ...walk, isNow: atUs - (walk.points.at(-1)?.atUs ?? 0) <= GONE_US }));
}

/** Twice the larger standard deviation, metres: the circle in which it is 19 times of 20, or wider. */
export function errorM(ground: NonNullable<Sighting["ground"]>): number {
  const mean = (ground.var_east_m2 + ground.var_north_m2) / 2;
  const half = Math.hypot((ground.var_east_m2 - ground.var_north_m2) / 2, ground.cov_east_north_m2);
  return 2 * Math.sqrt(Math.max(0, mean + half));
}
