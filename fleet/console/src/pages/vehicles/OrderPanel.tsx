// One order for one vehicle: what, where, and the gate's answer beside it before it can be given.
import { useEffect, useState } from "react";
import type { Send } from "../../commands";
import type { GeoPoint } from "../../contract";
import type { Role } from "../../page";
import { metres, percent } from "../../words";
import type { Place } from "./places";
import { bodyOf, canGive, type Foresight, FRESH_MS, isConfirmed, isSame, needsPoint, pathOf, pointOf, roleOf, WHATS, type Wish } from "./sending";
import type { T } from "./words";

interface Props {
  t: T;
  wish: Wish;
  places: readonly Place[];
  change: (part: Partial<Wish>) => void;
  answer: Foresight | null;
  askedAtMs: number;
  problem: string;
  nowMs: number;
  isLive: boolean;
  send: Send;
  may: (role: Role) => boolean;
}

const CONFIRM_MS = 6_000; // between the first press and the second

export function OrderPanel({ t, wish, places, change, answer, askedAtMs, problem, nowMs, isLive, send, may }: Props) {
  const [said, setSaid] = useState("");
  const [isSure, setSure] = useState(false);
  const exactly = JSON.stringify(wish);
  useEffect(() => setSure(false), [exactly]); // the second press is for the order of the first
  useEffect(() => {
    if (!isSure) return undefined;
    const timer = setTimeout(() => setSure(false), CONFIRM_MS);
    return () => clearTimeout(timer);
  }, [isSure]);
  const give = async () => {
    if (isConfirmed(wish.what) && !isSure) return setSure(true);
    setSure(false);
    setSaid("");
    const { ok, text } = await send(pathOf(wish), needsPoint(wish.what) ? (bodyOf(wish) ?? {}) : {});
    setSaid(ok && text === "done" ? t.ordered : text);
    if (ok) change({ point: null });
  };
  const canPress = canGive(wish, answer, { askedAtMs, nowMs, isLive, may });
  return (
    <section className="order" aria-label={`${t.order} ${wish.vehicle}`}>
      <h3>
        {t.order} {wish.vehicle}
      </h3>
      <div className="whats" role="group" aria-label={t.what}>
        {WHATS.map((what) => (
          <button key={what} type="button" aria-pressed={what === wish.what} onClick={() => change({ what })}>
            {t[what]}
          </button>
        ))}
      </div>
      {wish.what === "look" && <p className="quiet">{t.lookNote}</p>}
      {needsPoint(wish.what) && <Point t={t} point={wish.point} places={places} change={(point) => change({ point })} />}
      {wish.what === "orbit" && (
        <div className="fields">
          <label>
            {t.radius}
            <input type="number" min={5} max={200} value={Number.isNaN(wish.radiusM) ? "" : wish.radiusM} onChange={(event) => change({ radiusM: event.target.valueAsNumber })} />
          </label>
          <label>
            {t.duration}
            <input type="number" min={1} max={3600} value={Number.isNaN(wish.durationS) ? "" : wish.durationS} onChange={(event) => change({ durationS: event.target.valueAsNumber })} />
          </label>
        </div>
      )}
      <div role="status" className="answer">
        {problem ? (
          <p className="problem">
            {t.failed} {problem}
          </p>
        ) : bodyOf(wish) === null ? (
          <p className="quiet">{t.clickOrType}</p>
        ) : answer === null ? (
          <p className="quiet">{t.asking}</p>
        ) : (
          <Verdict t={t} answer={answer} isOld={nowMs - askedAtMs > FRESH_MS} />
        )}
      </div>
      <button type="button" className={isSure && canPress ? "give sure" : "give"} disabled={!canPress} onClick={() => void give()}>
        {isSure && canPress ? t.confirm : t.give}: {t[wish.what]}, {wish.vehicle}
      </button>
      {!may(roleOf(wish.what)) && <p className="quiet">{t.needsPilot}</p>}
      <p role="status">{said}</p>
    </section>
  );
}

interface PointProps {
  t: T;
  point: GeoPoint | null;
  places: readonly Place[];
  change: (point: GeoPoint | null) => void;
}

function Point({ t, point, places, change }: PointProps) {
  const at = places.findIndex((place) => point !== null && isSame(place.point, point));
  const [typed, setTyped] = useState<{ lat: string; lon: string } | null>(null);
  const shown = typed ?? { lat: point?.lat_deg.toFixed(6) ?? "", lon: point?.lon_deg.toFixed(6) ?? "" };
  const take = (next: { lat: string; lon: string }) => {
    setTyped(next);
    change(pointOf(next)); // half a point is none: nothing is ordered to what stood there before
  };
  useEffect(() => setTyped((text) => (text && isSame(pointOf(text), point) ? text : null)), [point]);
  return (
    <div className="fields">
      <label>
        {t.latitude}
        <input inputMode="decimal" value={shown.lat} onChange={(event) => take({ ...shown, lat: event.target.value })} />
      </label>
      <label>
        {t.longitude}
        <input inputMode="decimal" value={shown.lon} onChange={(event) => take({ ...shown, lon: event.target.value })} />
      </label>
      {places.length > 0 && (
        <label className="wide">
          {t.place}
          <select
            value={at}
            onChange={(event) => {
              const place = places[Number(event.target.value)];
              if (place) change(place.point);
            }}
          >
            <option value={-1}>{point ? t.onMap : "–"}</option>
            {places.map((place, index) => (
              <option key={`${place.kind}/${place.id}`} value={index}>
                {place.name} ({t[place.kind]})
              </option>
            ))}
          </select>
        </label>
      )}
    </div>
  );
}

const MARKS = { approve: "✓", clip: "▲", refuse: "✕" } as const;

function Verdict({ t, answer, isOld }: { t: T; answer: Foresight; isOld: boolean }) {
  const s = (value: number | null) => (value === null ? "–" : `${value.toFixed(0)} s`);
  const isRest = !needsPoint(answer.what);
  return (
    <div className={`verdict ${answer.verdict}${isOld ? " old" : ""}`}>
      <p className="word">
        {MARKS[answer.verdict]} {isRest ? t.restNotes : t[answer.verdict]}
      </p>
      {answer.reasons.length > 0 && (
        <ul>
          {answer.reasons.map((reason) => (
            <li key={reason}>{reason}</li>
          ))}
        </ul>
      )}
      {answer.clipped.length > 0 && (
        <p>
          {t.clippedTo}: {answer.clipped.join("; ")}
        </p>
      )}
      {answer.notes.length > 0 && (
        <p>
          {t.notes}: {answer.notes.join("; ")}
        </p>
      )}
      {answer.verdict !== "refuse" && answer.length_m !== null && (
        <dl>
          <dt>{t.arrives}</dt>
          <dd>{s(answer.arrives_in_s)}</dd>
          <dt>{t.way}</dt>
          <dd>{metres(answer.length_m)}</dd>
          {answer.above_home_m !== null && (
            <>
              <dt>{t.height}</dt>
              <dd>
                {metres(answer.above_home_m)} {t.aboveHome}
              </dd>
            </>
          )}
          {answer.turns !== null && (
            <>
              <dt>{t.turns}</dt>
              <dd>
                {answer.turns} · {t.lasts} {s(answer.lasts_s)}
              </dd>
            </>
          )}
          <dt>{t.chargeNow}</dt>
          <dd>
            {percent(answer.battery_frac)}
            {answer.battery_there_frac !== null && ` → ${percent(answer.battery_there_frac)} ${t.chargeThere}`} → {percent(answer.battery_home_frac)}{" "}
            {t.chargeHome} ({t.reserve} {percent(answer.reserve_frac)})
          </dd>
        </dl>
      )}
      {!isRest && <p className="quiet">{isOld ? t.oldAnswer : t.momentary}</p>}
    </div>
  );
}
