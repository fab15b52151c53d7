// A clip by its frames. Pure: seconds are the video's own, from its first frame.

export const USUAL_FRAME_S = 1 / 25; // until two frames that follow one another have been shown
const SHORTEST_S = 1 / 240;
const LONGEST_S = 1;

/** The spacing of frames, learnt from the times of two that were shown one after the other. The smallest gap counts: a
 * browser leaves frames out, it never adds any. */
export function learnt(frameS: number | null, earlierS: number, laterS: number): number | null {
  const gap = laterS - earlierS;
  if (gap < SHORTEST_S || gap > LONGEST_S) return frameS;
  return frameS === null ? gap : Math.min(frameS, gap);
}

/** Where to seek for the frame after or before the one that began at `shownS`. Half a frame past its beginning, so that
 * rounding never shows its neighbour. */
export function stepTo(shownS: number, frames: number, frameS: number | null, durationS: number): number {
  const frame = frameS ?? USUAL_FRAME_S;
  const last = Math.max(0, durationS - frame / 2);
  return Math.min(Math.max(0, shownS + (frames + 0.5) * frame), last);
}

export const SPEEDS = [0.25, 0.5, 1, 2, 4] as const;

export type Key = "play" | "back" | "forward" | "boxes";

/** What a key does to the clip; null for one that is none of ours, or that goes to a field in which somebody writes or to
 * a button that it would press. */
export function keyMeans(key: string, target: { tagName?: string; isContentEditable?: boolean } | null): Key | null {
  const tag = target?.tagName?.toLowerCase() ?? "";
  if (target?.isContentEditable || ["input", "textarea", "select"].includes(tag)) {
    if (!(tag === "input" && (target as { type?: string }).type === "range")) return null;
  }
  if (key === " ") return ["button", "a", "summary"].includes(tag) ? null : "play";
  if (key === ",") return "back";
  if (key === ".") return "forward";
  return key === "b" ? "boxes" : null;
}

/** Capture time of a second of the clip, and back. */
export const usAt = (startUs: number, second: number) => startUs + Math.round(second * 1e6);
export const secondAt = (startUs: number, atUs: number) => (atUs - startUs) / 1e6;

/** How much of a clip, from 0 to 1, is before what it is about. */
export function preRoll(startUs: number, endUs: number, beganUs: number | null): number {
  if (beganUs === null || endUs <= startUs) return 0;
  return Math.min(1, Math.max(0, (beganUs - startUs) / (endUs - startUs)));
}
