// What the coordinator answers, to whoever is signed in.
export async function readJson<T>(path: string): Promise<T | null> {
  try {
    const answer = await fetch(path);
    return answer.ok ? ((await answer.json()) as T) : null;
  } catch {
    return null; // it is asked again
  }
}

/** The body of an answer; throws the coordinator's own line where it refuses. */
export async function answered<T>(answer: Response): Promise<T> {
  if (answer.status === 204) return undefined as T;
  const body = (await answer.json()) as T & { detail?: string };
  if (!answer.ok) throw new Error(body.detail ?? answer.statusText);
  return body;
}
