// Boxes over a picture. The colours do not follow the theme: they lie on a camera's picture, each on a dark edge.
import type { Sighting } from "./moments";

const SUBJECT = "#ff8a3d";
const OTHER = "#e8eef4";
const EDGE = "#0c1116";

/** What the incident is about has a whole line, all else a broken one. The board has the pixels of the camera. */
export function drawBoxes(board: HTMLCanvasElement, sightings: readonly Sighting[], subjects: ReadonlySet<number>): void {
  const context = board.getContext("2d");
  if (!context) return;
  const unit = Math.max(1, board.width / 640);
  context.clearRect(0, 0, board.width, board.height);
  context.font = `600 ${11 * unit}px system-ui, sans-serif`;
  context.textBaseline = "bottom";
  for (const { box, label, score, track } of sightings) {
    const isSubject = subjects.has(track);
    const colour = isSubject ? SUBJECT : OTHER;
    const frame = [box.x_px, box.y_px, box.width_px, box.height_px] as const;
    context.setLineDash([]);
    context.lineWidth = 3.5 * unit;
    context.strokeStyle = EDGE;
    context.strokeRect(...frame);
    context.lineWidth = 1.75 * unit;
    context.strokeStyle = colour;
    context.setLineDash(isSubject ? [] : [6 * unit, 4 * unit]);
    context.strokeRect(...frame);
    const text = `${label} ${Math.round(score * 100)} % · ${track}`;
    const width = context.measureText(text).width + 8 * unit;
    const height = 15 * unit;
    const top = box.y_px >= height ? box.y_px : box.y_px + box.height_px + height;
    const left = Math.min(Math.max(0, box.x_px), Math.max(0, board.width - width));
    context.fillStyle = EDGE;
    context.fillRect(left, top - height, width, height);
    context.fillStyle = colour;
    context.fillText(text, left + 4 * unit, top - 2 * unit);
  }
}
