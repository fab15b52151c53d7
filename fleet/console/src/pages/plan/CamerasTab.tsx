// A camera's pose by eye: the ground grid over its picture, dragged until it lies on the ground. The result is a draft.
import { useEffect, useMemo, useRef, useState } from "react";
import type { Camera, Site } from "../../contract";
import { liveUrl, View, type ViewState } from "../../view";
import { dragged, focalPx, type Grip, groundGrid, type Lens, type Pose, project } from "./projection";
import { shapesOf } from "./draft";
import { distanceM } from "../../geometry";
import type { TabProps } from "./tab";

const GRIPS: readonly Grip[] = ["turn", "roll", "height", "focal"];

function metresOf(site: Site, at: { lat_deg: number; lon_deg: number }): [number, number] {
  const origin = site.origin;
  const east = distanceM(origin, { lat_deg: origin.lat_deg, lon_deg: at.lon_deg }) * Math.sign(at.lon_deg - origin.lon_deg);
  const north = distanceM(origin, { lat_deg: at.lat_deg, lon_deg: origin.lon_deg }) * Math.sign(at.lat_deg - origin.lat_deg);
  return [east, north];
}

/** Zones, lines and buildings on the ground as this camera would show them. */
function outlines(site: Site, pose: Pose, lens: Lens): { key: string; path: string }[] {
  return shapesOf(site).filter((each) => each.form !== "point" && ["zone", "line", "building"].includes(each.kind)).flatMap((shape) => {
    const corners = shape.form === "area" ? [...shape.points, ...shape.points.slice(0, 1)] : shape.points;
    const ground = corners.map((each) => metresOf(site, each));
    let path = "";
    for (let i = 0; i + 1 < ground.length; i += 1) {
      const [a, b] = [ground[i], ground[i + 1]];
      if (!a || !b) continue;
      let isDown = false;
      for (let s = 0; s <= 40; s += 1) {
        const pixel = project([a[0] + ((b[0] - a[0]) * s) / 40, a[1] + ((b[1] - a[1]) * s) / 40, 0], pose, lens);
        if (pixel) path += `${isDown ? "L" : "M"}${pixel[0].toFixed(1)} ${pixel[1].toFixed(1)}`;
        isDown = pixel !== null;
      }
    }
    return path ? [{ key: `${shape.kind}/${shape.id}`, path }] : [];
  });
}

function Picture({ camera, onPicture }: { camera: string; onPicture: (state: ViewState) => void }) {
  const canvas = useRef<HTMLCanvasElement>(null);
  useEffect(() => {
    if (!canvas.current) return undefined;
    const view = new View(liveUrl(camera), canvas.current, onPicture);
    view.start();
    return () => view.stop();
  }, [camera]);
  return <canvas ref={canvas} aria-hidden="true" />;
}

export function CamerasTab({ t, draft, base, edit, canEdit }: TabProps) {
  const fixed = (draft.site.cameras ?? []).filter((each) => each.pose);
  const [chosen, setChosen] = useState(fixed[0]?.id ?? "");
  const [grip, setGrip] = useState<Grip>("turn");
  const [step, setStep] = useState(5);
  const [hasPicture, setHasPicture] = useState(false);
  const from = useRef<{ x: number; y: number; pose: Pose; lens: Lens } | null>(null);
  const camera = fixed.find((each) => each.id === chosen);
  const pose = camera?.pose ?? null;
  const grid = useMemo(() => (camera?.pose ? groundGrid(camera.pose, camera.lens, { step, reach: 16 * step }) : []), [camera, step]);
  const shapes = useMemo(() => (camera?.pose ? outlines(draft.site, camera.pose, camera.lens) : []), [camera, draft.site]);
  if (!camera || !pose) return <p className="plan-note">{t.noCamera}</p>;

  const put = (change: Partial<Camera>) =>
    edit({ ...draft, site: { ...draft.site, cameras: (draft.site.cameras ?? []).map((each) => (each.id === camera.id ? { ...each, ...change } : each)) } });
  const was = (base.site.cameras ?? []).find((each) => each.id === camera.id);
  const lens = camera.lens;
  const setFocal = (value: number) => put({ lens: lens.model === "opencv" ? { ...lens, fx_px: value, fy_px: (lens.fy_px * value) / lens.fx_px } : { ...lens, focal_mm: (value * lens.dpx_mm) / lens.sx } });
  const fields = [
    ["heading_deg", t.heading, 0.1], ["pitch_deg", t.pitch, 0.1], ["roll_deg", t.rollDeg, 0.1], ["up_m", t.up, 0.05], ["east_m", t.east, 0.1], ["north_m", t.north, 0.1],
  ] as const;
  const drag = (event: React.PointerEvent<SVGSVGElement>) => {
    const start = from.current;
    if (!start) return;
    const scale = lens.width_px / event.currentTarget.getBoundingClientRect().width;
    put(dragged(grip, start.pose, start.lens, [(event.clientX - start.x) * scale, (event.clientY - start.y) * scale]));
  };
  return (
    <div className="plan-split">
      <div className="plan-view">
        <div className="plan-frame" style={{ aspectRatio: `${lens.width_px} / ${lens.height_px}` }}>
          <Picture key={camera.id} camera={camera.id} onPicture={(state) => setHasPicture(state.takenAtUs !== null)} />
          <svg
            viewBox={`0 0 ${lens.width_px} ${lens.height_px}`}
            role="img"
            aria-label={`${t.camera} ${camera.id}: ${t.cameraHelp}`}
            onPointerDown={(event) => {
              if (!canEdit) return;
              event.currentTarget.setPointerCapture(event.pointerId);
              from.current = { x: event.clientX, y: event.clientY, pose, lens };
            }}
            onPointerMove={drag}
            onPointerUp={() => { from.current = null; }}
          >
            {grid.map((piece, i) => <polyline key={i} className="plan-grid" points={piece.map(([x, y]) => `${x.toFixed(1)},${y.toFixed(1)}`).join(" ")} />)}
            {shapes.map((each) => <path key={each.key} className={`plan-outline ${each.key.split("/")[0]}`} d={each.path} />)}
          </svg>
        </div>
        {!hasPicture && <p className="quiet">{t.noPicture}</p>}
      </div>
      <aside className="plan-side">
        <label className="plan-row">{t.camera}
          <select value={chosen} onChange={(event) => { setChosen(event.target.value); setHasPicture(false); }}>{fixed.map(({ id }) => <option key={id}>{id}</option>)}</select>
        </label>
        <p className="plan-note">{t.cameraHelp}</p>
        <fieldset className="plan-row"><legend>{t.grip}</legend>
          {GRIPS.map((each) => <label key={each}><input type="radio" name="grip" checked={grip === each} onChange={() => setGrip(each)} /> {t[each]}</label>)}
        </fieldset>
        <div className="plan-fields">
          {fields.map(([key, label, by]) => (
            <label key={key}>{label}<input type="number" step={by} disabled={!canEdit} value={pose[key] ?? 0} onChange={(event) => Number.isFinite(event.target.valueAsNumber) && put({ pose: { ...pose, [key]: event.target.valueAsNumber } })} /></label>
          ))}
          <label>{t.focalPx}<input type="number" step={5} disabled={!canEdit} value={Math.round(focalPx(lens) * 10) / 10} onChange={(event) => event.target.valueAsNumber > 0 && setFocal(event.target.valueAsNumber)} /></label>
          <label>{t.spacing}<input type="number" min={1} max={50} value={step} onChange={(event) => event.target.valueAsNumber >= 1 && setStep(event.target.valueAsNumber)} /></label>
        </div>
        {was && canEdit && <button type="button" onClick={() => put({ pose: was.pose ?? null, lens: was.lens })}>{t.reset}</button>}
      </aside>
    </div>
  );
}
