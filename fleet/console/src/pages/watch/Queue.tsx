// The queue: alarms first, trouble beside them; each card acts in one click or one key. New alarms wait behind a button
// while somebody is in it, so that none steals a click.
import { useEffect, useRef, useState } from "react";
import type { Send } from "../../commands";
import type { Incident } from "../../contract";
import { useKeys } from "../../keys";
import { useWords } from "../../language";
import type { Role } from "../../page";
import { isAlarm as isOfSite, type Picture, queue } from "../../picture";
import { go } from "../../route";
import { sound } from "../../sounds";
import { acknowledge, Card } from "./Card";
import { moved, settled } from "./order";
import { WATCH } from "./words";

const MOST_CARDS = 50;
const WITH_PICTURE = 12; // of the cards: the rest is far down
const IDLE_AFTER_MS = 20_000; // a pointer left lying on the queue is nobody

interface QueueProps {
  picture: Picture;
  nowMs: number;
  send: Send;
  may: (role: Role) => boolean;
  selected: string | null;
  select: (id: string | null) => void;
}

/** Somebody points at the queue or has the focus in it, and did something of late. */
function usePresence() {
  const held = useRef({ isOver: false, hasFocus: false, lastMs: 0 });
  const note = (change: Partial<typeof held.current>) => () => {
    held.current = { ...held.current, ...change, lastMs: Date.now() };
  };
  const isInside = (nowMs: number) => {
    const { isOver, hasFocus, lastMs } = held.current;
    return (isOver || hasFocus) && nowMs - lastMs < IDLE_AFTER_MS;
  };
  const handlers = {
    onPointerEnter: note({ isOver: true }),
    onPointerMove: note({ isOver: true }),
    onPointerLeave: note({ isOver: false }),
    onFocus: note({ hasFocus: true }),
    onBlur: note({ hasFocus: false }),
    onKeyDown: note({}),
  };
  return { isInside, handlers };
}

/** A sound for each alarm and each trouble that came since; none for what was there when the page began. */
function useSounds(incidents: readonly Incident[]): void {
  const known = useRef<Set<string> | null>(null);
  useEffect(() => {
    const open = incidents.filter((incident) => incident.state === "open");
    const before = known.current;
    known.current = new Set([...(before ?? []), ...open.map((incident) => incident.incident_id)]);
    const fresh = before ? open.filter((incident) => !before.has(incident.incident_id)) : [];
    if (fresh.some(isOfSite)) sound("alarm");
    else if (fresh.some((incident) => incident.kind === "trouble")) sound("trouble");
  }, [incidents]);
}

export function Queue({ picture, nowMs, send, may, selected, select }: QueueProps) {
  const t = useWords(WATCH);
  const { isInside, handlers } = usePresence();
  const before = useRef<readonly string[]>([]);
  const all = queue(picture.incidents.values());
  useSounds(all);
  const alarms = all.filter(isOfSite);
  const ranked = alarms.map((incident) => incident.incident_id);
  const { shown, waiting } = settled(before.current, ranked, MOST_CARDS, isInside(nowMs));
  useEffect(() => {
    before.current = shown;
  });
  const [, redraw] = useState(0);
  const showNew = () => {
    before.current = ranked.slice(0, MOST_CARDS);
    redraw((times) => times + 1);
  };
  const trouble = all.filter((incident) => incident.kind === "trouble");
  const exempt = all.filter((incident) => incident.kind === "bypass" || incident.kind === "walk_test");
  const rows = [...shown, ...trouble.slice(0, MOST_CARDS).map((incident) => incident.incident_id)];
  const move = (step: 1 | -1) => () => {
    const id = moved(rows, selected, step);
    select(id);
    if (id) document.getElementById(`card-${id}`)?.focus();
  };
  const chosen = selected === null ? undefined : picture.incidents.get(selected);
  useKeys({
    j: move(1),
    k: move(-1),
    ArrowDown: move(1),
    ArrowUp: move(-1),
    n: showNew,
    Enter: () => chosen && go(`/incident/${chosen.incident_id}`),
    a: () => chosen && may("operator") && void acknowledge(chosen, picture, send),
  });
  const card = (incident: Incident, n: number) => (
    <Card
      key={incident.incident_id}
      {...{ incident, picture, nowMs, send, may, select }}
      isSelected={incident.incident_id === selected}
      hasPicture={n < WITH_PICTURE}
    />
  );
  const section = (title: string, incidents: Incident[], nothing: string) => (
    <section>
      <h2>
        {title} ({incidents.filter((incident) => incident.state !== "closed").length})
      </h2>
      {incidents.length === 0 && <p className="empty">{nothing}</p>}
      {incidents.slice(0, MOST_CARDS).map(card)}
    </section>
  );
  const open = alarms.filter((incident) => incident.state !== "closed").length;
  const left = alarms.length - shown.length - waiting.length;
  return (
    <aside className="queue" aria-label={t.queue} {...handlers}>
      <section>
        <h2>
          {t.alarms} ({open})
        </h2>
        <p className="new" aria-live="assertive">
          {waiting.length > 0 && (
            <button type="button" onClick={showNew}>
              ▲ {t.newAlarms(waiting.length)}
            </button>
          )}
        </p>
        {alarms.length === 0 && <p className="empty">{t.quiet}</p>}
        {shown.flatMap((id) => picture.incidents.get(id) ?? []).map(card)}
        {left > 0 && <p className="empty">{t.more(left)}</p>}
      </section>
      {section(t.trouble, trouble, t.noTrouble)}
      {section(t.exempt, exempt, t.noExempt)}
    </aside>
  );
}
