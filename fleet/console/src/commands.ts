// Orders to the coordinator. Each carries the name of the person; the answer is one line, good or bad.
import type { Session } from "./session";

const TIMEOUT_MS = 5_000;
const TRIES = 3; // of one press: the answer may be lost, the order not
const PAUSE_MS = 400;

export interface Answer {
  ok: boolean;
  text: string;
}

export type Send = (path: string, body?: Record<string, unknown>) => Promise<Answer>;

/** `signedOut` is told when the coordinator knows this session no more. */
export function sender(by: () => string, session: () => Session | null, signedOut: () => void = () => undefined): Send {
  return async (path, body = {}) => {
    const headers: Record<string, string> = { "Content-Type": "application/json" };
    const csrf = session()?.csrf;
    if (csrf) headers["X-CSRF-Token"] = csrf;
    const person = csrf ? {} : { by: by() };
    // The same key at every try: what came of the first is answered again, and not done twice.
    headers["Idempotency-Key"] = `"${crypto.randomUUID()}"`;
    const request = { method: "POST", headers, body: JSON.stringify({ ...body, ...person }) };
    for (let tried = 1; ; tried += 1) {
      try {
        const response = await fetch(`/api/v1${path}`, { ...request, signal: AbortSignal.timeout(TIMEOUT_MS) });
        if (response.status === 401) signedOut();
        const answer = (await response.json()) as { what?: string; detail?: string };
        return { ok: response.ok, text: response.ok ? (answer.what ?? "done") : (answer.detail ?? response.statusText) };
      } catch (error) {
        if (tried >= TRIES) {
          return { ok: false, text: `the coordinator did not answer: ${error instanceof Error ? error.message : "unknown"}` };
        }
        await new Promise((resolve) => setTimeout(resolve, PAUSE_MS));
      }
    }
  };
}
