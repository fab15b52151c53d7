// A new alarm never steals a click: while an operator is in the queue, cards stay where they are.

export interface Rows {
  shown: readonly string[];
  waiting: readonly string[]; // not shown yet: behind the button at the top
}

/** The rows for this moment: `before` as they stood, `wanted` as their urgency is. */
export function settled(before: readonly string[], wanted: readonly string[], isInside: boolean): Rows {
  if (!isInside) return { shown: wanted, waiting: [] };
  const known = new Set(before);
  const still = new Set(wanted);
  return { shown: before.filter((id) => still.has(id)), waiting: wanted.filter((id) => !known.has(id)) };
}

/** The row `step` further than the selected one; the first where none is. */
export function moved(shown: readonly string[], selected: string | null, step: 1 | -1): string | null {
  const at = selected === null ? -1 : shown.indexOf(selected);
  if (at < 0) return shown[0] ?? null;
  return shown[Math.min(Math.max(at + step, 0), shown.length - 1)] ?? null;
}
