// When zones are set by themselves and when patrols start, on the site's own clock.
import type { Site } from "../../contract";
import type { TabProps } from "./tab";

type Zone = NonNullable<Site["zones"]>[number];
type Line = NonNullable<Site["lines"]>[number];
type SetHours = NonNullable<Zone["hours"]>[number];

const short = (time: string | undefined) => (time ?? "00:00").slice(0, 5);

function Times({ label, start, end, canEdit, onChange, t }: { label: string; start: string; end: string; canEdit: boolean; onChange: (hours: { start: string; end: string }) => void; t: TabProps["t"] }) {
  return (
    <>
      <label>{t.start} <input type="time" aria-label={`${label}: ${t.start}`} disabled={!canEdit} value={short(start)} onChange={(event) => event.target.value && onChange({ start: `${event.target.value}:00`, end })} /></label>
      <label>{t.end} <input type="time" aria-label={`${label}: ${t.end}`} disabled={!canEdit} value={short(end)} onChange={(event) => event.target.value && onChange({ start, end: `${event.target.value}:00` })} /></label>
      {short(start) === short(end) && <span> {t.allDay}</span>}
    </>
  );
}

export function SchedulesTab({ t, draft, edit, canEdit }: TabProps) {
  const site = draft.site;
  const watched: (Zone | Line)[] = [...(site.zones ?? []), ...(site.lines ?? [])];
  const setHours = (id: string, hours: SetHours[]) => {
    const put = <T extends { id: string }>(all: readonly T[] | undefined): T[] => (all ?? []).map((each) => (each.id === id ? { ...each, hours, initially_set: true } : each));
    edit({ ...draft, site: { ...site, zones: put(site.zones), lines: put(site.lines) } });
  };
  type Patrols = NonNullable<Site["patrols"]>;
  const setPatrol = (id: string, change: Partial<Patrols[number]>) =>
    edit({ ...draft, site: { ...site, patrols: (site.patrols ?? []).map((each) => (each.id === id ? { ...each, ...change } : each)) } });
  return (
    <div className="plan-page">
      <p className="plan-note">{site.time_zone}</p>
      <table className="plan-table">
        <thead><tr><th>{t.zoneOrLine}</th><th>{t.setAt}</th></tr></thead>
        <tbody>{watched.map((each) => (
          <tr key={each.id}>
            <th scope="row">{each.name}</th>
            <td>
              {!each.hours?.length && <span>{each.initially_set === false ? t.byHand : t.always} </span>}
              {(each.hours ?? []).map((hours, at) => (
                <span key={at} className="plan-row">
                  <Times t={t} label={each.name} canEdit={canEdit} start={hours.start ?? "00:00:00"} end={hours.end ?? "00:00:00"} onChange={(times) => setHours(each.id, (each.hours ?? []).map((h, i) => (i === at ? { ...h, ...times } : h)))} />
                  <span>{hours.days?.length ? hours.days.join(", ") : t.everyDay}</span>
                  {canEdit && <button type="button" aria-label={`${each.name}: ${t.remove}`} onClick={() => setHours(each.id, (each.hours ?? []).filter((_, i) => i !== at))}>×</button>}
                </span>
              ))}
              {canEdit && <button type="button" onClick={() => setHours(each.id, [...(each.hours ?? []), { start: "18:00:00", end: "06:00:00" } as SetHours])}>{t.addHours}</button>}
            </td>
          </tr>
        ))}</tbody>
      </table>
      <table className="plan-table">
        <thead><tr><th>{t.patrol}</th><th>{t.everyMin}</th><th>{t.laps}</th><th>{t.start} / {t.end}</th></tr></thead>
        <tbody>{(site.patrols ?? []).map((each) => (
          <tr key={each.id}>
            <th scope="row">{each.id}</th>
            <td><input type="number" min={0.1} step="any" disabled={!canEdit} aria-label={`${each.id}: ${t.everyMin}`} value={each.every_min} onChange={(event) => event.target.valueAsNumber > 0 && setPatrol(each.id, { every_min: event.target.valueAsNumber })} /></td>
            <td><input type="number" min={1} max={50} disabled={!canEdit} aria-label={`${each.id}: ${t.laps}`} value={each.laps ?? 1} onChange={(event) => event.target.valueAsNumber >= 1 && setPatrol(each.id, { laps: event.target.valueAsNumber })} /></td>
            <td><Times t={t} label={each.id} canEdit={canEdit} start={each.hours?.start ?? "00:00:00"} end={each.hours?.end ?? "00:00:00"} onChange={(hours) => setPatrol(each.id, { hours })} /></td>
          </tr>
        ))}</tbody>
      </table>
    </div>
  );
}
