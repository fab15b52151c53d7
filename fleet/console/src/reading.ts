// GET from the coordinator, as whoever is signed in.
export async function readJson<T>(path: string): Promise<T | null> {
  try {
    const answer = await fetch(path);
    return answer.ok ? ((await answer.json()) as T) : null;
  } catch {
    return null; // it is asked again
  }
}
