// @vitest-environment jsdom
import { beforeEach, describe, expect, it } from "vitest";
import { chosen, type Words } from "./language";
import { go, matched } from "./route";
import { chooseTheme, kept, resolved } from "./theme";

describe("the route", () => {
  beforeEach(() => window.history.replaceState(null, "", "/"));

  it("finds what stands for the names of a pattern", () => {
    expect(matched("/incident/:id", "/incident/a%20b")).toEqual({ id: "a b" });
    expect(matched("/", "/")).toEqual({});
  });

  it("is none where the path is another one, or nonsense", () => {
    expect([matched("/live", "/lives"), matched("/incident/:id", "/incident"), matched("/x/:y", "/x/%E0%A4")]).toEqual([
      null,
      null,
      null,
    ]);
  });

  it("goes to another page without loading it anew", () => {
    go("/vehicles?x=1");
    expect(window.location.pathname + window.location.search).toBe("/vehicles?x=1");
  });
});

describe("the language", () => {
  it("is the kept one, else the browser's first that we speak, else English", () => {
    expect([chosen("de", ["en"]), chosen(null, ["fr", "de-AT"]), chosen(null, ["fr"]), chosen("xx", [])]).toEqual([
      "de",
      "de",
      "en",
      "en",
    ]);
  });

  it("has every word of each page in German as in English, and each says something", async () => {
    const files = import.meta.glob<Record<string, unknown>>(["./shellWords.ts", "./pages/*/words.ts"], { eager: true });
    const places = Object.entries(files).flatMap(([file, all]) =>
      Object.entries(all).filter((pair): pair is [string, Words<Record<string, unknown>>] => {
        const value = pair[1];
        return typeof value === "object" && value !== null && "en" in value && "de" in value;
      }).map(([name, both]) => ({ place: `${file} ${name}`, both })),
    );
    expect(places.length).toBeGreaterThan(1);
    for (const { place, both } of places) {
      expect(Object.keys(both.de).sort(), place).toEqual(Object.keys(both.en).sort());
      for (const [key, word] of Object.entries(both.de)) {
        expect(typeof word, `${place} ${key}`).toBe(typeof both.en[key]);
        expect(word, `${place} ${key}`).not.toBe("");
      }
    }
  });
});

describe("the theme", () => {
  it("is the system's until somebody chooses, and nonsense is no choice", () => {
    expect([resolved(kept(null), true), resolved(kept("blue"), false), resolved(kept("light"), false)]).toEqual([
      "light",
      "dark",
      "light",
    ]);
  });

  it("is kept and stands on the page", () => {
    chooseTheme("light");
    expect([document.documentElement.dataset.theme, localStorage.getItem("vedette.theme")]).toEqual(["light", "light"]);
  });
});
