// Live: a wall of the site's cameras. What nobody can see is not asked for.
import { useCallback, useEffect, useRef, useState } from "react";
import type { Incident } from "../../contract";
import { useKeys } from "../../keys";
import { useWords } from "../../language";
import type { PageProps } from "../../page";
import { isAlarm } from "../../picture";
import { Link } from "../../route";
import { Tile } from "../../tile/Tile";
import { Aim } from "./Aim";
import { Choosing } from "./Choosing";
import "./live.css";
import { type Choice, chosenOf, GAP_PX, incidentsOf, keepChoice, keptChoice, layoutOf, neighbour, waiting } from "./wall";
import { LIVE } from "./words";

const ARROWS = ["ArrowLeft", "ArrowRight", "ArrowUp", "ArrowDown"];

function Incidents({ incidents, t }: { incidents: readonly Incident[]; t: (typeof LIVE)["en"] }) {
  const [first] = incidents;
  if (!first) return null;
  const word = !isAlarm(first) ? t.trouble : first.state === "open" ? t.alarm : t.acknowledged;
  return (
    <Link to={`/incident/${first.incident_id}`} className="wall-incident">
      {word}
      {incidents.length > 1 && t.more(incidents.length - 1)}
    </Link>
  );
}

/** How much room the wall has. */
function useRoom() {
  const place = useRef<HTMLDivElement>(null);
  const [room, setRoom] = useState({ widthPx: 960, heightPx: 600 });
  useEffect(() => {
    if (!place.current) return undefined;
    const observer = new ResizeObserver(([entry]) => {
      if (entry) setRoom({ widthPx: entry.contentRect.width, heightPx: entry.contentRect.height });
    });
    observer.observe(place.current);
    return () => observer.disconnect();
  }, []);
  return { place, room };
}

export default function Live({ picture, isLive, may }: PageProps) {
  const t = useWords(LIVE);
  const [choice, setChoice] = useState(keptChoice);
  const [enlarged, enlarge] = useState<string | null>(null);
  const [most, setMost] = useState<number | null>(null);
  const [onScreen, setOnScreen] = useState<ReadonlySet<string>>(new Set());
  const { place, room } = useRoom();
  const list = useRef<HTMLUListElement>(null);
  const cameras = picture.site.cameras ?? [];
  const chosen = chosenOf(cameras, choice);
  const ids = chosen.map(({ id }) => id);
  const large = enlarged !== null && ids.includes(enlarged) ? enlarged : null;
  const { columns, tilePx } = layoutOf(large ? 1 : chosen.length, large ? 1 : choice.size, room.widthPx, room.heightPx);
  const late = waiting(ids, onScreen, most);

  const choose = (next: Choice) => {
    keepChoice(next);
    setChoice(next);
  };
  const see = useCallback((camera: string, isOnScreen: boolean) => {
    setOnScreen((before) => {
      if (before.has(camera) === isOnScreen) return before;
      const now = new Set(before);
      if (isOnScreen) now.add(camera);
      else now.delete(camera);
      return now;
    });
  }, []);
  const move = (key: string) => {
    const buttons = [...(list.current?.querySelectorAll<HTMLElement>(".wall-open") ?? [])];
    const at = buttons.findIndex((each) => each === document.activeElement);
    const to = at < 0 ? 0 : neighbour(at, key, columns, buttons.length);
    const id = ids[to];
    if (large === null) buttons[to]?.focus();
    else if (id) {
      enlarge(id);
      requestAnimationFrame(() => buttons[to]?.focus()); // it is hidden until then
    }
  };
  useKeys({
    Escape: () => enlarge(null),
    ...Object.fromEntries(ARROWS.map((key) => [key, () => move(key)])),
  });

  return (
    <section className="wall" aria-label={t.title}>
      <Choosing {...{ cameras, choice, choose }} />
      {!isLive && <p className="wall-note alarm" role="status">{t.stale}</p>}
      {most !== null && late.length > 0 && <p className="wall-note" role="status">{t.wait(most, late.length)}</p>}
      <div ref={place} className="wall-room">
        {cameras.length === 0 && <p className="empty">{t.noCamera}</p>}
        {cameras.length > 0 && chosen.length === 0 && <p className="empty">{t.noneChosen}</p>}
        <ul ref={list} style={{ gridTemplateColumns: `repeat(${columns}, ${tilePx}px)`, gap: GAP_PX }}>
          {chosen.map((camera) => {
            const incidents = incidentsOf(camera.id, picture.incidents.values());
            const [first] = incidents;
            const loud = !first ? "" : isAlarm(first) ? `in-alarm ${first.state}` : "in-trouble";
            const isLarge = camera.id === large;
            return (
              <li key={camera.id} className={loud} data-camera={camera.id} hidden={large !== null && !isLarge}>
                <Tile
                  camera={camera}
                  waitsFor={most !== null && late.includes(camera.id) ? t.waits(most) : ""}
                  onScreen={see}
                  onMost={setMost}
                >
                  <button
                    type="button"
                    className="wall-open"
                    aria-pressed={isLarge}
                    aria-label={isLarge ? t.shrink(camera.id) : t.enlarge(camera.id)}
                    onClick={() => enlarge(isLarge ? null : camera.id)}
                  />
                  <Incidents incidents={incidents} t={t} />
                  {isLarge && camera.pose && may("operator") && <Aim camera={camera} />}
                </Tile>
              </li>
            );
          })}
        </ul>
      </div>
    </section>
  );
}
