// Says before the session is over, so that nobody is signed out in the middle of an order. The page stays where it is.
import { useWords, words } from "./language";
import { clockTime } from "./words";

const WARN_MS = 15 * 60_000;
const WORDS = words(
  { ends: "You are signed out at", before: "Sign out and in again before, when it is quiet." },
  { ends: "Sie werden abgemeldet um", before: "Melden Sie sich vorher neu an, solange es ruhig ist." },
);

export function isEnding(endsAtMs: number | null, nowMs: number): boolean {
  return endsAtMs !== null && endsAtMs - nowMs <= WARN_MS;
}

export function SessionEnds({ endsAtMs, nowMs, timeZone }: { endsAtMs: number | null; nowMs: number; timeZone: string }) {
  const t = useWords(WORDS);
  if (endsAtMs === null || !isEnding(endsAtMs, nowMs)) return null;
  return (
    <span role="status" className="session-ends">
      <b>
        {t.ends} {clockTime(endsAtMs, timeZone)}
      </b>{" "}
      {t.before}
    </span>
  );
}
