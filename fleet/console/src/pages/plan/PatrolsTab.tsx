// Patrols: what there is, with stays and hours; a plan with its longest gap, entropy and coverage; QGC's files in and out.
import { useMemo, useState } from "react";
import type { Site } from "../../contract";
import { compared, looksOf } from "./draft";
import { type Cell, PlanMap } from "./PlanMap";
import { ask, type PatrolPlan, type PlanImported, wordsOf } from "./server";
import type { TabProps } from "./tab";

const minutes = (s: number) => `${(s / 60).toFixed(1)} min`;
const percent = (frac: number) => `${(100 * frac).toFixed(0)} %`;

export function cellsOf(plan: PatrolPlan | null): Cell[] {
  if (!plan) return [];
  const { south_west: sw, north_east: ne, looks_per_h: rows } = plan.coverage;
  const most = Math.max(1e-9, ...rows.flatMap((row) => row.map((each) => each ?? 0)));
  const high = (ne.lat_deg - sw.lat_deg) / rows.length;
  return rows.flatMap((row, r) => {
    const wide = (ne.lon_deg - sw.lon_deg) / row.length;
    return row.flatMap((looks, c) => {
      if (!looks) return [];
      const [w, s] = [sw.lon_deg + c * wide, sw.lat_deg + r * high];
      const ring: [number, number][] = [[w, s], [w + wide, s], [w + wide, s + high], [w, s + high], [w, s]];
      return [{ ring, looks: 0.12 + (0.5 * looks) / most }];
    });
  });
}

export function PatrolsTab({ t, draft, base, edit, session, canEdit }: TabProps) {
  const [asked, setAsked] = useState({ gap_min: "", charge_min: "40", wind_m_s: "3", randomness: "0.8" });
  const [plan, setPlan] = useState<PatrolPlan | null>(null);
  const [said, setSaid] = useState("");
  const [isBusy, setIsBusy] = useState(false);
  const site = draft.site;
  const drawn = useMemo(() => compared(base.site, site), [base.site, site]);
  const cells = useMemo(() => cellsOf(plan), [plan]);
  const routes = useMemo(() => (plan?.teams ?? []).map((each) => ({ name: each.patrol.id, points: each.route })), [plan]);
  const set = (changed: Partial<Site>) => edit({ ...draft, site: { ...site, ...changed } });

  const make = async () => {
    setIsBusy(true);
    setSaid("");
    try {
      const numbers = Object.fromEntries(Object.entries(asked).map(([key, value]) => [key, value === "" ? null : Number(value)]));
      setPlan(await ask<PatrolPlan>("/patrols/plan", session, { ...numbers, site }));
    } catch (error) {
      setPlan(null);
      setSaid(wordsOf(error));
    }
    setIsBusy(false);
  };
  const read = async (file: File | undefined) => {
    const vehicle = site.vehicles?.[0];
    if (!file || !vehicle) return;
    try {
      const found = await ask<PlanImported>("/patrols/import", session, { text: await file.text() });
      const id = file.name.replace(/\.plan$/, "").toLowerCase().replace(/[^a-z0-9_-]/g, "-") || "imported";
      const patrol = { id, vehicle: vehicle.id, altitude_m: found.altitude_m ?? 0, waypoints: found.waypoints, every_min: 60, laps: 1 };
      set({ patrols: [...(site.patrols ?? []).filter((each) => each.id !== id), patrol] as NonNullable<Site["patrols"]> });
      setSaid([t.taken, ...found.remarks].join("; "));
    } catch (error) {
      setSaid(wordsOf(error));
    }
  };
  const stay = (id: string, at: number, change: { dwell_s: number } | { look_deg: number[] }) =>
    set({ patrols: (site.patrols ?? []).map((each) => (each.id === id ? { ...each, waypoints: each.waypoints.map((w, i) => (i === at ? { ...w, ...change } : w)) } : each)) });

  return (
    <div className="plan-split">
      <PlanMap site={site} drawn={drawn} chosen={null} label={t.map} routes={routes} cells={cells} isWhole />
      <aside className="plan-side">
        <h2>{t.patrols}</h2>
        {!site.patrols?.length && !site.roaming?.length && <p className="quiet">{t.none}</p>}
        {(site.patrols ?? []).map((patrol) => (
          <details key={patrol.id}>
            <summary><b>{patrol.id}</b> {patrol.vehicle}, {patrol.altitude_m} m, {patrol.waypoints.length} {t.points}, {t.everyMin} {patrol.every_min}</summary>
            <table className="plan-table">
              <thead><tr><th>{t.points}</th><th>{t.dwell}</th><th>{t.looks}</th></tr></thead>
              <tbody>{patrol.waypoints.map((each, at) => (
                <tr key={at}><th scope="row">{at + 1}</th><td><input type="number" min={0} max={600} disabled={!canEdit} aria-label={`${patrol.id} ${at + 1}: ${t.dwell}`} value={each.dwell_s ?? 0} onChange={(event) => Number.isFinite(event.target.valueAsNumber) && stay(patrol.id, at, { dwell_s: event.target.valueAsNumber })} /></td>
                  <td><Looks looks={each.look_deg ?? []} isFixed={!canEdit} name={`${patrol.id} ${at + 1}: ${t.looks}`} onGiven={(look_deg) => stay(patrol.id, at, { look_deg })} /></td></tr>
              ))}</tbody>
            </table>
            {base.basedOn !== null && (base.site.patrols ?? []).some((each) => each.id === patrol.id) && <a href={`/api/v1/site/versions/${base.basedOn}/patrols/${patrol.id}/plan`} download>{t.planFile}</a>}
          </details>
        ))}
        {(site.roaming ?? []).map((each) => <p key={each.id}><b>{each.id}</b> {each.vehicles.join(", ")}: {each.points.length} {t.points}, {t.longestGap} {each.longest_gap_min.toFixed(1)} min</p>)}
        {canEdit && <label className="plan-file">{t.importPlan} <input type="file" accept=".plan,application/json" onChange={(event) => void read(event.target.files?.[0])} /></label>}
        <h2>{t.plan}</h2>
        <div className="plan-fields">
          {([["gap_min", t.gap], ["charge_min", t.charge], ["wind_m_s", t.wind], ["randomness", t.randomness]] as const).map(([key, label]) => (
            <label key={key}>{label}<input type="number" step="any" min={0} value={asked[key]} onChange={(event) => setAsked({ ...asked, [key]: event.target.value })} /></label>
          ))}
        </div>
        <button type="button" disabled={!canEdit || isBusy} onClick={() => void make()}>{isBusy ? t.planning : t.plan}</button>
        {said && <p role="status" className="warn">{said}</p>}
        {plan && (
          <>
            <dl className="plan-numbers">
              <dt>{t.longestGap}</dt><dd>{minutes(plan.gap_s)}</dd>
              <dt>{t.longestWait}</dt><dd>{minutes(plan.longest_wait_s)}</dd>
              <dt>{t.fixedGap}</dt><dd>{minutes(plan.fixed_gap_s)}</dd>
              <dt>{t.coverage}</dt><dd>{percent(plan.covered_frac)}</dd>
            </dl>
            {plan.teams.map((team) => (
              <p key={team.patrol.id}><b>{team.patrol.vehicles.join(", ")}</b>: {team.patrol.points.length} {t.points}; {t.everyMin} {team.patrol.every_min.toFixed(1)}; {t.round} {minutes(team.longest_round_s)}; {t.entropy} {team.bits.toFixed(2)} bit, {percent(team.of_most_frac)} {t.ofMost}</p>
            ))}
            <button type="button" disabled={!canEdit} onClick={() => { set({ roaming: plan.teams.map((each) => each.patrol) }); setSaid(t.taken); }}>{t.take}</button>
          </>
        )}
      </aside>
    </div>
  );
}

/** Taken when it is left or Enter is pressed; what makes no sense stays marked and is not taken. */
function Looks({ looks, isFixed, name, onGiven }: { looks: readonly number[]; isFixed: boolean; name: string; onGiven: (looks: number[]) => void }) {
  const [text, setText] = useState<string | null>(null);
  const shown = text ?? looks.join(", ");
  const found = looksOf(shown);
  const take = () => {
    if (text === null || found === null) return;
    onGiven(found);
    setText(null);
  };
  return (
    <input
      size={12}
      disabled={isFixed}
      aria-label={name}
      aria-invalid={found === null}
      value={shown}
      onChange={(event) => setText(event.target.value)}
      onBlur={take}
      onKeyDown={(event) => event.key === "Enter" && take()}
    />
  );
}
