// Where the person is: a small router on the History API. The coordinator answers every path with this page.
import { createElement, type MouseEvent, type ReactNode, useMemo, useSyncExternalStore } from "react";

const listeners = new Set<() => void>();
const tell = () => {
  for (const listener of listeners) listener();
};

export type Parameters = Readonly<Record<string, string>>;

export interface Route {
  path: string;
  query: URLSearchParams;
  parameters: Parameters; // of the pattern: /incident/:id gives id
}

/** What stands for the `:names` of a pattern; null where the path is another one. */
export function matched(pattern: string, path: string): Parameters | null {
  const wanted = pattern.split("/").filter(Boolean);
  const given = path.split("/").filter(Boolean);
  if (wanted.length !== given.length) return null;
  const found: Record<string, string> = {};
  for (const [n, part] of wanted.entries()) {
    const here = given[n] ?? "";
    if (part.startsWith(":")) {
      try {
        found[part.slice(1)] = decodeURIComponent(here);
      } catch {
        return null;
      }
    } else if (part !== here) return null;
  }
  return found;
}

function subscribe(listener: () => void): () => void {
  listeners.add(listener);
  window.addEventListener("popstate", listener);
  return () => {
    listeners.delete(listener);
    window.removeEventListener("popstate", listener);
  };
}

const here = () => window.location.pathname + window.location.search;

/** Where the person is; with a pattern, what stands for its `:names`. */
export function useRoute(pattern = ""): Route {
  const place = useSyncExternalStore(subscribe, here);
  return useMemo(() => {
    const [path = "/", search = ""] = place.split("?");
    return { path, query: new URLSearchParams(search), parameters: (pattern && matched(pattern, path)) || {} };
  }, [place, pattern]);
}

/** To another page. `isReplaced`: the way back leaves the present one out. */
export function go(path: string, { isReplaced = false } = {}): void {
  if (path === here()) return;
  if (isReplaced) window.history.replaceState(null, "", path);
  else window.history.pushState(null, "", path);
  tell();
}

interface LinkProps {
  to: string;
  children: ReactNode;
  className?: string;
  "aria-label"?: string;
  "aria-current"?: "page" | undefined;
  title?: string;
}

/** A link that changes the page without loading it anew; a middle click opens a tab, as everywhere. */
export function Link({ to, children, ...rest }: LinkProps) {
  const onClick = (event: MouseEvent) => {
    if (event.defaultPrevented || event.button !== 0 || event.metaKey || event.ctrlKey || event.shiftKey || event.altKey)
      return;
    event.preventDefault();
    go(to);
  };
  return createElement("a", { href: to, onClick, ...rest }, children);
}
