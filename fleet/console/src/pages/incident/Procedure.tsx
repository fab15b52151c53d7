// The steps of an incident's procedure: where it is, how long it waits, who has answered and who must.
import { useState } from "react";
import { elapsedFrac, leftS, type RunView } from "./answers";
import { Deeds, type DoProps } from "./Deeds";
import { fill, type Words, wordFor } from "./words";

export function Procedure({ run, nowMs, ...doing }: DoProps & { run: RunView | null; nowMs: number }) {
  const [why, setWhy] = useState("");
  const { t, now } = doing;
  if (run === null) return <p className="quiet">{t.noProcedure}</p>;
  const isOver = run.phase === "over";
  const path = `/incidents/${run.incident_id}/procedure`;
  const done = () => {
    setWhy("");
    doing.onDone();
  };
  return (
    <>
      <p className="name">
        {run.name}
        {isOver && ` – ${t.over}: ${run.ended_because}`}
      </p>
      <ol className="steps">
        {run.steps.map((step) => {
          const isNow = !isOver && step.id === run.step;
          return (
            <li key={step.id} className={isNow ? "now" : ""} aria-current={isNow ? "step" : undefined}>
              <b>{step.id}</b> <span>{wordFor(t, "do_", step.do)}</span>
              {step.autonomy && <span className="quiet"> · {wordFor(t, "auto_", step.autonomy)}</span>}
              {isNow && <StepNow run={run} nowMs={nowMs} t={t} />}
              <small className="quiet">
                {fill(t.thenOf, { step: ended(step.then, t) })}
                {step.otherwise && `; ${fill(t.otherwiseOf, { step: ended(step.otherwise, t) })}`}
              </small>
            </li>
          );
        })}
      </ol>
      {!isOver && (
        <>
          <label className="field">
            {t.why}
            <input value={why} maxLength={500} onChange={(event) => setWhy(event.target.value)} />
          </label>
          <Deeds
            {...doing}
            now={now}
            onDone={done}
            orders={[
              ...(run.phase === "asking" ? [{ deed: "approve" as const, label: t.approve, path: `${path}/approve`, body: { visit: run.visit }, isMain: true }] : []),
              ...(run.phase === "doing" ? [] : [{ deed: "veto" as const, label: t.veto, path: `${path}/veto`, body: { visit: run.visit, why: why.trim() }, lacks: why.trim().length < 3 ? `${t.veto}: ${t.why}.` : null }]),
              { deed: "stop", label: t.stop, path: `${path}/stop`, body: { why: why.trim() }, lacks: why.trim().length < 3 ? `${t.stop}: ${t.why}.` : null },
            ]}
          />
        </>
      )}
    </>
  );
}

const ended = (step: string, t: Words) => (step === "end" ? t.end : step);

function StepNow({ run, nowMs, t }: { run: RunView; nowMs: number; t: Words }) {
  const left = leftS(run, nowMs);
  const share = elapsedFrac(run, nowMs);
  const phase = { asking: t.asks, announced: t.announced, doing: t.doing, over: t.over }[run.phase];
  return (
    <div className="step-now">
      <p>
        <b className={`phase ${run.phase}`}>{phase}</b> ·{" "}
        {left === null ? t.forEver : left === 0 ? t.timeUp : fill(t.left, { t: spell(left) })}
      </p>
      {share !== null && <progress max={1} value={share} aria-label={phase} />}
      {run.phase === "asking" && (
        <p className="consent">
          {run.approved_by.length > 0 ? `✓ ${fill(t.approvedBy, { who: run.approved_by.join(", ") })}` : `○ ${t.nobodyYet}`}
          {run.missing > 0 && run.approved_by.length > 0 && <b> · {run.missing === 1 ? t.wantsSecond : fill(t.wantsMore, { n: run.missing })}</b>}
          {run.missing > 1 && run.approved_by.length === 0 && <b> · {fill(t.wantsMore, { n: run.missing })}</b>}
          {run.needs_pilot && <span className="quiet"> · {t.pilotOnly}</span>}
        </p>
      )}
    </div>
  );
}

/** Seconds as a clock that runs down. */
export function spell(left: number): string {
  const minutes = Math.floor(left / 60);
  return minutes > 0 ? `${minutes}:${String(left % 60).padStart(2, "0")} min` : `${left} s`;
}
