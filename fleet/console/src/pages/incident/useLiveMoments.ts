// What the cameras of an incident track while somebody watches it: until the footage is there, the map lives on this.
import { useEffect, useState } from "react";
import type { TracksView } from "../../contract";
import type { Moment } from "./moments";

const MOST = 3_000; // ten minutes at the feed's 5 Hz; the oldest give way

/** With what the feed says now of these cameras; the same array where that is nothing new. */
export function withTracks(held: readonly Moment[], tracks: ReadonlyMap<string, TracksView>, cameras: readonly string[]): readonly Moment[] {
  const fresh = cameras.flatMap((camera): Moment[] => {
    const now = tracks.get(camera);
    if (!now || held.some((each) => each.camera === camera && each.atUs >= now.captured_at_us)) return [];
    return [{ camera, atUs: now.captured_at_us, sightings: now.sightings }];
  });
  return fresh.length === 0 ? held : [...held, ...fresh].slice(-MOST);
}

export function useLiveMoments(tracks: ReadonlyMap<string, TracksView>, cameras: readonly string[]): readonly Moment[] {
  const [held, setHeld] = useState<readonly Moment[]>([]);
  const names = cameras.join();
  useEffect(() => setHeld((known) => withTracks(known, tracks, names.split(","))), [tracks, names]);
  return held;
}
