// The one table of pages. Each is a chunk of its own, loaded when somebody goes there.
import { type ComponentType, lazy } from "react";
import type { PageProps, Role } from "./page";
import { matched } from "./route";
import type { Session } from "./session";
import type { SHELL } from "./shellWords";

type PageModule = { default: ComponentType<PageProps> };

// A page that this build does not have is not in its menu.
const built = import.meta.glob<PageModule>(
  "./pages/{watch/Watch,incident/Incident,live/Live,vehicles/Vehicles,plan/Plan,replay/Replay,health/Health,audit/Audit,people/People}.tsx",
);

export interface PageEntry {
  path: string; // with :names
  words: keyof (typeof SHELL)["en"]; // its name in the menu
  role: Role; // who may see it
  inMenu: boolean;
  load: () => Promise<PageModule>;
  Page: ComponentType<PageProps>;
}

function page(
  path: string,
  words: PageEntry["words"],
  file: string,
  { role = "viewer", inMenu = true }: { role?: Role; inMenu?: boolean } = {},
): PageEntry[] {
  const load = built[`./pages/${file}.tsx`];
  return load ? [{ path, words, role, inMenu, load, Page: lazy(load) }] : [];
}

export const PAGES: readonly PageEntry[] = [
  ...page("/", "watch", "watch/Watch"),
  ...page("/incident/:id", "incident", "incident/Incident", { inMenu: false }),
  ...page("/live", "live", "live/Live"),
  ...page("/vehicles", "vehicles", "vehicles/Vehicles"),
  ...page("/plan", "plan", "plan/Plan"),
  ...page("/replay", "replay", "replay/Replay"),
  ...page("/health", "health", "health/Health"),
  ...page("/audit", "audit", "audit/Audit", { role: "supervisor" }),
  ...page("/people", "people", "people/People", { role: "admin" }),
];

/** Of a recording there is nothing but Replay. */
export function isThere(entry: PageEntry, session: Session | null): boolean {
  return !session?.recording || entry.path === "/replay";
}

export function pageAt(path: string): PageEntry | undefined {
  return PAGES.find((entry) => matched(entry.path, path) !== null);
}
