// One order for one vehicle: what, where, and the gate's answer beside it before it can be given.
import { useState } from "react";
import type { Send } from "../../commands";
import type { GeoPoint } from "../../contract";
import type { Role } from "../../page";
import { metres, percent } from "../../words";
import { bodyOf, canGive, degrees, type Foresight, FRESH_MS, needsPoint, pathOf, roleOf, WHATS, type Wish } from "./sending";
import type { T } from "./words";

interface Props {
  t: T;
  wish: Wish;
  change: (part: Partial<Wish>) => void;
  answer: Foresight | null;
  askedAtMs: number;
  problem: string;
  nowMs: number;
  isLive: boolean;
  send: Send;
  may: (role: Role) => boolean;
}

export function OrderPanel({ t, wish, change, answer, askedAtMs, problem, nowMs, isLive, send, may }: Props) {
  const [said, setSaid] = useState("");
  const give = async () => {
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
      {needsPoint(wish.what) && <Point t={t} point={wish.point} change={(point) => change({ point })} />}
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
      <button type="button" className="give" disabled={!canPress} onClick={() => void give()}>
        {t.give}: {t[wish.what]}, {wish.vehicle}
      </button>
      {!may(roleOf(wish.what)) && <p className="quiet">{t.needsPilot}</p>}
      <p role="status">{said}</p>
    </section>
  );
}

function Point({ t, point, change }: { t: T; point: GeoPoint | null; change: (point: GeoPoint) => void }) {
  const [typed, setTyped] = useState<{ lat: string; lon: string } | null>(null);
  const shown = typed ?? { lat: point?.lat_deg.toFixed(6) ?? "", lon: point?.lon_deg.toFixed(6) ?? "" };
  const take = (next: { lat: string; lon: string }) => {
    setTyped(next);
    const [lat_deg, lon_deg] = [degrees(next.lat, 90), degrees(next.lon, 180)];
    if (lat_deg !== null && lon_deg !== null) change({ lat_deg, lon_deg });
  };
  return (
    <div className="fields" onBlur={() => setTyped(null)}>
      <label>
        {t.latitude}
        <input inputMode="decimal" value={shown.lat} onChange={(event) => take({ ...shown, lat: event.target.value })} />
      </label>
      <label>
        {t.longitude}
        <input inputMode="decimal" value={shown.lon} onChange={(event) => take({ ...shown, lon: event.target.value })} />
      </label>
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
