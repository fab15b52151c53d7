import { describe, expect, it } from "vitest";
import { boxesAt, errorM, HELD_US, merged, type Moment, momentsOf, momentsOfMessages, type Sighting, walksUntil } from "./moments";

function sighting(track: number, lat = 52): Sighting {
  return {
    camera: "fence-cam",
    track,
    label: "person",
    score: 0.9,
    box: { x_px: 1, y_px: 2, width_px: 3, height_px: 4 },
    ground: { point: { lat_deg: lat, lon_deg: 13 }, var_east_m2: 4, cov_east_north_m2: 0, var_north_m2: 1 },
  };
}

const at = (atUs: number, ...sightings: Sighting[]): Moment => ({ camera: "fence-cam", atUs, sightings });

describe("a file of detections", () => {
  it("is read line by line, and a line that was cut off is left out", () => {
    const text = `{"captured_at_us":1,"sightings":[]}\n${JSON.stringify({ captured_at_us: 2, sightings: [sighting(7)] })}\n{"captured_at`;
    expect(momentsOf(text, "fence-cam").map((each) => [each.atUs, each.sightings.length])).toEqual([
      [1, 0],
      [2, 1],
    ]);
  });
});

describe("boxes at a moment", () => {
  const moments = [at(1_000, sighting(1)), at(2_000, sighting(1), sighting(2)), at(3_000)];

  it("are those of the last judged frame, never of one that comes", () => {
    expect(boxesAt(moments, "fence-cam", 2_999)?.map((each) => each.track)).toEqual([1, 2]);
    expect(boxesAt(moments, "fence-cam", 3_000)).toEqual([]);
  });

  it("are unknown, not none, before the first frame, after a gap and for another camera", () => {
    expect(boxesAt(moments, "fence-cam", 999)).toBeNull();
    expect(boxesAt(moments, "fence-cam", 3_000 + HELD_US + 1)).toBeNull();
    expect(boxesAt(moments, "gate-cam", 2_000)).toBeNull();
  });
});

describe("footage and events together", () => {
  it("do not say the same twice, and keep what an event says beyond the footage", () => {
    const footage = [at(1_000, sighting(1)), at(2_000, sighting(1))];
    const told = [at(1_500, sighting(1)), at(9_000, sighting(1))];
    expect(merged(footage, told).map((each) => each.atUs)).toEqual([1_000, 2_000, 9_000]);
  });

  it("reads sightings only from messages of events", () => {
    const messages = [
      { captured_at_us: 5, body: { type: "event", sighting: sighting(3) } },
      { captured_at_us: 6, body: { type: "status" } },
    ];
    expect(momentsOfMessages(messages).map((each) => [each.camera, each.atUs])).toEqual([["fence-cam", 5]]);
  });
});

describe("the way on the map", () => {
  it("goes up to the moment, and a track that was left behind is not there now", () => {
    const moments = [at(1_000_000, sighting(1, 52.1), sighting(2)), at(2_000_000, sighting(1, 52.2)), at(4_000_000, sighting(1, 52.3))];
    const walks = walksUntil(moments, 3_500_000);
    expect(walks.map((walk) => [walk.key, walk.points.length, walk.isNow])).toEqual([
      ["fence-cam/1", 2, true],
      ["fence-cam/2", 1, false],
    ]);
  });

  it("has an error of twice the worse deviation", () => {
    const { ground } = sighting(1);
    expect(ground && errorM(ground)).toBe(4);
  });
});
