// What a vehicle does, or why it cannot, in one line. What the coordinator wrote itself stands as it came.
import type { Task, VehicleView } from "./contract";
import { said, words } from "./language";

export const TASKS = words(
  {
    patrol: "Patrol",
    investigate: "Look at an intruder",
    recall: "Recall",
    orbit: "Orbit",
    look: "Look from where it is",
    created: "waits for approval",
    sent: "sent",
    received: "received",
    accepted: "accepted",
    executing: "under way",
    suspended: "suspended",
    done: "done",
    failed: "failed",
    cancelled: "cancelled",
    refused: "refused",
    neverHeard: "Never heard",
    silent: "Silent: the link is down",
    held: (why: string) => `Held by the safety monitor: ${why}`,
    notReady: (why: string) => `Not ready: ${why}`,
    ready: "Ready",
  },
  {
    patrol: "Streife",
    investigate: "Eindringling ansehen",
    recall: "Rückruf",
    orbit: "Umkreisung",
    look: "Blick vom Ort aus",
    created: "wartet auf Freigabe",
    sent: "gesendet",
    received: "empfangen",
    accepted: "angenommen",
    executing: "im Gang",
    suspended: "unterbrochen",
    done: "erledigt",
    failed: "gescheitert",
    cancelled: "abgebrochen",
    refused: "abgelehnt",
    neverHeard: "Nie gehört",
    silent: "Stumm: keine Funkverbindung",
    held: (why: string) => `Von der Sicherheitsaufsicht gehalten: ${why}`,
    notReady: (why: string) => `Nicht bereit: ${why}`,
    ready: "Bereit",
  },
);

export function taskLine(task: Task): string {
  const t = said(TASKS);
  const name = task.kind === "patrol" && task.patrol ? `${t.patrol} ${task.patrol}` : t[task.kind];
  const detail = task.progress || task.reason;
  return `${name}: ${t[task.state]}${detail ? ` – ${detail}` : ""}`;
}

export function vehicleLine(vehicle: VehicleView, task: Task | undefined): string {
  const t = said(TASKS);
  if (vehicle.is_silent) return vehicle.heard_age_s == null ? t.neverHeard : t.silent;
  if (vehicle.latched_because) return t.held(vehicle.latched_because);
  if (task) return taskLine(task);
  const because = vehicle.not_ready_because ?? [];
  return because.length > 0 ? t.notReady(because.join("; ")) : t.ready;
}
