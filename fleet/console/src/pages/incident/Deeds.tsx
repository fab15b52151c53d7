// Buttons that say why they cannot be pressed, and one line for what the coordinator answered.
import { type ReactNode, useId, useState } from "react";
import type { Send } from "../../commands";
import { type Deed, type Now, obstacle } from "./answers";
import { type Words, wordFor } from "./words";

export interface Order {
  deed: Deed;
  label: string;
  path: string;
  body?: Record<string, unknown> | undefined;
  isMain?: boolean;
  lacks?: string | null; // what the form still wants
}

export interface DoProps {
  now: Now;
  send: Send;
  onDone: () => void;
  t: Words;
}

/** A row of orders; what stands in their way is written under them, each reason once. */
export function Deeds({ orders, now, send, onDone, t, children }: DoProps & { orders: Order[]; children?: ReactNode }) {
  const id = useId();
  const [isBusy, setBusy] = useState(false);
  const [answer, setAnswer] = useState<{ ok: boolean; text: string } | null>(null);
  const reasons = new Map(orders.map((each) => [each, each.lacks ?? reasonOf(each.deed, now, t)]));
  const said = [...new Set(reasons.values())].filter((each): each is string => Boolean(each));
  const press = async ({ path, body }: Order) => {
    setBusy(true);
    setAnswer(null);
    const came = await send(path, body);
    setBusy(false);
    setAnswer(came);
    if (came.ok) onDone();
  };
  return (
    <>
      <div className="deeds">
        {orders.map((each) => (
          <button
            key={each.deed + each.label}
            type="button"
            className={each.isMain ? "main" : ""}
            disabled={isBusy || Boolean(reasons.get(each))}
            aria-describedby={reasons.get(each) ? id : undefined}
            onClick={() => void press(each)}
          >
            {each.label}
          </button>
        ))}
        {children}
      </div>
      {said.length > 0 && (
        <p id={id} className="quiet why">
          {said.join(" ")}
        </p>
      )}
      {answer && (
        <p className={answer.ok ? "answer" : "problem"} role={answer.ok ? "status" : "alert"}>
          {answer.ok ? (answer.text === "done" ? t.doneWord : answer.text) : `✕ ${answer.text}`}
        </p>
      )}
    </>
  );
}

function reasonOf(deed: Deed, now: Now, t: Words): string | null {
  const found = obstacle(deed, now);
  return found === null ? null : wordFor(t, "x_", found);
}
