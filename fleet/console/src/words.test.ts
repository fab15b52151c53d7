import { describe, expect, it } from "vitest";
import { distanceM, offset, wedge } from "./geometry";
import { ago, metres, percent } from "./words";

describe("words", () => {
  it("write unknown as a dash and never as zero", () => {
    expect([metres(null), percent(undefined), metres(0), percent(0)]).toEqual(["–", "–", "0 m", "0 %"]);
  });

  it("say how long ago in the largest fitting unit", () => {
    expect([ago(0, 5_000), ago(0, 125_000), ago(0, 7_500_000)]).toEqual(["5 s ago", "2 min ago", "2 h 5 min ago"]);
  });
});

describe("geometry", () => {
  const here = { lat_deg: 52, lon_deg: 13 };

  it("offsets by metres", () => {
    expect(distanceM(here, offset(here, 30, 40))).toBeCloseTo(50, 1);
  });

  it("draws a wedge towards its heading", () => {
    const ring = wedge(here, 90, 40, 60);
    expect(ring[0]).toEqual(ring.at(-1));
    const [lon, lat] = ring[7] ?? [0, 0];
    expect(lon).toBeGreaterThan(13);
    expect(lat).toBeCloseTo(52, 6);
  });
});
