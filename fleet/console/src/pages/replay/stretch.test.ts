import { describe, expect, it } from "vitest";
import type { AlarmThen, EvidenceView } from "../../contract";
import { besideAlarm, fromSiteInput, gapsIn, HOUR_US, momentOf, nextRecorded, shownAt, siteInput, stretchAt } from "./stretch";

const S = 1_000_000;
const span = (from: number, to: number) => ({ from_us: from * S, to_us: to * S });
const alarm = (at: number, kind = "intrusion") => ({ alarm_id: `${at}`, at_us: at * S, kind }) as unknown as AlarmThen;
const file = (kind: string, from: number, to: number, sha256 = `${kind}${from}`) =>
  ({ kind, start_us: from * S, end_us: to * S, sha256 }) as unknown as EvidenceView;

describe("the stretch", () => {
  it("is the hour about a moment", () => expect(stretchAt(1.5 * HOUR_US, 1)).toEqual({ from_us: HOUR_US, to_us: 2 * HOUR_US }));
  it("is four hours with the moment in their middle", () =>
    expect(stretchAt(10.5 * HOUR_US, 4)).toEqual({ from_us: 8 * HOUR_US, to_us: 12 * HOUR_US }));
  it.each([
    ["nothing at all", [], [span(10, 100)]],
    ["all of it", [span(0, 200)], []],
    ["its middle", [span(20, 30), span(60, 70)], [span(10, 20), span(30, 60), span(70, 100)]],
    ["its ends", [span(0, 20), span(90, 300)], [span(20, 90)]],
    ["something else", [span(0, 5), span(200, 300)], [span(10, 100)]],
  ])("has its gaps where %s was recorded", (_, spans, gaps) => expect(gapsIn(span(10, 100), spans)).toEqual(gaps));
  it("knows where the next recording begins", () => {
    expect(nextRecorded([span(0, 10), span(50, 60)], 20 * S)).toBe(50 * S);
    expect(nextRecorded([span(0, 10)], 20 * S)).toBeNull();
  });
});

describe("jumps", () => {
  const alarms = [alarm(10), alarm(20, "trouble"), alarm(30), alarm(40)];
  it("go to the next alarm and pass trouble over", () => expect(besideAlarm(alarms, 10 * S, 1)?.at_us).toBe(30 * S));
  it("go back", () => expect(besideAlarm(alarms, 30 * S, -1)?.at_us).toBe(10 * S));
  it("end where there is none", () => expect(besideAlarm(alarms, 40 * S, 1)).toBeNull());
});

describe("pictures of a moment", () => {
  const files = [file("clip", 0, 20), file("clip", 15, 40), file("snapshot", 18, 18), file("detections", 0, 40), file("clip", 0, 20)];
  it("are clips that cover it and a picture close to it, each once", () =>
    expect(shownAt(files, 17 * S).map((each) => each.sha256)).toEqual(["clip15", "clip0", "snapshot18"]));
  it("are none where none covers it", () => expect(shownAt(files, 60 * S)).toEqual([]));
});

describe("moments as a person writes them", () => {
  it.each([
    ["1767225600000000", 1_767_225_600_000_000],
    ["2026-01-01T00:00:00Z", 1_767_225_600_000_000],
    ["2026-01-01T01:00:00+01:00", 1_767_225_600_000_000],
    ["yesterday", null],
    ["-5", null],
    ["", null],
  ])("%s", (text, us) => expect(momentOf(text)).toBe(us));
  it.each(["2026-01-01T00:00:00", "2026-07-01T12:30:05", "2026-03-29T03:00:00", "2026-10-25T04:00:00"])(
    "%s in Berlin is written as it was read",
    (text) => expect(siteInput(fromSiteInput(text, "Europe/Berlin") ?? 0, "Europe/Berlin")).toBe(text),
  );
  it("counts the site's summer time", () => expect(fromSiteInput("2026-07-01T12:00:00", "Europe/Berlin")).toBe(Date.UTC(2026, 6, 1, 10) * 1_000));
});
