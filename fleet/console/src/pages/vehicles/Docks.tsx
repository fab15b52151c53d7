// Docks that are machines: what each says of itself, and its three orders.
import { useState } from "react";
import type { Send } from "../../commands";
import type { DockView } from "../../contract";
import type { Role } from "../../page";
import { percent } from "../../words";
import type { T } from "./words";

interface Props {
  docks: readonly DockView[];
  t: T;
  send: Send;
  may: (role: Role) => boolean;
}

export function Docks({ docks, t, send, may }: Props) {
  return (
    <section className="docks" aria-label={t.docks}>
      <h3>{t.docks}</h3>
      {docks.length === 0 && <p className="quiet">{t.noDocks}</p>}
      {docks.map((dock) => (
        <Dock key={dock.id} {...{ dock, t, send, may }} />
      ))}
    </section>
  );
}

function Dock({ dock, t, send, may }: Omit<Props, "docks"> & { dock: DockView }) {
  const [said, setSaid] = useState("");
  const wrong = [dock.is_silent ? t.silent : "", dock.fault, dock.failed].filter(Boolean);
  const order = async (verb: string) => setSaid((await send(`/docks/${dock.id}/${verb}`)).text);
  const verbs = [
    ["open", t.openDock],
    ["close", t.closeDock],
    ["charge", t.chargeDock],
  ] as const;
  return (
    <article className="dock">
      <p>
        <b>{dock.id}</b> {dock.vehicle && `· ${dock.vehicle}`} · {t.cover}: {dock.cover ?? "–"} · {t.pad}: {dock.pad ?? "–"} ·{" "}
        {dock.charging === null ? "–" : dock.charging ? t.charging : t.notCharging} {percent(dock.charge_frac)}
      </p>
      {wrong.length > 0 && <p className="problem">{wrong.join("; ")}</p>}
      {dock.holds_back.length > 0 && (
        <p className="quiet">
          {t.holdsBack}: {dock.holds_back.join("; ")}
        </p>
      )}
      <div className="actions">
        {verbs.map(([verb, name]) => (
          <button key={verb} type="button" disabled={!may("operator")} onClick={() => void order(verb)} aria-label={`${name}: ${dock.id}`}>
            {name}
          </button>
        ))}
        <small role="status">{said}</small>
      </div>
    </article>
  );
}
