import { expect, it } from "vitest";
import type { TracksView } from "../../contract";
import { withTracks } from "./useLiveMoments";

const tracks = (camera: string, at: number) => new Map([[camera, { camera, captured_at_us: at, sightings: [] } as TracksView]]);

it("keeps what the incident's cameras track, once each, and nothing of other cameras", () => {
  const one = withTracks([], tracks("fence-cam", 5), ["fence-cam"]);
  expect(one.map((each) => each.atUs)).toEqual([5]);
  expect(withTracks(one, tracks("fence-cam", 5), ["fence-cam"])).toBe(one);
  expect(withTracks(one, tracks("gate-cam", 9), ["fence-cam"])).toBe(one);
  expect(withTracks(one, tracks("fence-cam", 6), ["fence-cam"]).map((each) => each.atUs)).toEqual([5, 6]);
});
