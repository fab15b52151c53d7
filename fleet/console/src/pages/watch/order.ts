// A new alarm never steals a click: while an operator is in the queue, cards stay where they are.

export interface Rows {
  shown: readonly string[];
  waiting: readonly string[]; // not shown yet: behind the button at the top
}

/** The rows for this moment, `most` of them: `before` as they stood, `ranked` all that there are, the most urgent first. A
 * storm moves nothing under somebody's hand, however far down what he looks at has come. */
export function settled(before: readonly string[], ranked: readonly string[], most: number, isInside: boolean): Rows {
  const wanted = ranked.slice(0, most);
  const still = new Set(ranked);
  const kept = before.filter((id) => still.has(id));
  if (!isInside || kept.length === 0) return { shown: wanted, waiting: [] };
  const known = new Set(kept);
  return { shown: kept, waiting: wanted.filter((id) => !known.has(id)) };
}

/** The row `step` further than the selected one; the first where none is. */
export function moved(shown: readonly string[], selected: string | null, step: 1 | -1): string | null {
  const at = selected === null ? -1 : shown.indexOf(selected);
  if (at < 0) return shown[0] ?? null;
  return shown[Math.min(Math.max(at + step, 0), shown.length - 1)] ?? null;
}
