// Stand-in until the console's own comes: English, or German where the browser wants it.
export function words<T extends Record<string, string>>(en: T, de: Record<keyof T, string>): { en: T; de: Record<keyof T, string> } {
  return { en, de };
}

export function useWords<T extends Record<string, string>>(both: { en: T; de: Record<keyof T, string> }): Record<keyof T, string> {
  return localStorage.getItem("vedette.language") === "de" ? both.de : both.en;
}
