// What is around the site's own plan: a photograph of the ground under it, and where the other sites are.
import { useQuery } from "@tanstack/react-query";
import type { components } from "./api";
import { readJson } from "./reading";

export type Surroundings = components["schemas"]["SurroundingsView"];
export type Photo = components["schemas"]["PhotoView"];

/** Asked once: it is the coordinator's settings. Null until it is known, and where there is none. */
export function useSurroundings(isHere = true): Surroundings | null {
  const { data } = useQuery({
    queryKey: ["surroundings"],
    queryFn: () => readJson<Surroundings>("/api/v1/surroundings"),
    staleTime: Number.POSITIVE_INFINITY,
    enabled: isHere,
  });
  return data ?? null;
}
