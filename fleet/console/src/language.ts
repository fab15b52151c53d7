// Words in two languages; types make both have the same keys.
export type Language = "en" | "de";
export type Words = Record<string, string>;

export function words<W extends Words>(en: W, de: { [K in keyof W]: string }): { en: W; de: { [K in keyof W]: string } } {
  return { en, de };
}

export function useWords<W extends Words>(both: { en: W; de: { [K in keyof W]: string } }): { [K in keyof W]: string } {
  return document.documentElement.lang === "de" ? both.de : both.en;
}
