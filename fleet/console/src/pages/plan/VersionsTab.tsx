// Who changed the site, when and why; two versions compared in words and on the map; propose, put to work, roll back.
import { useQuery, useQueryClient } from "@tanstack/react-query";
import { useMemo, useState } from "react";
import type { Answer } from "../../commands";
import { compared } from "./draft";
import { PlanMap } from "./PlanMap";
import { ask, type Changes, type Verdict, type VersionDetail, type Versions, type VersionView } from "./server";
import type { TabProps } from "./tab";

export function ChangeList({ changes, t }: { changes: Verdict["changes"]; t: TabProps["t"] }) {
  if (changes.length === 0) return <p>{t.noChanges}</p>;
  return <ul className="plan-changes">{changes.map((each) => <li key={`${each.kind}/${each.id}/${each.words}`} data-how={each.how}>{each.words}</li>)}</ul>;
}

export function VerdictView({ verdict, t }: { verdict: Verdict; t: TabProps["t"] }) {
  return (
    <section aria-label={t.check}>
      {verdict.would_start ? <p className="good">✓ {t.wouldStart}</p> : (
        <>
          <p className="bad">✕ {t.wouldNot}</p>
          <ul className="plan-faults">{verdict.faults.map((each) => <li key={each.place + each.what}>{each.place && <code>{each.place}</code>} {each.what}</li>)}</ul>
        </>
      )}
      {verdict.remarks.map((each) => <p key={each} className="warn">! {each}</p>)}
      <h3>{t.changes}</h3>
      <ChangeList changes={verdict.changes} t={t} />
    </section>
  );
}

interface Props extends TabProps {
  versions: Versions;
  timeOf: (us: number) => string;
  mayPut: boolean;
}

export function VersionsTab({ t, versions, timeOf, send, session, mayPut }: Props) {
  const newest = versions.versions[0]?.number ?? 1;
  const [chosen, setChosen] = useState(versions.waiting ?? newest);
  const [against, setAgainst] = useState(versions.in_force ?? 1);
  const [why, setWhy] = useState("");
  const [answer, setAnswer] = useState<Answer | null>(null);
  const client = useQueryClient();
  const detail = (number: number) => ({ queryKey: ["site version", number], queryFn: () => ask<VersionDetail>(`/site/versions/${number}`, session), staleTime: Infinity });
  const one = useQuery(detail(chosen));
  const other = useQuery(detail(against));
  const changes = useQuery({ queryKey: ["site changes", chosen, against], queryFn: () => ask<Changes>(`/site/versions/${chosen}/changes?against=${against}`, session) });
  const verdict = useQuery({ queryKey: ["site verdict", chosen, versions.in_force], queryFn: () => ask<Verdict>(`/site/versions/${chosen}/check`, session) });
  const drawn = useMemo(() => (one.data?.site && other.data?.site ? compared(other.data.site, one.data.site) : []), [one.data, other.data]);
  const view = versions.versions.find((each) => each.number === chosen);
  const order = async (path: string) => {
    const said = await send(`/site/versions/${chosen}/${path}`, { why });
    setAnswer(said);
    if (said.ok) setWhy("");
    await client.invalidateQueries({ queryKey: ["site versions"] });
  };
  const standing = (each: VersionView) => ({ in_force: t.inForce, waits_for_next_start: t.waits, proposed: t.proposed, earlier: t.earlier })[each.standing];
  const isReason = why.trim().length >= 3;

  return (
    <div className="plan-split">
      {other.data?.site && one.data?.site ? (
        <div className="plan-mapbox">
          <PlanMap key={`${chosen}/${against}`} site={one.data.site} drawn={drawn} chosen={null} label={t.map} />
          <p className="plan-legend"><span className="added">+ {t.legendNew}</span> <span>↔ {t.legendMoved}</span> <span className="removed">× {t.legendGone}</span></p>
        </div>
      ) : <p className="quiet">{t.loading}</p>}
      <aside className="plan-side">
        <p className="plan-note">{t.counts}</p>
        <ul className="plan-list">
          {versions.versions.map((each) => (
            <li key={each.number}>
              <button type="button" aria-pressed={each.number === chosen} onClick={() => { setChosen(each.number); setAnswer(null); }}>
                <b>{each.number}</b> <span className={`plan-standing ${each.standing}`}>{standing(each)}</span>
                <small>{timeOf(each.at_us)} {t.by} {each.by}{each.kind === "rolled_back" ? ` (${t.rolledBack}: ${each.based_on})` : ""}</small>
                <span className="plan-why">{each.kind === "found" ? t.found : each.why}</span>
              </button>
            </li>
          ))}
        </ul>
        <label className="plan-row">{t.compareWith}
          <select value={against} onChange={(event) => setAgainst(Number(event.target.value))}>
            {versions.versions.map((each) => <option key={each.number} value={each.number}>{each.number} ({standing(each)})</option>)}
          </select>
        </label>
        <h3>{t.changes}: {against} → {chosen}</h3>
        {changes.data && <ChangeList changes={changes.data.changes} t={t} />}
        {changes.error && <p className="bad">{changes.error.message}</p>}
        {verdict.data && (verdict.data.would_start ? <p className="good">✓ {t.wouldStart}</p> : <VerdictView verdict={verdict.data} t={t} />)}
        {view && view.standing !== "waits_for_next_start" && (view.standing !== "in_force" || versions.waiting !== null) && (
          mayPut ? (
            <form className="plan-order" onSubmit={(event) => event.preventDefault()}>
              <label>{t.why}<input value={why} onChange={(event) => setWhy(event.target.value)} /></label>
              {view.standing === "proposed"
                ? <button type="submit" disabled={!isReason} onClick={() => void order("put-to-work")}>{t.putToWork}: {chosen}</button>
                : <button type="submit" disabled={!isReason} onClick={() => void order("roll-back")}>{t.rollBack}: {chosen}</button>}
            </form>
          ) : <p className="quiet">{t.needAdmin}</p>
        )}
        {answer && <p role="status" className={answer.ok ? "good" : "bad"}>{answer.text}</p>}
      </aside>
    </div>
  );
}
