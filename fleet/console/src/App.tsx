// The frame around every page: who is here, the link, the site's time, the way to other pages, and Recall all.
import { Component, type ReactNode, Suspense, useCallback, useEffect, useMemo, useState } from "react";
import { sender } from "./commands";
import { Bar } from "./Bar";
import { Live, LiveContext, useLive } from "./live";
import { useWords } from "./language";
import { mayOf, type PageProps } from "./page";
import { isThere, pageAt } from "./pages";
import { Link, useRoute } from "./route";
import { type Session, whoIsHere } from "./session";
import { SessionEnds } from "./SessionEnds";
import { SHELL } from "./shellWords";
import { GiveName, SignIn } from "./SignIn";

const NAME_KEY = "vedette.name";
const ASK_AGAIN_MS = 1_000;

function useNow(): number {
  const [nowMs, setNowMs] = useState(Date.now());
  useEffect(() => {
    const timer = setInterval(() => setNowMs(Date.now()), 1_000);
    return () => clearInterval(timer);
  }, []);
  return nowMs;
}

/** Who is here: asked until the coordinator answers, and again when it knows this page no more. */
function useSession(): { session: Session | null; askAgain: () => void } {
  const [session, setSession] = useState<Session | null>(null);
  const [asked, setAsked] = useState(0);
  useEffect(() => {
    let timer = 0;
    let isCurrent = true;
    const ask = async () => {
      const found = await whoIsHere();
      if (!isCurrent) return;
      if (found) setSession(found);
      else timer = window.setTimeout(() => void ask(), ASK_AGAIN_MS);
    };
    void ask();
    return () => {
      isCurrent = false;
      clearTimeout(timer);
    };
  }, [asked]);
  const askAgain = useCallback(() => setAsked((times) => times + 1), []);
  return { session, askAgain };
}

function liveUrl(): string {
  return `${window.location.protocol === "https:" ? "wss" : "ws"}://${window.location.host}/api/v1/live`;
}

export function App() {
  const { session, askAgain } = useSession();
  const [live] = useState(() => new Live(liveUrl(), askAgain));
  const isHere = session !== null && (session.is_open || Boolean(session.name));
  useEffect(() => {
    if (!isHere) return undefined;
    live.start();
    return () => live.stop();
  }, [live, isHere]);
  const isSettingUp = window.location.hash.startsWith("#set-up=");
  if (session && !session.is_open && (!session.name || isSettingUp)) return <SignIn onDone={askAgain} />;
  return (
    <LiveContext.Provider value={live}>
      <Frame live={live} session={session} signedOut={askAgain} />
    </LiveContext.Provider>
  );
}

function Frame({ live, session, signedOut }: { live: Live; session: Session | null; signedOut: () => void }) {
  const t = useWords(SHELL);
  const { picture, isLive, lastWordUs } = useLive(live);
  const nowMs = useNow();
  const { path } = useRoute();
  const [name, setName] = useState(localStorage.getItem(NAME_KEY) ?? "");
  const send = useMemo(() => sender(() => name, () => session, signedOut), [name, session, signedOut]);
  const may = useMemo(() => mayOf(session), [session]);
  const keepName = (given: string) => {
    localStorage.setItem(NAME_KEY, given);
    setName(given);
  };
  const person = session?.name ?? name;
  const endsAtMs = useMemo(() => (session?.ends_in_s == null ? null : Date.now() + session.ends_in_s * 1000), [session]);
  return (
    <div className={isLive ? "frame" : "frame stale"}>
      <Bar {...{ picture, isLive, lastWordUs, nowMs, session, person, path, may, send }} />
      <main className="page">
        {picture && <SessionEnds endsAtMs={endsAtMs} nowMs={nowMs} timeZone={picture.site.time_zone} />}
        {!picture ? (
          <p className="empty notice">{t.waiting}</p>
        ) : (
          <Fuse key={path} t={t}>
            <Suspense fallback={<p className="empty notice">{t.loading}</p>}>
              <Here {...{ picture, nowMs, send, session, may, isLive, path }} />
            </Suspense>
          </Fuse>
        )}
      </main>
      {!name && session?.is_open && <GiveName onDone={keepName} />}
    </div>
  );
}

function Here(props: PageProps) {
  const t = useWords(SHELL);
  const entry = pageAt(props.path);
  if (entry && props.may(entry.role) && isThere(entry, props.session)) return <entry.Page {...props} />;
  return (
    <div className="notice">
      <h1>{entry ? t.notForYou : t.noSuchPage}</h1>
      <Link to="/">{t.toWatch}</Link>
    </div>
  );
}

/** A fault in a page takes that page, never Recall all. */
class Fuse extends Component<{ children: ReactNode; t: (typeof SHELL)["en"] }, { isBroken: boolean }> {
  override state = { isBroken: false };
  static getDerivedStateFromError() {
    return { isBroken: true };
  }
  override render() {
    const { children, t } = this.props;
    if (!this.state.isBroken) return children;
    return (
      <div className="notice" role="alert">
        <h1>{t.pageBroke}</h1>
        <p>{t.pageBrokeSays}</p>
        <button type="button" onClick={() => window.location.reload()}>
          {t.reload}
        </button>
      </div>
    );
  }
}
