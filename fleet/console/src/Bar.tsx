// The bar at the top: site, link, pages, the site's clock, who is here, settings, and Recall all.
import { useRef } from "react";
import type { Send } from "./commands";
import { useKeys } from "./keys";
import { LANGUAGE_NAMES, LANGUAGES, speak, useLanguage, useWords } from "./language";
import type { Role } from "./page";
import { isThere, PAGES, pageAt } from "./pages";
import type { Picture } from "./picture";
import { Recall } from "./Recall";
import { go, Link } from "./route";
import { type Session, signOut } from "./session";
import { SHELL } from "./shellWords";
import { mute, useMuted } from "./sounds";
import { type Surroundings, useSurroundings } from "./surroundings";
import { chooseTheme, THEMES, type ThemeChoice, useThemeChoice } from "./theme";
import { age, clockTime } from "./words";

interface BarProps {
  picture: Picture | null;
  isLive: boolean;
  lastWordUs: number;
  nowMs: number;
  session: Session | null;
  person: string;
  path: string;
  may: (role: Role) => boolean;
  send: Send;
}

export function Bar({ picture, isLive, lastWordUs, nowMs, session, person, path, may, send }: BarProps) {
  const t = useWords(SHELL);
  const isMuted = useMuted();
  const help = useRef<HTMLDialogElement>(null);
  const menu = PAGES.filter((entry) => entry.inMenu && may(entry.role) && isThere(entry, session));
  const here = pageAt(path);
  const others = useSurroundings(picture !== null)?.other_sites ?? [];
  const digits = Object.fromEntries(menu.map((entry, n) => [`${n + 1}`, () => go(entry.path)]));
  useKeys({ ...digits, m: () => mute(!isMuted), "?": () => help.current?.showModal() });
  const brokerLost = isLive && picture !== null && !picture.link.broker_connected;
  const lost = lastWordUs > 0 ? t.linkLostFor(age(lastWordUs, nowMs)) : t.linkLost;
  const keys: [string, string][] = [
    [menu.length > 1 ? `1 – ${menu.length}` : "1", t.keyPages],
    ["j  k  ↓  ↑", t.keyMove],
    ["Enter", t.keyOpen],
    ["a", t.keyAcknowledge],
    ["n", t.keyShowNew],
    ["m", t.keyMute],
    ["Shift R", t.keyRecall],
    ["?", t.keyHelp],
  ];
  return (
    <header className="bar">
      <h1>{picture?.site.name ?? "Vedette"}</h1>
      {others.length > 0 && <Others sites={others} />}
      <span className={`link ${session?.recording ? "recorded" : isLive && !brokerLost ? "live" : "lost"}`} role="status">
        {!isLive ? lost : session?.recording ? t.recorded(session.recording) : brokerLost ? t.brokerLost : t.linkLive}
      </span>
      <nav aria-label={t.pages}>
        {menu.map((entry) => (
          <Link key={entry.path} to={entry.path} aria-current={entry === here ? "page" : undefined}>
            {t[entry.words] as string}
          </Link>
        ))}
      </nav>
      <span className="grow" />
      {picture && (
        <time title={t.siteTime(picture.site.time_zone)}>
          {clockTime(nowMs, picture.site.time_zone)} <span>{picture.site.time_zone}</span>
        </time>
      )}
      {person && (
        <span className="who" title={t.signedInAs(person)}>
          {person}
        </span>
      )}
      <details className="settings">
        <summary aria-label={t.settings}>☰{isMuted ? ` ${t.muted}` : ""}</summary>
        <Settings {...{ session, isMuted }} showKeys={() => help.current?.showModal()} />
      </details>
      {(session === null || may("operator")) && <Recall send={send} />}
      <dialog ref={help} className="keys" aria-labelledby="keys-title">
        <h2 id="keys-title">{t.keysTitle}</h2>
        <dl>
          {keys.map(([key, what]) => (
            <div key={key} style={{ display: "contents" }}>
              <dt>
                <kbd>{key}</kbd>
              </dt>
              <dd>{what}</dd>
            </div>
          ))}
        </dl>
        <div className="actions">
          <button type="button" onClick={() => help.current?.close()}>
            {t.close}
          </button>
        </div>
      </dialog>
    </header>
  );
}

/** Each has a coordinator and a sign-in of its own. */
function Others({ sites }: { sites: Surroundings["other_sites"] }) {
  const t = useWords(SHELL);
  return (
    <details className="settings others">
      <summary aria-label={t.otherSites}>▾</summary>
      <ul>
        {sites.map((each) => (
          <li key={each.url}>
            <a href={each.url}>{each.name}</a>
          </li>
        ))}
      </ul>
    </details>
  );
}

function Settings({ session, isMuted, showKeys }: { session: Session | null; isMuted: boolean; showKeys: () => void }) {
  const t = useWords(SHELL);
  const language = useLanguage();
  const theme = useThemeChoice();
  return (
    <div>
      <label>
        {t.theme}
        <select value={theme} onChange={(event) => chooseTheme(event.target.value as ThemeChoice)}>
          {THEMES.map((each) => (
            <option key={each} value={each}>
              {t[each]}
            </option>
          ))}
        </select>
      </label>
      <label>
        {t.language}
        <select value={language} onChange={(event) => speak(event.target.value as typeof language)}>
          {LANGUAGES.map((each) => (
            <option key={each} value={each}>
              {LANGUAGE_NAMES[each]}
            </option>
          ))}
        </select>
      </label>
      <label>
        {t.mute}
        <input type="checkbox" checked={isMuted} onChange={(event) => mute(event.target.checked)} />
      </label>
      <button type="button" onClick={showKeys}>
        {t.keys} <kbd>?</kbd>
      </button>{" "}
      {session?.name && (
        <button type="button" onClick={() => void signOut(session)}>
          {t.signOut}
        </button>
      )}
    </div>
  );
}
