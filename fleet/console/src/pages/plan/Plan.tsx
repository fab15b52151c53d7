// Plan: the site is drawn, checked, proposed and put to work for the next start. A draft is kept in the browser; whether it
// is right, and what it changes, the coordinator says.
import { useQuery, useQueryClient } from "@tanstack/react-query";
import { useCallback, useEffect, useMemo, useState } from "react";
import { locale, useWords } from "../../language";
import type { PageProps } from "../../page";
import { CamerasTab } from "./CamerasTab";
import { type Draft, keep, kept } from "./draft";
import { MapTab } from "./MapTab";
import { PatrolsTab } from "./PatrolsTab";
import { ProceduresTab } from "./ProceduresTab";
import { SchedulesTab } from "./SchedulesTab";
import { ask, judged, type Verdict, type VersionDetail, type Versions, wordsOf } from "./server";
import { VerdictView, VersionsTab } from "./VersionsTab";
import { WORDS } from "./words";
import "./plan.css";

const TABS = ["map", "cameras", "patrols", "procedures", "schedules", "versions"] as const;
type Tab = (typeof TABS)[number];

export default function Plan({ picture, send, session, may }: PageProps) {
  const t = useWords(WORDS);
  const siteId = picture.site.id;
  const [tab, setTab] = useState<Tab>(() => TABS.find((each) => window.location.hash === `#${each}`) ?? "map");
  const [draft, setDraft] = useState<Draft | null>(() => kept(siteId));
  const [verdict, setVerdict] = useState<Verdict | null>(null);
  const [why, setWhy] = useState("");
  const [said, setSaid] = useState<{ ok: boolean; text: string } | null>(null);
  const [isSure, setIsSure] = useState(false);
  const client = useQueryClient();
  const versions = useQuery({ queryKey: ["site versions"], queryFn: () => ask<Versions>("/site/versions", session), refetchInterval: 15_000 });
  const inForce = versions.data?.in_force ?? null;
  const newest = versions.data?.waiting ?? inForce; // what a draft begins with and is compared with
  const current = useQuery({ queryKey: ["site version", newest], queryFn: () => ask<VersionDetail>(`/site/versions/${newest}`, session), enabled: newest !== null, staleTime: Infinity });

  useEffect(() => keep(draft, siteId), [draft, siteId]);
  useEffect(() => window.history.replaceState(null, "", `#${tab}`), [tab]);
  const edit = useCallback((changed: Draft) => {
    setDraft(changed);
    setVerdict(null);
    setSaid(null);
    setIsSure(false);
  }, []);
  const timeOf = useMemo(() => {
    const format = new Intl.DateTimeFormat(locale(), { timeZone: picture.site.time_zone, dateStyle: "medium", timeStyle: "short" });
    return (us: number) => format.format(us / 1000);
  }, [picture.site.time_zone]);

  if (versions.error) return <div className="plan"><p className="bad">{versions.error.message}</p></div>;
  if (versions.data && inForce === null) return <div className="plan"><p className="plan-note">{t.noFile}</p></div>;
  if (!versions.data || !current.data?.site) return <div className="plan"><p className="quiet">{t.loading}</p></div>;

  const base: Draft = { site: current.data.site, basedOn: newest };
  const canEdit = may("supervisor");
  const props = { t, draft: draft ?? base, base, edit, session, send, canEdit };
  const check = async () => {
    if (!draft) return;
    try {
      setVerdict(await judged(draft.site, draft.basedOn, session));
    } catch (error) {
      setSaid({ ok: false, text: wordsOf(error) });
    }
  };
  const propose = async () => {
    if (!draft) return;
    const answer = await send("/site/versions", { site: draft.site, based_on: draft.basedOn, why });
    setSaid(answer);
    if (!answer.ok) return;
    setDraft(null);
    setVerdict(null);
    setWhy("");
    await client.invalidateQueries({ queryKey: ["site versions"] });
    setTab("versions");
  };

  return (
    <div className="plan">
      <nav className="plan-tabs" aria-label={t.title}>
        {TABS.map((each) => <button key={each} type="button" aria-current={tab === each ? "page" : undefined} onClick={() => { setTab(each); setSaid(null); }}>{t[each]}</button>)}
        <span className="grow" />
        {draft ? <span className="plan-state"><b>{t.draft}</b> {t.draftFrom} {draft.basedOn}</span> : <span className="plan-state">{t.noDraft} {newest}</span>}
        {draft && (
          <>
            <button type="button" onClick={() => void check()} disabled={!canEdit}>{t.check}</button>
            <button type="button" onClick={() => { if (!isSure) return setIsSure(true); setDraft(null); setVerdict(null); setIsSure(false); return undefined; }}>{isSure ? t.discardSure : t.discard}</button>
          </>
        )}
      </nav>
      {versions.data.waiting !== null && <p className="plan-banner" role="status">! {t.version} {versions.data.waiting} {t.waitsBanner} {inForce}.</p>}
      {versions.data.remark && <p className="plan-banner" role="status">! {versions.data.remark}</p>}
      {!canEdit && <p className="plan-banner">{t.needSupervisor}</p>}
      {(verdict || said) && (
        <section className="plan-verdict">
          {verdict && <VerdictView verdict={verdict} t={t} />}
          {verdict?.would_start && verdict.changes.length > 0 && (
            <form className="plan-order" onSubmit={(event) => { event.preventDefault(); void propose(); }}>
              <label>{t.why}<input value={why} onChange={(event) => setWhy(event.target.value)} /></label>
              <button type="submit" disabled={why.trim().length < 3}>{t.propose}</button>
            </form>
          )}
          {said && <p role="status" className={said.ok ? "good" : "bad"}>{said.text}</p>}
        </section>
      )}
      {tab === "map" && <MapTab {...props} />}
      {tab === "cameras" && <CamerasTab {...props} />}
      {tab === "patrols" && <PatrolsTab {...props} />}
      {tab === "procedures" && <ProceduresTab {...props} />}
      {tab === "schedules" && <SchedulesTab {...props} />}
      {tab === "versions" && <VersionsTab key={versions.data.versions.length} {...props} versions={versions.data} timeOf={timeOf} mayPut={may("admin")} />}
    </div>
  );
}
