// Who is signed in on this page. The session itself is a cookie that no script can read.
import type { components } from "./api";

export type Session = components["schemas"]["SessionView"];

async function answered(path: string, body: unknown): Promise<string | null> {
  try {
    const answer = await fetch(`/api/v1${path}`, {
      method: "POST",
      headers: { "Content-Type": "application/json" },
      body: JSON.stringify(body),
    });
    if (answer.ok) return null;
    return ((await answer.json()) as { detail?: string }).detail ?? answer.statusText;
  } catch {
    return "the coordinator did not answer";
  }
}

/** null: it did not answer. */
export async function whoIsHere(): Promise<Session | null> {
  try {
    const answer = await fetch("/api/v1/session");
    return answer.ok ? ((await answer.json()) as Session) : null;
  } catch {
    return null;
  }
}

/** What went wrong, null for nothing. */
export const signIn = (name: string, password: string) => answered("/session", { name, password });
export const setUp = (secret: string, name: string, password: string) =>
  answered("/set-up", { secret, password, ...(name ? { name } : {}) });

export async function signOut(session: Session): Promise<void> {
  await fetch("/api/v1/session", { method: "DELETE", headers: { "X-CSRF-Token": session.csrf ?? "" } }).catch(() => null);
  window.location.reload();
}
