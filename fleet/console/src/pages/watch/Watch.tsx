// Watch: the page an operator has open all night.
import { lazy, Suspense, useState } from "react";
import { useWords } from "../../language";
import { useFeed } from "../../live";
import type { PageProps } from "../../page";
import { Link } from "../../route";
import { Cameras } from "./Cameras";
import { Fleet } from "./Fleet";
import { Queue } from "./Queue";
import { WATCH } from "./words";

const SiteMap = lazy(() => import("./SiteMap").then(({ SiteMap: Map }) => ({ default: Map }))); // with its engine, a chunk of its own

export default function Watch({ picture, nowMs, send, isLive, may }: PageProps) {
  const t = useWords(WATCH);
  const feed = useFeed();
  const [selected, select] = useState<string | null>(null);
  const cameras = picture.site.cameras ?? [];
  const incident = selected === null ? undefined : picture.incidents.get(selected);
  const sees = incident?.sighting?.camera ?? cameras.find(({ id }) => incident?.sensors.includes(id))?.id ?? null;
  return (
    <div className="watch">
      <section className="map" aria-label={t.map}>
        <Suspense fallback={<p className="empty notice">{t.mapComes}</p>}>
          <SiteMap picture={picture} feed={feed} />
        </Suspense>
        <Cameras cameras={cameras} follows={sees} />
        {cameras.length === 0 && (picture.site.zones ?? []).length === 0 && (
          <p className="newcomer">
            {t.newSite} <Link to="/plan">{t.toPlan}</Link>
          </p>
        )}
        <p className="legend">
          <span><i className="key zone-set" />{t.zoneSet}</span>
          <span><i className="key zone-alarm" />{t.zoneAlarm}</span>
          <span><i className="key zone-bypassed" />{t.zoneBypassed}</span>
          <span><i className="key view" />{t.cameraView}</span>
          <span><i className="key sensor" />{t.droneSensor}</span>
          <span><i className="key track" />{t.tracked}</span>
          <span><i className="key no-fly" />{t.noFly}</span>
        </p>
        {!isLive && <div className="stale-veil">{t.old}</div>}
      </section>
      <Queue {...{ picture, nowMs, send, may, selected, select }} />
      <Fleet {...{ picture, send, may }} />
    </div>
  );
}
