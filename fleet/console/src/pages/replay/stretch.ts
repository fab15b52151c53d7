// The stretch of time that the bar shows: what of it was recorded, what happened in it, and where to jump. Pure.
import type { AlarmThen, EvidenceView } from "../../contract";

export interface Span {
  from_us: number;
  to_us: number;
}

export const HOUR_US = 3_600_000_000;
export const LENGTHS_H = [1, 4, 24] as const;

/** The whole hours about a moment. */
export function stretchAt(atUs: number, hours: number): Span {
  const from = Math.floor(atUs / HOUR_US) * HOUR_US - (hours > 1 ? Math.floor(hours / 2) * HOUR_US : 0);
  return { from_us: Math.max(0, from), to_us: Math.max(0, from) + hours * HOUR_US };
}

/** What of a stretch was not recorded. */
export function gapsIn(stretch: Span, spans: readonly Span[]): Span[] {
  const gaps: Span[] = [];
  let fromUs = stretch.from_us;
  for (const span of spans) {
    if (span.to_us < stretch.from_us) continue;
    if (span.from_us > stretch.to_us) break;
    if (span.from_us > fromUs) gaps.push({ from_us: fromUs, to_us: span.from_us });
    fromUs = Math.max(fromUs, span.to_us);
  }
  if (fromUs < stretch.to_us) gaps.push({ from_us: fromUs, to_us: stretch.to_us });
  return gaps;
}

/** Where the next recording begins behind a moment; null for nowhere. */
export function nextRecorded(spans: readonly Span[], atUs: number): number | null {
  return spans.find((span) => span.from_us > atUs)?.from_us ?? null;
}

export function isEvent(alarm: AlarmThen): boolean {
  return alarm.kind === "intrusion" || alarm.kind === "movement";
}

const SAME_US = 500_000; // on the alarm already

/** The alarm of an event before or behind a moment. */
export function besideAlarm(alarms: readonly AlarmThen[], atUs: number, direction: 1 | -1): AlarmThen | null {
  const events = alarms.filter(isEvent);
  if (direction > 0) return events.find((alarm) => alarm.at_us > atUs + SAME_US) ?? null;
  return events.findLast((alarm) => alarm.at_us < atUs - SAME_US) ?? null;
}

const PICTURE_US = 10_000_000; // a single picture stands for so long before and after

/** What there is to look at of a moment: clips that cover it, and pictures taken close to it. Each file once. */
export function shownAt(files: readonly EvidenceView[], atUs: number): EvidenceView[] {
  const covers = (file: EvidenceView) =>
    file.kind === "clip"
      ? file.start_us <= atUs && atUs <= file.end_us
      : file.kind === "snapshot" && Math.abs(file.start_us - atUs) <= PICTURE_US;
  const found = new Map(files.filter(covers).map((file) => [`${file.kind}/${file.sha256}`, file]));
  return [...found.values()].sort((a, b) => a.kind.localeCompare(b.kind) || Math.abs(a.start_us - atUs) - Math.abs(b.start_us - atUs));
}

/** ?at=: microseconds since 1970, or a date as ISO 8601 writes it. null for neither. */
export function momentOf(text: string | null): number | null {
  if (!text) return null;
  if (/^\d{1,16}$/.test(text)) return Number(text);
  const ms = /^\d{4}-\d\d-\d\dT/.test(text) ? Date.parse(text) : Number.NaN;
  return Number.isNaN(ms) || ms < 0 ? null : ms * 1_000;
}

/** As <input type="datetime-local"> has it, in the time of the site. */
export function siteInput(atUs: number, timeZone: string): string {
  const parts = new Intl.DateTimeFormat("sv-SE", { timeZone, dateStyle: "short", timeStyle: "medium" }).format(atUs / 1_000);
  return parts.replace(" ", "T");
}

/** The moment that such an input names; null where it names none. Of an hour that comes twice, one of the two. */
export function fromSiteInput(text: string, timeZone: string): number | null {
  const wantedMs = Date.parse(`${text}Z`);
  if (Number.isNaN(wantedMs)) return null;
  let foundMs = wantedMs;
  for (let n = 0; n < 3; n++) foundMs += wantedMs - Date.parse(`${siteInput(foundMs * 1_000, timeZone)}Z`);
  return foundMs * 1_000;
}
