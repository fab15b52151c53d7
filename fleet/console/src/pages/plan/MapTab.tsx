// Draw: shapes in a list and on the map, corners by mouse or as numbers, GeoJSON in and out.
import { useMemo, useState } from "react";
import type { Site } from "../../contract";
import { added, compared, type Draft, insertedAfter, keyOf, type Kind, LEAST, moved, NEW_KINDS, removed, removedPoint, shapesOf, withPoints } from "./draft";
import { PlanMap } from "./PlanMap";
import { ask, type Imported, wordsOf } from "./server";
import type { TabProps } from "./tab";

function Coordinate({ label, value, onChange }: { label: string; value: number; onChange: (value: number) => void }) {
  return (
    <input
      type="number"
      step="0.00001"
      aria-label={label}
      value={value}
      onChange={(event) => Number.isFinite(event.target.valueAsNumber) && onChange(event.target.valueAsNumber)}
    />
  );
}

export function MapTab({ t, draft, base, edit, session, canEdit }: TabProps) {
  const [chosen, setChosen] = useState<string | null>(null);
  const [said, setSaid] = useState("");
  const shapes = useMemo(() => shapesOf(draft.site), [draft.site]);
  const drawn = useMemo(() => compared(base.site, draft.site), [base.site, draft.site]);
  const shape = shapes.find((each) => keyOf(each) === chosen);
  const set = (site: Site) => edit({ ...draft, site });
  const setPoints = (points: Draft["site"]["geofence"]["polygon"]) => shape && set(withPoints(draft.site, shape, points));
  const watched = [...(draft.site.zones ?? []), ...(draft.site.lines ?? [])].find((each) => shape && each.id === shape.id);

  const add = (kind: Kind) => {
    const made = added(draft.site, kind, draft.site.origin);
    set(made.site);
    setChosen(`${kind}/${made.id}`);
  };
  const take = async (file: File | undefined) => {
    if (!file) return;
    try {
      const read = await ask<Imported>("/site/import", session, { site: draft.site, geojson: JSON.parse(await file.text()) });
      set(read.site as unknown as Site);
      setSaid([`${t.imported}: ${read.taken.join(", ") || t.none}`, ...read.faults.map((each) => `${each.place}: ${each.what}`)].join("; "));
    } catch (error) {
      setSaid(wordsOf(error));
    }
  };
  const cover = (camera: string, isIn: boolean) => {
    if (!watched) return;
    const cameras = isIn ? [...watched.cameras, camera] : watched.cameras.filter((each) => each !== camera);
    const put = <T extends { id: string }>(all: readonly T[] | undefined) => (all ?? []).map((each) => (each.id === watched.id ? { ...each, cameras } : each));
    set({ ...draft.site, zones: put(draft.site.zones), lines: put(draft.site.lines) });
  };

  return (
    <div className="plan-split">
      <PlanMap
        site={draft.site}
        drawn={drawn}
        chosen={chosen}
        label={t.map}
        onChoose={setChosen}
        {...(canEdit ? { onMove: (at, to) => shape && setPoints(moved(shape.points, at, to)) } : {})}
      />
      <aside className="plan-side">
        <h2>{t.shapes}</h2>
        <ul className="plan-list">
          {drawn.map(({ shape: each, fate }) => (
            <li key={keyOf(each)}>
              <button type="button" aria-pressed={keyOf(each) === chosen} onClick={() => setChosen(keyOf(each))}>
                <span>{t[each.kind]}</span> {each.kind === "geofence" ? "" : each.name}
                {fate !== "same" && <em>{{ moved: "↔", added: "+", removed: "×" }[fate]} {{ moved: t.legendMoved, added: t.legendNew, removed: t.legendGone }[fate]}</em>}
              </button>
            </li>
          ))}
        </ul>
        {canEdit && (
          <p className="plan-row">
            {t.addNew} {NEW_KINDS.map((kind) => <button key={kind} type="button" onClick={() => add(kind)}>{t[kind]}</button>)}
          </p>
        )}
        {!shape && <p className="quiet">{t.choose}</p>}
        {shape && (
          <>
            <h2>{t[shape.kind]} {shape.kind === "geofence" ? "" : shape.name}</h2>
            <table className="plan-table">
              <thead><tr><th>{t.corner}</th><th>{t.lat}</th><th>{t.lon}</th><td /></tr></thead>
              <tbody>
                {shape.points.map((point, at) => (
                  <tr key={at}>
                    <th scope="row">{at + 1}</th>
                    <td><Coordinate label={`${t.corner} ${at + 1}: ${t.lat}`} value={point.lat_deg} onChange={(lat_deg) => setPoints(moved(shape.points, at, { ...point, lat_deg }))} /></td>
                    <td><Coordinate label={`${t.corner} ${at + 1}: ${t.lon}`} value={point.lon_deg} onChange={(lon_deg) => setPoints(moved(shape.points, at, { ...point, lon_deg }))} /></td>
                    <td>
                      {canEdit && shape.form !== "point" && (
                        <>
                          <button type="button" aria-label={`${t.corner} ${at + 1}: ${t.insert}`} title={t.insert} onClick={() => setPoints(insertedAfter(shape.points, at, shape.form))}>+</button>
                          <button type="button" aria-label={`${t.corner} ${at + 1}: ${t.remove}`} title={t.remove} disabled={shape.points.length <= LEAST[shape.form]} onClick={() => setPoints(removedPoint(shape.points, at, shape.form))}>×</button>
                        </>
                      )}
                    </td>
                  </tr>
                ))}
              </tbody>
            </table>
            {watched && (
              <fieldset className="plan-row">
                <legend>{t.coveredBy}</legend>
                {(draft.site.cameras ?? []).map(({ id }) => (
                  <label key={id}><input type="checkbox" disabled={!canEdit} checked={watched.cameras.includes(id)} onChange={(event) => cover(id, event.target.checked)} /> {id}</label>
                ))}
              </fieldset>
            )}
            {canEdit && shape.kind !== "geofence" && shape.kind !== "dock" && (
              <button type="button" onClick={() => { set(removed(draft.site, shape)); setChosen(null); }}>{t.removeShape}</button>
            )}
          </>
        )}
        <p className="plan-row">
          {base.basedOn !== null && <a href={`/api/v1/site/versions/${base.basedOn}/geojson`} download>{t.exportGeo}</a>}
          {canEdit && <label className="plan-file">{t.importGeo} <input type="file" accept=".geojson,.json,application/geo+json" onChange={(event) => void take(event.target.files?.[0])} /></label>}
        </p>
        {said && <p role="status">{said}</p>}
      </aside>
    </div>
  );
}
