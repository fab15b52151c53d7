// How many pictures stand beside each other, which of them are asked for, and what a person chose. Pure, but for the keeping.
import type { Camera, Incident } from "../../contract";
import { isAlarm, queue } from "../../picture";

export const SIZES = [1, 4, 9, 16] as const;
export type Size = (typeof SIZES)[number];
export const GAP_PX = 8;
const CAPTION_PX = 28;
const LEAST_PX = 240; // wide; smaller ones tell nothing
const SHAPE = 16 / 9;

export interface Layout {
  columns: number;
  tilePx: number; // wide
}

/** Widest tiles: all of them on one screen while they stay large enough, or as many as the person wants. */
export function layoutOf(count: number, size: Size | null, widthPx: number, heightPx: number): Layout {
  const tileOf = (columns: number, rows: number) => {
    const acrossPx = (widthPx - GAP_PX * (columns - 1)) / columns;
    const downPx = (heightPx - GAP_PX * (rows - 1)) / rows - CAPTION_PX;
    return Math.floor(Math.max(Math.min(acrossPx, downPx * SHAPE), 1));
  };
  if (size !== null) {
    const side = Math.sqrt(size);
    return { columns: side, tilePx: tileOf(side, side) };
  }
  let best: Layout = { columns: 1, tilePx: tileOf(1, Math.max(count, 1)) };
  for (let columns = 2; columns <= count; columns += 1) {
    const tilePx = tileOf(columns, Math.ceil(count / columns));
    if (tilePx > best.tilePx) best = { columns, tilePx };
  }
  if (best.tilePx >= LEAST_PX || count <= 1) return best;
  const columns = Math.max(Math.min(Math.floor((widthPx + GAP_PX) / (LEAST_PX + GAP_PX)), count), 1);
  return { columns, tilePx: Math.floor((widthPx - GAP_PX * (columns - 1)) / columns) };
}

/** Of the cameras on the screen, in the wall's order, those that the coordinator has no room for. most: null while unknown. */
export function waiting(shown: readonly string[], onScreen: ReadonlySet<string>, most: number | null): string[] {
  return most === null ? [] : shown.filter((each) => onScreen.has(each)).slice(most);
}

/** Where an arrow key leads; the same place at an edge. */
export function neighbour(at: number, key: string, columns: number, count: number): number {
  const step = { ArrowLeft: -1, ArrowRight: 1, ArrowUp: -columns, ArrowDown: columns }[key] ?? 0;
  const to = at + step;
  return to >= 0 && to < count ? to : at;
}

/** What is not closed and seen by this camera, the most urgent first. */
export function incidentsOf(camera: string, incidents: Iterable<Incident>): Incident[] {
  const here = (each: Incident) =>
    each.state !== "closed" && (each.sighting?.camera === camera || each.sensors.includes(camera));
  const found = queue([...incidents].filter(here));
  return [...found.filter(isAlarm), ...found.filter((each) => !isAlarm(each))];
}

/** cameras: null is all that the site has, those to come too. */
export interface Choice {
  cameras: readonly string[] | null;
  size: Size | null;
}

const KEY = "vedette.live";
const EVERYTHING: Choice = { cameras: null, size: null };

/** What this browser kept; everything where that makes no sense. */
export function readChoice(kept: string | null): Choice {
  try {
    const { cameras, size } = JSON.parse(kept ?? "{}") as { cameras?: unknown; size?: unknown };
    return {
      cameras: Array.isArray(cameras) ? cameras.filter((each) => typeof each === "string") : null,
      size: SIZES.find((each) => each === size) ?? null,
    };
  } catch {
    return EVERYTHING;
  }
}

export const keptChoice = () => readChoice(localStorage.getItem(KEY));
export const keepChoice = (choice: Choice) => localStorage.setItem(KEY, JSON.stringify(choice));

export function chosenOf(cameras: readonly Camera[], { cameras: wanted }: Choice): Camera[] {
  return cameras.filter(({ id }) => wanted === null || wanted.includes(id));
}

interface Px {
  x: number;
  y: number;
}

/** Of the camera's full frame, for a place in the picture, which stands whole in the middle of its tile; null beside it. */
export function pixelOf(at: Px, tile: { width: number; height: number }, lens: { width_px: number; height_px: number }): Px | null {
  const scale = Math.min(tile.width / lens.width_px, tile.height / lens.height_px);
  const x = (at.x - (tile.width - lens.width_px * scale) / 2) / scale;
  const y = (at.y - (tile.height - lens.height_px * scale) / 2) / scale;
  return x >= 0 && y >= 0 && x < lens.width_px && y < lens.height_px ? { x, y } : null;
}

/** The page on which somebody is sent to look at this point. */
export function orderAt({ lat_deg, lon_deg }: { lat_deg: number; lon_deg: number }): string {
  return `/vehicles?what=go_and_look&lat=${lat_deg.toFixed(7)}&lon=${lon_deg.toFixed(7)}`;
}
