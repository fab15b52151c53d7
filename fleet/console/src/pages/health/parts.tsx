// What every block of the health page is made of.
import type { ReactNode } from "react";
import type { Condition } from "./state";
import type { T } from "./words";

export function Lamp({ condition, t }: { condition: Condition; t: T }) {
  return <span className={`lamp ${condition}`}>{t[condition]}</span>;
}

export function Panel({ title, condition, t, children }: { title: string; condition: Condition | null; t: T; children: ReactNode }) {
  return (
    <section className="panel" aria-label={title}>
      <h3>
        {title} {condition && <Lamp condition={condition} t={t} />}
      </h3>
      {children}
    </section>
  );
}

export function Table({ name, heads, children }: { name: string; heads: readonly string[]; children: ReactNode }) {
  return (
    <div className="rows" role="region" aria-label={name} tabIndex={0}>
      <table>
        <thead>
          <tr>
            {heads.map((head) => (
              <th key={head} scope="col">
                {head}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>{children}</tbody>
      </table>
    </div>
  );
}
