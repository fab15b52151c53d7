// @vitest-environment jsdom
import { describe, expect, it } from "vitest";
import { NOTHING_YET, type ViewState } from "../view";
import type { PictureHead } from "../ways/way";
import { captionOf, isOld } from "./caption";
import { TILE } from "./words";

const head: PictureHead = {
  camera: "mast",
  codec: "avc1.64001F",
  is_key: true,
  reel: 1,
  taken_at_us: 5,
  origin: "live",
  is_masked: false,
};

function state(change: Partial<ViewState> = {}): ViewState {
  const shown = { isConnected: true, isNodeHere: true, takenAtUs: 5, delayMs: 209.6, drawnAtMs: 1_000 };
  return { ...NOTHING_YET, ...shown, rateHz: 12.2, way: "WebCodecs", head, ...change };
}

const said = (view: ViewState | null, nowMs: number, t = TILE.en) => captionOf(view, "edge-1", nowMs, t);

describe("the line under a live picture", () => {
  it("says how far behind it is, how fast, by which way, and what it is", () => {
    expect(said(state(), 1_100)).toEqual({ worth: "live", word: "", line: "210 ms · 12 fps · WebCodecs" });
    const recorded = state({ head: { ...head, origin: "replayed", is_masked: true }, rateHz: 4.96, way: "JPEG" });
    expect(said(recorded, 1_100).line).toBe("210 ms · 5.0 fps · JPEG (replayed, masked)");
    expect(said(state({ delayMs: -5_000, rateHz: null }), 1_100).line).toBe(
      "Delay unknown: the clocks differ · – fps · WebCodecs",
    );
  });

  it("never lets an old picture look alive", () => {
    expect(isOld(state(), 1_100)).toBe(false);
    expect(isOld(state(), 4_100)).toBe(true);
    expect(isOld(state({ delayMs: 9_000 }), 1_100)).toBe(true);
    expect(isOld(null, 1_100)).toBe(true);
    expect(said(state(), 11_000)).toEqual({ worth: "old", word: "Old picture: 10 s", line: "Old picture: 10 s" });
  });

  it("tells a picture that is late from one that is lost", () => {
    const away = said(state({ isNodeHere: false }), 11_000);
    expect(away.worth).toBe("lost");
    expect(away.line).toBe("Picture lost: 10 s old – edge-1 shows nothing just now");
    expect(said(state({ isConnected: false }), 11_000, TILE.de).line).toBe(
      "Bild verloren: 10 s alt – keine Verbindung zur Zentrale",
    );
  });

  it("says why there is none", () => {
    const none = { takenAtUs: null, delayMs: null, head: null };
    expect(said(null, 0).line).toBe("Asking for the picture…");
    expect(said(state(none), 0).line).toBe("Waiting for the first picture…");
    expect(said(state({ ...none, isNodeHere: false }), 0)).toEqual({
      worth: "lost",
      word: "No picture",
      line: "edge-1 shows nothing just now",
    });
    expect(said(state({ ...none, problem: "16 cameras are looked through already" }), 0).line).toBe(
      "16 cameras are looked through already",
    );
  });
});
