// What a live picture is worth, in words: how far behind it is and by which way it came, or why it is old or missing.
import { NOTHING_YET, type ViewState } from "../view";
import type { TILE } from "./words";

type T = (typeof TILE)["en"];
export type Worth = "asking" | "live" | "old" | "lost";
export interface Caption {
  worth: Worth;
  word: string; // on the picture; empty for one that is live
  line: string;
}

const OLD_AFTER_MS = 3_000;
const CLOCKS_AGREE_MS = 1_000;
const DAY_MS = 86_400_000;

/** The picture on the canvas shows no longer what is there now, or there is none. */
export function isOld(view: ViewState | null, nowMs: number): boolean {
  if (!view || view.delayMs == null) return true;
  return nowMs - view.drawnAtMs > OLD_AFTER_MS || (view.delayMs > OLD_AFTER_MS && view.delayMs < DAY_MS);
}

function originOf({ head }: ViewState, t: T): string {
  const origin = !head || head.origin === "live" ? "" : t[head.origin];
  const from = [origin, head?.is_masked ? t.masked : ""].filter(Boolean);
  return from.length > 0 ? ` (${from.join(", ")})` : "";
}

export function captionOf(state: ViewState | null, node: string, nowMs: number, t: T): Caption {
  const view = state ?? NOTHING_YET;
  const because = view.problem ? ` – ${view.problem}` : "";
  if (view.delayMs == null) {
    if (!view.isConnected) {
      return view.problem
        ? { worth: "lost", word: t.none, line: view.problem }
        : { worth: "asking", word: "", line: t.asking };
    }
    if (view.problem) return { worth: "lost", word: t.none, line: view.problem };
    if (!view.isNodeHere) return { worth: "lost", word: t.none, line: t.nodeShowsNothing(node) };
    return { worth: "asking", word: "", line: t.waiting };
  }
  const { delayMs, drawnAtMs, rateHz, way } = view;
  const what = originOf(view, t);
  if (isOld(view, nowMs)) {
    const age = Math.round((Math.max(delayMs, 0) + nowMs - drawnAtMs) / 1000);
    const isKnown = age < DAY_MS / 1000;
    if (view.isConnected && view.isNodeHere) {
      const word = isKnown ? t.oldFor(age) : t.old;
      return { worth: "old", word, line: `${word}${because}${what}` };
    }
    const word = isKnown ? t.lostFor(age) : t.lost;
    const why = view.isConnected ? ` – ${t.nodeShowsNothing(node)}` : because || ` – ${t.noWord}`;
    return { worth: "lost", word, line: `${word}${why}${what}` };
  }
  const isDelayKnown = delayMs >= -CLOCKS_AGREE_MS && delayMs <= DAY_MS;
  const delay = isDelayKnown ? `${Math.max(Math.round(delayMs), 0)} ms` : t.clocksDiffer;
  const facts = [delay, rateHz == null ? "– fps" : `${rateHz.toFixed(rateHz < 9.95 ? 1 : 0)} fps`, way ?? "–"];
  return { worth: "live", word: "", line: `${facts.join(" · ")}${what}` };
}
