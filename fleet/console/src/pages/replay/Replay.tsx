// Replay: any past hour on the map with its pictures, at any speed. What was not recorded is shown as nothing.
import { useQuery } from "@tanstack/react-query";
import { lazy, Suspense, useEffect, useMemo, useState, useSyncExternalStore } from "react";
import type { AlarmThen, Happened, HistoryExtent, HistoryPage } from "../../contract";
import { useKeys } from "../../keys";
import { locale, useWords } from "../../language";
import type { PageProps } from "../../page";
import { readJson } from "../../reading";
import { go, Link, useRoute } from "../../route";
import { clockTime } from "../../words";
import { HistoryCache } from "./history";
import { Pictures } from "./Pictures";
import { Player, SPEEDS } from "./player";
import "./replay.css";
import { besideAlarm, fromSiteInput, gapsIn, isEvent, LENGTHS_H, momentOf, nextRecorded, shownAt, siteInput, type Span, stretchAt } from "./stretch";
import { Then } from "./Then";
import { TimeBar } from "./TimeBar";
import { WORDS, type Words } from "./words";

const SiteMap = lazy(() => import("../watch/SiteMap").then(({ SiteMap: Map }) => ({ default: Map })));

const GROWS_MS = 10_000; // a block of the recorder
const LEAD_US = 60_000_000; // before the end, where nobody said a moment
const BEFORE_ALARM_US = 5_000_000;
const CLIP_US = 600_000_000; // an alarm may have been raised so long before what its clip shows
const NO_SPANS: readonly Span[] = [];
const NO_ALARMS: readonly AlarmThen[] = [];

export default function Replay(props: PageProps) {
  const t = useWords(WORDS);
  const { query } = useRoute();
  const isRecording = Boolean(props.session?.recording);
  const extent = useQuery({
    queryKey: ["history", "extent"],
    queryFn: () => readJson<HistoryExtent>("/api/v1/history/extent"),
    refetchInterval: isRecording ? false : GROWS_MS,
  });
  const asked = momentOf(query.get("at"));
  const spans = extent.data?.spans ?? NO_SPANS;
  if (extent.isPending) return <p className="empty notice">{t.comes}</p>;
  if (!extent.data) return <p className="empty notice">{t.noAnswer}</p>;
  const last = spans.at(-1);
  if (!last) return <p className="empty notice">{t.nothing}</p>;
  const first = isRecording ? (spans[0]?.from_us ?? 0) : Math.max(last.from_us, last.to_us - LEAD_US);
  return <Past {...props} t={t} spans={spans} asked={asked} first={first} />;
}

type PastProps = PageProps & { t: Words; spans: readonly Span[]; asked: number | null; first: number };

function usePlayer(site: PageProps["picture"]["site"], firstUs: number, spans: readonly Span[]): Player {
  const [player] = useState(() => {
    const cache = new HistoryCache((path) => readJson<HistoryPage>(path), () => performance.now());
    return new Player(site, cache, firstUs);
  });
  useEffect(() => {
    let frame = requestAnimationFrame(function tick(nowMs) {
      player.tick(nowMs);
      frame = requestAnimationFrame(tick);
    });
    return () => cancelAnimationFrame(frame);
  }, [player]);
  const endUs = spans.at(-1)?.to_us ?? 0;
  useEffect(() => player.endsAt(endUs), [player, endUs]);
  return player;
}

function Past({ picture, session, t, spans, asked, first }: PastProps) {
  const { site } = picture;
  const zone = site.time_zone;
  const player = usePlayer(site, asked ?? first, spans);
  const shown = useSyncExternalStore(player.subscribe, player.snapshot);
  const [hours, setHours] = useState<number>(1);
  const [stretch, setStretch] = useState(() => stretchAt(asked ?? first, 1));
  const seek = (atUs: number) => {
    player.seek(atUs);
    go(`/replay?at=${Math.round(atUs)}`, { isReplaced: true });
  };
  useEffect(() => {
    if (asked !== null && Math.abs(asked - player.snapshot().atUs) > 1_000 && !player.snapshot().isPlaying) player.seek(asked);
  }, [asked, player]);
  const { atUs } = shown;
  useEffect(() => {
    if (atUs < stretch.from_us || atUs > stretch.to_us) setStretch(stretchAt(atUs, hours));
  }, [atUs, stretch, hours]);

  const happened = useQuery({
    queryKey: ["history", "happened", stretch.from_us, stretch.to_us],
    queryFn: () => readJson<Happened>(`/api/v1/history/happened?from_us=${Math.max(0, stretch.from_us - CLIP_US)}&to_us=${stretch.to_us}`),
    refetchInterval: session?.recording ? false : GROWS_MS,
    gcTime: 60_000,
  });
  const all = happened.data?.alarms ?? NO_ALARMS;
  const alarms = useMemo(() => all.filter((alarm) => alarm.at_us >= stretch.from_us), [all, stretch]);
  const gaps = useMemo(() => gapsIn(stretch, spans), [stretch, spans]);
  const files = happened.data ? shownAt(happened.data.evidence, atUs) : [];
  const isGap = shown.kind === "gap";
  const next = isGap ? nextRecorded(spans, atUs) : null;
  const before = besideAlarm(alarms, atUs, -1);
  const after = besideAlarm(alarms, atUs, 1);
  const toAlarm = (alarm: AlarmThen | null) => alarm && seek(alarm.at_us);
  const toggle = () => {
    if (shown.isPlaying) {
      player.pause();
      go(`/replay?at=${player.snapshot().atUs}`, { isReplaced: true });
    } else player.play();
  };
  useKeys({
    " ": () => (document.activeElement instanceof HTMLButtonElement ? document.activeElement.click() : toggle()),
    ",": () => player.step(-1),
    ".": () => player.step(1),
    "[": () => toAlarm(before),
    "]": () => toAlarm(after),
  });
  const day = new Intl.DateTimeFormat(locale(), { timeZone: zone, dateStyle: "full" }).format(atUs / 1_000);
  const lengthUs = stretch.to_us - stretch.from_us;
  return (
    <div className="replay">
      <h1 className="not-live">
        <span>{t.replay}</span>
        <time title={t.siteTime(zone)} dateTime={new Date(atUs / 1_000).toISOString()}>
          {day}, {clockTime(atUs / 1_000, zone)} {zone}
        </time>
        <span className="grow" />
        {!session?.recording && <Link to="/">{t.toLive}</Link>}
      </h1>
      <section className="map" aria-label={t.map}>
        <Suspense fallback={<p className="empty notice">{t.mapComes}</p>}>
          <SiteMapOf player={player} />
        </Suspense>
        {shown.frame && <p className="count">{t.tracked(shown.frame.site_tracks.length)}</p>}
        {shown.kind !== "frame" && (
          <div className={`veil ${shown.kind}`} role="status">
            <p>
              {shown.kind === "gap" ? t.gap : shown.kind === "failed" ? t.noAnswer : t.loading}{" "}
              {next !== null && (
                <button type="button" onClick={() => seek(next)}>
                  {t.toNext} ({clockTime(next / 1_000, zone)})
                </button>
              )}
            </p>
          </div>
        )}
      </section>
      <aside className="beside">
        <section className="panel" aria-label={t.pictures}>
          <h2>{t.pictures}</h2>
          <Pictures files={files} shown={shown} t={t} />
        </section>
        <Alarms {...{ alarms, atUs, zone, t }} isCut={happened.data?.is_cut ?? false} isLinked={!session?.recording} onSeek={seek} />
        <Then frame={isGap ? null : shown.frame} t={t} />
      </aside>
      <section className="controls" aria-label={t.bar}>
        <TimeBar {...{ stretch, gaps, alarms, atUs, isGap, t }} timeZone={zone} onSeek={seek} />
        <div className="row">
          <button type="button" className="play" onClick={toggle} aria-keyshortcuts="Space">
            {shown.isPlaying ? `❚❚ ${t.pause}` : `▶ ${t.play}`}
          </button>
          <button type="button" onClick={() => player.step(-1)} aria-label={t.back} title={t.back}>
            ❙◀
          </button>
          <button type="button" onClick={() => player.step(1)} aria-label={t.on} title={t.on}>
            ▶❙
          </button>
          <label>
            {t.speed}{" "}
            <select value={shown.speed} onChange={(event) => player.hurry(Number(event.target.value))}>
              {SPEEDS.map((speed) => (
                <option key={speed} value={speed}>
                  {speed}×
                </option>
              ))}
            </select>
          </label>
          <button type="button" disabled={!before} onClick={() => toAlarm(before)}>
            ⟨ {t.alarmBefore}
          </button>
          <button type="button" disabled={!after} onClick={() => toAlarm(after)}>
            {t.alarmNext} ⟩
          </button>
          <span className="grow" />
          <button type="button" onClick={() => seek(Math.max(0, atUs - lengthUs))}>
            « {t.earlier}
          </button>
          <label>
            {t.length}{" "}
            <select
              value={hours}
              onChange={(event) => {
                setHours(Number(event.target.value));
                setStretch(stretchAt(atUs, Number(event.target.value)));
              }}
            >
              {LENGTHS_H.map((each) => (
                <option key={each} value={each}>
                  {t.hours(each)}
                </option>
              ))}
            </select>
          </label>
          <button type="button" onClick={() => seek(atUs + lengthUs)}>
            {t.later} »
          </button>
          <GoTo key={stretch.from_us} atUs={atUs} zone={zone} onSeek={seek} t={t} />
        </div>
        <p className="quiet key-line">
          <span><i className="key gap" />{t.legendGap}</span>
          <span><i className="mark event" />{t.legendAlarm}</span>
          <span><i className="mark" />{t.legendTrouble}</span>
          <span>{t.keys}</span>
        </p>
      </section>
    </div>
  );
}

/** The map hears the player by itself; the page around it is drawn ten times a second. */
function SiteMapOf({ player }: { player: Player }) {
  return <SiteMap picture={player.now} feed={player} />;
}

function GoTo({ atUs, zone, onSeek, t }: { atUs: number; zone: string; onSeek: (atUs: number) => void; t: Words }) {
  const [text, setText] = useState(() => siteInput(atUs, zone));
  const found = fromSiteInput(text, zone);
  return (
    <form
      onSubmit={(event) => {
        event.preventDefault();
        if (found !== null) onSeek(found);
      }}
    >
      <label title={t.siteTime(zone)}>
        {t.goTo} <input type="datetime-local" step={1} value={text} onChange={(event) => setText(event.target.value)} />
      </label>
      <button type="submit" disabled={found === null}>
        {t.go}
      </button>
    </form>
  );
}

interface AlarmsProps {
  alarms: readonly AlarmThen[];
  atUs: number;
  zone: string;
  isCut: boolean;
  isLinked: boolean;
  onSeek: (atUs: number) => void;
  t: Words;
}

function Alarms({ alarms, atUs, zone, isCut, isLinked, onSeek, t }: AlarmsProps) {
  const current = alarms.findLast((alarm) => alarm.at_us <= atUs);
  return (
    <section className="panel alarms" aria-label={t.alarms}>
      <h2>{t.alarms}</h2>
      {alarms.length === 0 && <p className="quiet">{t.noAlarms}</p>}
      <ol tabIndex={0} aria-label={t.alarms}>
        {alarms.map((alarm) => (
          <li key={alarm.alarm_id} className={isEvent(alarm) ? "event" : ""} aria-current={alarm === current ? "true" : undefined}>
            <button type="button" onClick={() => onSeek(Math.max(0, alarm.at_us - BEFORE_ALARM_US))}>
              <i className={isEvent(alarm) ? "mark event" : "mark"} />
              <time>{clockTime(alarm.at_us / 1_000, zone)}</time> {isEvent(alarm) ? t.alarm : t.trouble}: {alarm.title}
            </button>
            {isLinked && <Link to={`/incident/${alarm.incident_id}`}>{t.open}</Link>}
          </li>
        ))}
      </ol>
      {isCut && <p className="problem">{t.cut}</p>}
    </section>
  );
}
