// Dark or light, as the system or as the person wants it; kept on this machine. Colours are in styles.css.
import { useSyncExternalStore } from "react";

export const THEMES = ["system", "light", "dark"] as const;
export type ThemeChoice = (typeof THEMES)[number];
export type Theme = "light" | "dark";

const KEY = "vedette.theme";
const listeners = new Set<() => void>();
// jsdom has no matchMedia
const system = typeof window.matchMedia === "function" ? window.matchMedia("(prefers-color-scheme: light)") : null;

export function kept(word: string | null): ThemeChoice {
  return THEMES.find((each) => each === word) ?? "system";
}

export function resolved(choice: ThemeChoice, systemIsLight: boolean): Theme {
  if (choice === "system") return systemIsLight ? "light" : "dark";
  return choice;
}

let choice = kept(localStorage.getItem(KEY));

function apply(): void {
  document.documentElement.dataset.theme = theme();
  for (const listener of listeners) listener();
}

export function theme(): Theme {
  return resolved(choice, system?.matches ?? false);
}

export function chooseTheme(next: ThemeChoice): void {
  choice = next;
  localStorage.setItem(KEY, next);
  apply();
}

function subscribe(listener: () => void): () => void {
  listeners.add(listener);
  return () => listeners.delete(listener);
}

export function useThemeChoice(): ThemeChoice {
  return useSyncExternalStore(subscribe, () => choice);
}

/** What is drawn now, for what CSS variables do not reach: the map. */
export function useTheme(): Theme {
  return useSyncExternalStore(subscribe, theme);
}

system?.addEventListener("change", apply);
apply();
