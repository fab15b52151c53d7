// GET from the coordinator, with the token of whoever is at the desk where it wants one.
export const TOKEN_KEY = "vedette.token";

export interface Reader {
  needsToken: boolean;
  json<T>(path: string): Promise<T | null>;
  blob(path: string): Promise<Blob | null>;
}

export function reading(): Reader {
  const token = sessionStorage.getItem(TOKEN_KEY);
  const get = async <T>(path: string, take: (answer: Response) => Promise<T>): Promise<T | null> => {
    try {
      const answer = await fetch(path, token ? { headers: { Authorization: `Bearer ${token}` } } : {});
      return answer.ok ? await take(answer) : null;
    } catch {
      return null; // it is asked again
    }
  };
  return {
    needsToken: token !== null,
    json: <T>(path: string) => get(path, (answer) => answer.json() as Promise<T>),
    blob: (path) => get(path, (answer) => answer.blob()),
  };
}
