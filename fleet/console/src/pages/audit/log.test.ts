import { expect, test } from "vitest";
import { asCsv, detailLine, EVERYTHING, momentOf, query, type Row } from "./log";

const ROW: Row = {
  id: 7,
  at_us: 1_767_225_600_000_000,
  actor: "Olga Berg",
  act: "close",
  subject: "incident 1",
  trace_id: null,
  detail: { note: 'a fox, "again"' },
};

test("a local time of the site becomes its moment, in summer and in winter", () => {
  expect(momentOf("2026-01-01T22:00", "Europe/Berlin")).toBe("2026-01-01T21:00:00.000Z");
  expect(momentOf("2026-07-01T22:00", "Europe/Berlin")).toBe("2026-07-01T20:00:00.000Z");
  expect(momentOf("2026-03-29T03:30", "Europe/Berlin")).toBe("2026-03-29T01:30:00.000Z"); // an hour after the change
  expect(momentOf("", "Europe/Berlin")).toBeNull();
});

test("only what is filled in is asked", () => {
  expect(query(EVERYTHING, "UTC", 100, null)).toBe("/api/v1/audit?limit=100");
  expect(query({ ...EVERYTHING, who: " Olga Berg ", to: "2026-01-01T22:00" }, "UTC", 100, 12)).toBe(
    "/api/v1/audit?limit=100&who=Olga+Berg&to=2026-01-01T22%3A00%3A00.000Z&cursor=12",
  );
});

test("CSV keeps commas and quotes, and no cell is a formula", () => {
  expect(asCsv([{ ...ROW, actor: "=HYPERLINK(1)" }])).toBe(
    "id,at_utc,actor,act,subject,trace_id,detail\r\n" +
      '7,2026-01-01T00:00:00.000Z,\'=HYPERLINK(1),close,incident 1,,"{""note"":""a fox, \\""again\\""""}"\r\n',
  );
});

test("a detail is read as words, without what is unknown", () => {
  expect(detailLine({ disposition: "confirmed", note: "", granted_by: null, is_pilot: true })).toBe(
    "disposition: confirmed · is pilot: true",
  );
});
