// Vehicles: what each can do and does, and orders by hand with the gate's answer before they are given.
import { useQuery } from "@tanstack/react-query";
import { lazy, Suspense, useCallback, useMemo, useState } from "react";
import type { GeoPoint } from "../../contract";
import { useWords } from "../../language";
import { useFeed } from "../../live";
import type { PageProps } from "../../page";
import { useRoute } from "../../route";
import { Docks } from "./Docks";
import { OrderPanel } from "./OrderPanel";
import { placesOf } from "./places";
import { askedIn, ASK_EACH_MS, bodyOf, foresee, needsPoint, sendable, type Wish } from "./sending";
import { VehicleTable } from "./VehicleTable";
import "./vehicles.css";
import { WORDS } from "./words";

const SiteMap = lazy(() => import("../watch/SiteMap").then(({ SiteMap: Map }) => ({ default: Map })));

export default function Vehicles({ picture, nowMs, send, session, may, isLive }: PageProps) {
  const t = useWords(WORDS);
  const feed = useFeed();
  const { query } = useRoute();
  const [from] = useState(() => askedIn(query));
  const [picked, choose] = useState<string | null>(from.vehicle);
  const [asked, setAsked] = useState<Omit<Wish, "vehicle">>({ what: from.what, point: from.point, radiusM: 30, durationS: 60 });
  const first = picture.vehicles.keys().next().value ?? null;
  const vehicle = picked !== null && picture.vehicles.has(picked) ? picked : first;
  const wish: Wish = { ...asked, vehicle: vehicle ?? "" };
  const change = useCallback((part: Partial<Wish>) => setAsked((before) => ({ ...before, ...part })), []);
  const pick = useCallback((point: GeoPoint) => change({ point }), [change]);
  const told = useQuery({
    queryKey: ["preview", wish],
    queryFn: () => foresee(wish, session, localStorage.getItem("vedette.name") ?? ""),
    enabled: vehicle !== null && bodyOf(wish) !== null && may("operator"),
    refetchInterval: ASK_EACH_MS,
    retry: false,
    gcTime: 0,
  });
  const keeping = useQuery({ queryKey: ["sendable"], queryFn: sendable, refetchInterval: ASK_EACH_MS, retry: false });
  const kept = new Map((keeping.isError ? [] : (keeping.data ?? [])).map((each) => [each.vehicle, each.reasons]));
  const places = useMemo(() => placesOf(picture.site), [picture.site]);
  const answer = bodyOf(wish) === null ? null : (told.data ?? null);
  const ghost = useMemo(() => answer && { way: answer.way.map((stop) => stop.point), verdict: answer.verdict }, [answer]);
  if (vehicle === null) return <p className="empty notice">{t.none}</p>;
  return (
    <section className="vehicles" aria-labelledby="vehicles-title">
      <h2 id="vehicles-title">{t.title}</h2>
      <div className="map" role="region" aria-label={t.map}>
        <Suspense fallback={<p className="empty notice">{t.mapComes}</p>}>
          <SiteMap picture={picture} feed={feed} ghost={ghost} target={needsPoint(wish.what) ? wish.point : null} onPick={pick} />
        </Suspense>
      </div>
      <aside>
        {!may("operator") && <p className="quiet">{t.onlySees}</p>}
        {may("operator") && (
          <OrderPanel
            key={vehicle}
            {...{ t, wish, places, change, answer, nowMs, isLive, send, may }}
            askedAtMs={told.dataUpdatedAt}
            problem={told.isError && bodyOf(wish) !== null ? told.error.message : ""}
          />
        )}
        <Docks docks={[...picture.docks.values()]} {...{ t, send, may }} />
      </aside>
      <VehicleTable {...{ picture, kept, nowMs, t, choose, send, may }} chosen={vehicle} />
    </section>
  );
}
