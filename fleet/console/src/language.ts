// The languages of the console. Words live beside what shows them: `const WORDS = words({...}, {...})`.
import { useSyncExternalStore } from "react";

export const LANGUAGES = ["en", "de"] as const;
export type Language = (typeof LANGUAGES)[number];
export const LANGUAGE_NAMES: Record<Language, string> = { en: "English", de: "Deutsch" };

// A word with gaps is a function of whatever fills them.
type Word = string | ((...gaps: any[]) => string);
type Same<T> = { [K in keyof T]: T[K] extends string ? string : T[K] };
export interface Words<T> {
  en: T;
  de: Same<T>;
}

const KEY = "vedette.language";
const listeners = new Set<() => void>();

/** The kept choice, else the first of the browser's languages that we speak, else English. */
export function chosen(kept: string | null, preferred: readonly string[]): Language {
  const known = (tag: string | null): Language | undefined => LANGUAGES.find((each) => tag?.toLowerCase().startsWith(each));
  return known(kept) ?? preferred.map(known).find((each) => each !== undefined) ?? "en";
}

let current: Language = chosen(localStorage.getItem(KEY), navigator.languages);
document.documentElement.lang = current;

/** Both languages of one place; the types make them have the same keys. */
export function words<T extends Record<string, Word>>(en: T, de: Same<T>): Words<T> {
  return { en, de };
}

export function spoken(): Language {
  return current;
}

/** The tag for Intl; English as in Europe: 24 hours, day before month. */
export function locale(): string {
  return current === "de" ? "de-DE" : "en-GB";
}

export function speak(language: Language): void {
  current = language;
  localStorage.setItem(KEY, language);
  document.documentElement.lang = language;
  for (const listener of listeners) listener();
}

function subscribe(listener: () => void): () => void {
  listeners.add(listener);
  return () => listeners.delete(listener);
}

export function useLanguage(): Language {
  return useSyncExternalStore(subscribe, spoken);
}

/** The words in the language of the person; the page is drawn anew when it changes. */
export function useWords<T>(both: Words<T>): T {
  return said(both, useLanguage());
}

/** The words outside a component, as they are spoken now. */
export function said<T>(both: Words<T>, language: Language = current): T {
  return both[language] as T;
}
