// What the coordinator knows of one incident, asked again when the live feed says that it changed.
import { keepPreviousData, useQueries, useQuery } from "@tanstack/react-query";
import { useMemo } from "react";
import type { components } from "../../api";
import type { EvidenceView, Incident, IncidentDetail } from "../../contract";
import { readJson } from "../../reading";
import type { RunView } from "./answers";
import { merged, type Moment, momentsOf, momentsOfMessages } from "./moments";
import { onceEach, type TaskDetail, type TraceView } from "./story";

export type DispatchView = components["schemas"]["DispatchView"];

const COMING_MS = 3_000; // while a node still records or sends
const STEP_MS = 2_000;
const RANKED_MS = 10_000;

export interface Known {
  detail: IncidentDetail | null;
  isAsking: boolean;
  files: EvidenceView[];
  trace: TraceView | null;
  tasks: TaskDetail[];
  run: RunView | null;
  dispatch: DispatchView | null;
  moments: Moment[];
}

async function readText(url: string): Promise<string> {
  const answer = await fetch(url);
  if (!answer.ok) throw new Error(answer.statusText);
  return answer.text();
}

export function useIncident(id: string, live: Incident | undefined): Known {
  const changed = live?.changed_at_us ?? 0;
  const found = useQuery({
    queryKey: ["incident", id, changed],
    queryFn: () => readJson<IncidentDetail>(`/api/v1/incidents/${id}`),
    placeholderData: keepPreviousData,
    refetchInterval: ({ state }) => (isComplete(state.data?.evidence) ? false : COMING_MS),
  });
  const detail = found.data ?? null;
  const isOpen = detail !== null && detail.incident.state !== "closed";
  const isOfSite = detail?.incident.kind === "intrusion" || detail?.incident.kind === "movement";
  const traceId = detail?.incident.trace_id;
  const trace = useQuery({
    queryKey: ["trace", traceId, changed],
    queryFn: () => readJson<TraceView>(`/api/v1/traces/${traceId}`),
    enabled: traceId !== undefined,
    placeholderData: keepPreviousData,
  });
  const taskIds = (detail?.tasks ?? []).map((task) => task.task_id);
  const tasks = useQuery({
    queryKey: ["tasks", ...taskIds, changed],
    queryFn: async () => {
      const all = await Promise.all(taskIds.map((task) => readJson<TaskDetail>(`/api/v1/tasks/${task}`)));
      return all.filter((task): task is TaskDetail => task !== null);
    },
    placeholderData: keepPreviousData,
  });
  const book = useQuery({
    queryKey: ["procedures"],
    queryFn: () => readJson<unknown[]>("/api/v1/procedures"),
    staleTime: Number.POSITIVE_INFINITY,
  });
  const run = useQuery({
    queryKey: ["procedure", id, changed],
    queryFn: () => readJson<RunView>(`/api/v1/incidents/${id}/procedure`),
    enabled: (book.data ?? []).length > 0,
    placeholderData: keepPreviousData,
    refetchInterval: ({ state }) => (isOpen && state.data ? STEP_MS : false),
  });
  const dispatch = useQuery({
    queryKey: ["dispatch", id],
    queryFn: () => readJson<DispatchView>(`/api/v1/incidents/${id}/dispatch`),
    enabled: isOpen && isOfSite,
    refetchInterval: RANKED_MS,
  });
  const files = useMemo(() => onceEach(detail?.evidence ?? []), [detail]);
  const lines = files.filter((file) => file.kind === "detections" && file.url !== null);
  const read = useQueries({
    queries: lines.map((file) => ({
      queryKey: ["detections", file.sha256],
      queryFn: async () => momentsOf(await readText(file.url ?? ""), file.camera),
      staleTime: Number.POSITIVE_INFINITY,
    })),
  });
  const footage = read.map((each) => each.data);
  const arrived = footage.map((each) => each?.length ?? "-").join();
  const moments = useMemo(
    () => merged(footage.flatMap((each) => each ?? []), momentsOfMessages(trace.data?.messages ?? [])),
    [arrived, trace.data], // eslint-disable-line react-hooks/exhaustive-deps
  );
  return {
    detail,
    isAsking: found.isPending,
    files,
    trace: trace.data ?? null,
    tasks: tasks.data ?? [],
    run: run.data ?? null,
    dispatch: isOpen ? (dispatch.data ?? null) : null,
    moments,
  };
}

function isComplete(files: readonly EvidenceView[] | undefined): boolean {
  return files !== undefined && files.some((file) => file.kind === "clip") && files.every((file) => file.place !== "node");
}
