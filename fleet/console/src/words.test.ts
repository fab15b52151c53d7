// @vitest-environment jsdom
import { describe, expect, it } from "vitest";
import { distanceM, offset, wedge } from "./geometry";
import type { EvidenceView } from "./contract";
import { onceEach } from "./pages/watch/Evidence";
import { ago, bytes, metres, percent, seconds } from "./words";

describe("words", () => {
  it("write unknown as a dash and never as zero", () => {
    expect([metres(null), percent(undefined), metres(0), percent(0)]).toEqual(["–", "–", "0 m", "0 %"]);
  });

  it("say how long ago in the largest fitting unit", () => {
    expect([ago(0, 5_000), ago(0, 125_000), ago(0, 7_500_000)]).toEqual(["5 s ago", "2 min ago", "2 h 5 min ago"]);
  });
});

describe("evidence", () => {
  const file = (kind: EvidenceView["kind"], sha256: string, event_id: string) =>
    ({ kind, sha256, event_id }) as EvidenceView;

  it("shows a clip that two events share once, and pictures first", () => {
    const files = [file("clip", "c", "1"), file("detections", "d", "1"), file("clip", "c", "2"), file("snapshot", "s", "1")];
    expect(onceEach(files).map((each) => each.kind)).toEqual(["snapshot", "clip", "detections"]);
  });

  it("tells length and size in fitting units", () => {
    expect([seconds(14_260_000), bytes(999), bytes(49_700), bytes(3_100_000)]).toEqual([
      "14.3 s",
      "999 bytes",
      "50 kB",
      "3.1 MB",
    ]);
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
