// The timeline of an incident: what the coordinator wrote down, with what the footage, the tasks and the trace add to it.
// Pure: nothing is judged here, only put in order.
import type { components } from "../../api";
import type { EvidenceView, Incident, Task } from "../../contract";

export type TraceView = components["schemas"]["TraceView"];
export type TaskDetail = components["schemas"]["TaskDetail"];

/** seen: by a camera; done: by us or a vehicle; said: by a person; gate: what the safety gate answered. */
export type LineKind = "seen" | "done" | "said" | "gate";

export interface StoryLine {
  atUs: number;
  who: string;
  what: string;
  kind: LineKind;
}

/** The gate lets an order go, lets less of it go, or does not. */
export type Verdict = "approved" | "clipped" | "refused";

export interface StoryWords {
  preRoll: string;
  firstFrame: string;
  bestPicture: string;
  clipEnds: string;
  task: (vehicle: string, state: Task["state"], reason: string) => string;
  gate: (verdict: Verdict, order: string, reasons: string) => string;
}

const OURS = new Set(["system", "dispatch", "tasking", "monitor", "procedure", "fusion"]);

interface Hop {
  name: string;
  tookUs: number;
}

/** How long each part of the way took, from the frame to the vehicle, in the order of the way. */
const WAY = ["decode", "queue", "detect", "track", "locate", "rule", "outbox", "broker", "ingest", "decision", "gate", "mavlink_ack"];
export function hopsOf(trace: TraceView | null): Hop[] {
  const place = (name: string) => (WAY.includes(name) ? WAY.indexOf(name) : WAY.length);
  return Object.entries(trace?.hops_us ?? {})
    .map(([name, tookUs]) => ({ name, tookUs }))
    .sort((a, b) => place(a.name) - place(b.name) || a.name.localeCompare(b.name));
}

/** When it began, by the camera's clock: the earliest frame that an event of it names; null where no camera saw it. */
export function beganAtUs(trace: TraceView | null): number | null {
  const captured = (trace?.messages ?? []).flatMap((message) => {
    const body = message["body"] as { type?: string; started_at_us?: number } | undefined;
    if (body?.type !== "event") return [];
    return [message["captured_at_us"], body.started_at_us].filter((at): at is number => typeof at === "number");
  });
  return captured.length > 0 ? Math.min(...captured) : null;
}

interface Judged {
  decision_id?: string;
  vehicle?: { vehicle_id?: string };
  order?: { order?: string };
  approved?: unknown;
  clipped?: string[];
  reasons?: string[];
}

export interface Sources {
  incident: Incident;
  files: readonly EvidenceView[];
  trace: TraceView | null;
  tasks: readonly TaskDetail[];
}

/** Everything in order, each once. What came at the same moment stays in the order in which it was written down. */
export function story({ incident, files, trace, tasks }: Sources, words: StoryWords): StoryLine[] {
  const lines: StoryLine[] = (incident.timeline ?? []).map(({ at_us, who, what }) => ({
    atUs: at_us,
    who,
    what,
    kind: OURS.has(who) || tasks.some(({ task }) => task.vehicle === who) ? "done" : what.startsWith("alarm:") || what.startsWith("ended:") ? "seen" : "said",
  }));
  const began = beganAtUs(trace);
  const firstCamera = incident.sighting?.camera ?? incident.sensors?.[0] ?? "";
  if (began !== null) lines.push({ atUs: began, who: firstCamera, what: words.firstFrame, kind: "seen" });
  for (const file of files) {
    if (file.kind === "clip") {
      lines.push({ atUs: file.start_us, who: file.camera, what: words.preRoll, kind: "seen" });
      lines.push({ atUs: file.end_us, who: file.camera, what: words.clipEnds, kind: "seen" });
    } else if (file.kind === "snapshot") {
      lines.push({ atUs: file.start_us, who: file.camera, what: words.bestPicture, kind: "seen" });
    }
  }
  for (const { task, changes } of tasks) {
    for (const change of changes as { at_us?: number; state?: Task["state"]; reason?: string }[]) {
      if (typeof change.at_us !== "number" || !change.state) continue;
      lines.push({ atUs: change.at_us, who: task.vehicle, what: words.task(task.vehicle, change.state, change.reason ?? ""), kind: "done" });
    }
  }
  lines.push(...gateLines(trace, words));
  const once = new Map(lines.map((line) => [`${line.atUs}/${line.who}/${line.what}`, line]));
  return [...once.values()].sort((a, b) => a.atUs - b.atUs);
}

/** What the safety gate answered, at the time that the audit log has for it. The same answer again is not repeated: the
 * way of a task is judged anew every second. */
function gateLines(trace: TraceView | null, words: StoryWords): StoryLine[] {
  const times = new Map<string, number>();
  for (const row of trace?.audit ?? []) {
    const detail = row["detail"] as { decision?: string } | null;
    const atUs = row["at_us"];
    if (detail?.decision && typeof atUs === "number") times.set(detail.decision, atUs);
  }
  const judged = ((trace?.decisions ?? []) as Judged[])
    .flatMap((decision) => {
      const atUs = decision.decision_id === undefined ? undefined : times.get(decision.decision_id);
      return atUs === undefined ? [] : [{ atUs, decision }];
    })
    .sort((a, b) => a.atUs - b.atUs);
  const last = new Map<string, string>();
  return judged.flatMap(({ atUs, decision }) => {
    const vehicle = decision.vehicle?.vehicle_id ?? "";
    const verdict: Verdict = !decision.approved ? "refused" : decision.clipped?.length ? "clipped" : "approved";
    const why = verdict === "clipped" ? decision.clipped : decision.reasons;
    const what = words.gate(verdict, decision.order?.order ?? "", (why ?? []).join("; "));
    if (last.get(vehicle) === what) return [];
    last.set(vehicle, what);
    return [{ atUs, who: vehicle, what, kind: "gate" as const }];
  });
}

/** The line that was the last before a moment: what the timeline marks while the clip plays. -1: none was yet. */
export function lineAt(lines: readonly StoryLine[], atUs: number): number {
  let found = -1;
  for (const [index, line] of lines.entries()) if (line.atUs <= atUs) found = index;
  return found;
}

/** What a task was at a moment; null before it was made. */
export function taskStateAt(detail: TaskDetail, atUs: number): Task["state"] | null {
  if (detail.task.created_at_us > atUs) return null;
  const changes = detail.changes as { at_us?: number; state?: Task["state"] }[];
  const before = changes.filter((change) => typeof change.at_us === "number" && change.at_us <= atUs);
  return before.at(-1)?.state ?? "created";
}

/** Cameras and sensors that took part, with how many files each gave. */
export function partakers(incident: Incident, cameras: readonly string[], files: readonly EvidenceView[]): { name: string; kind: "camera" | "sensor"; files: number }[] {
  const seen = new Set([...cameras, ...files.map((file) => file.camera), ...(incident.sighting ? [incident.sighting.camera] : [])]);
  return [
    ...[...seen].sort().map((name) => ({ name, kind: "camera" as const, files: files.filter((file) => file.camera === name).length })),
    ...(incident.sensors ?? []).map((name) => ({ name, kind: "sensor" as const, files: 0 })),
  ];
}

/** Events that happened together before one camera name the same file. */
export function onceEach(files: readonly EvidenceView[]): EvidenceView[] {
  return [...new Map(files.map((file) => [`${file.kind}${file.sha256}`, file])).values()];
}
