// Watch: the page an operator has open all night.
import { QueryClient, QueryClientProvider } from "@tanstack/react-query";
import { lazy, Suspense, useEffect, useMemo, useState } from "react";
import { Cameras } from "./Cameras";
import { sender } from "./commands";
import { Fleet } from "./Fleet";
import { type Live, useLive } from "./live";
import { Queue } from "./Queue";
import { Recall } from "./Recall";
import { type Session, signOut, whoIsHere } from "./session";
import { GiveName, SignIn } from "./SignIn";
import { SiteMap } from "./SiteMap";
import { ago, clockTime } from "./words";

const Incident = lazy(() => import("./pages/incident/Incident"));
const queries = new QueryClient();

const NAME_KEY = "vedette.name";

function useNow(): number {
  const [nowMs, setNowMs] = useState(Date.now());
  useEffect(() => {
    const timer = setInterval(() => setNowMs(Date.now()), 1_000);
    return () => clearInterval(timer);
  }, []);
  return nowMs;
}

export function App({ live }: { live: Live }) {
  const { picture, isLive, lastWordUs } = useLive(live);
  const nowMs = useNow();
  const [name, setName] = useState(localStorage.getItem(NAME_KEY) ?? "");
  const [session, setSession] = useState<Session | null>(null);
  const send = useMemo(() => sender(() => name, () => session), [name, session]);
  useEffect(() => {
    let isCurrent = true;
    void whoIsHere().then((found) => isCurrent && setSession(found));
    return () => {
      isCurrent = false;
    };
  }, [isLive]);

  if (session && !session.is_open && !session.name) return <SignIn onDone={() => window.location.reload()} />;
  if (!picture) return <p className="empty">Waiting for the coordinator…</p>;
  const keepName = (given: string) => {
    localStorage.setItem(NAME_KEY, given);
    setName(given);
  };
  const path = window.location.pathname;
  if (path.startsWith("/incident/")) {
    const may = (role: NonNullable<Session["role"]>) => session === null || session.is_open || (session.may ?? []).includes(role);
    return (
      <QueryClientProvider client={queries}>
        <Suspense>
          <Incident {...{ picture, nowMs, send, session, may, isLive, path }} />
        </Suspense>
      </QueryClientProvider>
    );
  }
  const brokerLost = isLive && !picture.link.broker_connected;
  return (
    <main className={isLive ? "watch" : "watch stale"}>
      <header className="bar">
        <h1>{picture.site.name}</h1>
        <span className={`link ${isLive && !brokerLost ? "live" : "lost"}`} role="status">
          {!isLive ? "No word from the coordinator" : brokerLost ? "The broker is down: nodes keep what they see" : "Live"}
        </span>
        <span className="grow" />
        {(session?.name ?? name) && <span>{session?.name ?? name}</span>}
        {session?.name && (
          <button type="button" onClick={() => void signOut(session)}>
            Sign out
          </button>
        )}
        <time>
          {clockTime(nowMs, picture.site.time_zone)} {picture.site.time_zone}
        </time>
        <Recall send={send} />
      </header>
      <section className="map">
        <SiteMap picture={picture} />
        <Cameras cameras={picture.site.cameras ?? []} />
        <p className="legend">
          <span><i style={{ background: "#f2b441" }} />zone set</span>
          <span><i style={{ background: "#ff5247" }} />zone in alarm</span>
          <span><i style={{ background: "#7fb2d9" }} />camera view</span>
          <span><i style={{ background: "#4fd1a5" }} />drone sensor</span>
          <span><i style={{ background: "#ff8a3d" }} />tracked, with error</span>
          <span><i style={{ background: "#d3504a" }} />no-fly</span>
        </p>
        {!isLive && <div className="stale-veil">What you see is old: {ago(lastWordUs, nowMs)}</div>}
      </section>
      <Queue picture={picture} nowMs={nowMs} send={send} />
      <Fleet picture={picture} send={send} />
      {!name && session?.is_open && <GiveName onDone={keepName} />}
    </main>
  );
}
