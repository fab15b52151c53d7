// What is looked for in the audit log, how it is asked, and how it is written as CSV. Pure.

export interface Row {
  id: number;
  at_us: number;
  actor: string;
  act: string;
  subject: string;
  trace_id: string | null;
  detail: Record<string, unknown>;
}

export interface Search {
  who: string;
  act: string;
  subject: string;
  text: string;
  from: string; // as <input type="datetime-local"> has it, in the site's time zone
  to: string;
}

export const EVERYTHING: Search = { who: "", act: "", subject: "", text: "", from: "", to: "" };

/** How far a time zone is ahead of UTC at a moment, ms. */
function aheadMs(atMs: number, timeZone: string): number {
  const format = new Intl.DateTimeFormat("sv-SE", { timeZone, dateStyle: "short", timeStyle: "medium" });
  return Date.parse(`${format.format(atMs).replace(" ", "T")}Z`) - Math.floor(atMs / 1000) * 1000;
}

/** The moment of a local time of the site, ISO 8601; null where there is none. */
export function momentOf(local: string, timeZone: string): string | null {
  const asUtcMs = Date.parse(`${local}Z`);
  if (!local || Number.isNaN(asUtcMs)) return null;
  const nearMs = asUtcMs - aheadMs(asUtcMs, timeZone);
  return new Date(asUtcMs - aheadMs(nearMs, timeZone)).toISOString();
}

export function query(search: Search, timeZone: string, limit: number, cursor: number | null): string {
  const asked = new URLSearchParams({ limit: String(limit) });
  for (const key of ["who", "act", "subject", "text"] as const) if (search[key].trim()) asked.set(key, search[key].trim());
  for (const key of ["from", "to"] as const) {
    const moment = momentOf(search[key], timeZone);
    if (moment) asked.set(key, moment);
  }
  if (cursor !== null) asked.set("cursor", String(cursor));
  return `/api/v1/audit?${asked}`;
}

/** One cell. What a spreadsheet would take for a formula gets an apostrophe before it. */
function cell(value: string): string {
  const harmless = /^[=+\-@\t\r]/.test(value) ? `'${value}` : value;
  return /[",\n\r]/.test(harmless) ? `"${harmless.replaceAll('"', '""')}"` : harmless;
}

export function asCsv(rows: readonly Row[]): string {
  const lines = rows.map((row) =>
    [
      String(row.id),
      new Date(row.at_us / 1000).toISOString(),
      row.actor,
      row.act,
      row.subject,
      row.trace_id ?? "",
      JSON.stringify(row.detail),
    ]
      .map(cell)
      .join(","),
  );
  return ["id,at_utc,actor,act,subject,trace_id,detail", ...lines].map((line) => `${line}\r\n`).join("");
}

/** A row's detail in one line a person can read. */
export function detailLine(detail: Record<string, unknown>): string {
  return Object.entries(detail)
    .filter(([, value]) => value !== null && value !== "")
    .map(([key, value]) => `${key.replaceAll("_", " ")}: ${typeof value === "object" ? JSON.stringify(value) : String(value)}`)
    .join(" · ");
}
