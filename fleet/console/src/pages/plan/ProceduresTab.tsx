// Procedures as text: the linter's marks at their lines, and a dry run. Commands nothing and keeps the text in the browser.
import { useQuery } from "@tanstack/react-query";
import { useEffect, useState } from "react";
import { ask, type ProceduresVerdict, type Trial, wordsOf } from "./server";
import type { TabProps } from "./tab";

const PLACE = "vedette.plan.procedures";
const EXAMPLE = `schema_version: 1
procedures:
  - id: intrusion
    name: Somebody is inside
    steps:
      - {id: second-look, do: verify, within_s: 20, otherwise: send}
      - {id: send, do: dispatch, arrive_s: 120, autonomy: approval, answer_s: 60, then: end, otherwise: call}
      - {id: call, do: escalate, to: shift leader, why: nobody could be sent, autonomy: automatic}
`;

export function happenings(text: string): { at_s: number; do: string; by: string }[] {
  return text.split("\n").flatMap((line) => {
    const match = /^\s*(\d+(?:\.\d+)?)\s*:\s*([a-z-]+)(?:=(.+))?\s*$/.exec(line);
    return match ? [{ at_s: Number(match[1]), do: match[2] ?? "", by: match[3]?.trim() ?? "" }] : [];
  });
}

export function ProceduresTab({ t, draft, session, canEdit }: TabProps) {
  const [text, setText] = useState(() => localStorage.getItem(PLACE) ?? EXAMPLE);
  const [settled, setSettled] = useState(text);
  const [happens, setHappens] = useState("30:approve=anna\n90:on-scene");
  const [procedure, setProcedure] = useState("");
  const [trial, setTrial] = useState<Trial | null>(null);
  const [problem, setProblem] = useState("");
  useEffect(() => {
    localStorage.setItem(PLACE, text);
    const timer = setTimeout(() => setSettled(text), 600);
    return () => clearTimeout(timer);
  }, [text]);
  const checked = useQuery({ queryKey: ["procedures", settled, draft.site], queryFn: () => ask<ProceduresVerdict>("/procedures/check", session, { text: settled, site: draft.site }), enabled: canEdit, retry: false });
  const marks = checked.data?.marks ?? [];
  const byLine = new Map(marks.map((each) => [each.line, each.severity]));
  const tryIt = async () => {
    try {
      setTrial(await ask<Trial>("/procedures/try", session, { text, site: draft.site, procedure: procedure || null, happens: happenings(happens) }));
      setProblem("");
    } catch (error) {
      setTrial(null);
      setProblem(wordsOf(error));
    }
  };
  return (
    <div className="plan-split">
      <div className="plan-editor">
        <div className="plan-gutter" aria-hidden="true">{text.split("\n").map((_, i) => <span key={i} className={byLine.get(i + 1) ?? ""}>{byLine.has(i + 1) ? "▸" : ""}{i + 1}</span>)}</div>
        <textarea aria-label={t.yaml} spellCheck={false} value={text} rows={text.split("\n").length + 1} onChange={(event) => setText(event.target.value)} />
      </div>
      <aside className="plan-side">
        <p className="plan-note">{t.copyOut}</p>
        {!canEdit && <p className="quiet">{t.needSupervisor}</p>}
        {checked.error && <p className="bad">{checked.error.message}</p>}
        {checked.data && marks.length === 0 && <p className="good">✓ {t.clean}</p>}
        <ul className="plan-marks">
          {marks.map((each) => <li key={each.where + each.what} className={each.severity}><b>{each.severity === "error" ? `✕ ${t.error}` : `! ${t.warning}`}</b>{each.line !== null && `, ${t.lineNo} ${each.line}`} {each.where && <code>{each.where}</code>} {each.what}</li>)}
        </ul>
        <label className="plan-block">{t.happens}<textarea rows={4} value={happens} onChange={(event) => setHappens(event.target.value)} /></label>
        <p className="plan-row">
          <select aria-label={t.procedures} value={procedure} onChange={(event) => setProcedure(event.target.value)}>
            {(checked.data?.procedures ?? []).map((each, i) => <option key={each} value={i === 0 ? "" : each}>{each}</option>)}
          </select>
          <button type="button" disabled={!canEdit} onClick={() => void tryIt()}>{t.tryIt}</button>
        </p>
        {problem && <p className="bad" role="status">{problem}</p>}
        {trial && (
          <>
            <table className="plan-table"><thead><tr><th>{t.atS}</th><th>{t.what}</th></tr></thead>
              <tbody>{trial.lines.map((each, i) => <tr key={i}><td className="number">{each.at_s}</td><td>{each.what}</td></tr>)}</tbody>
            </table>
            <p role="status" className={trial.is_over ? "good" : "warn"}>{trial.is_over ? `✓ ${t.ended}` : `! ${t.stillAt} '${trial.step}' (${trial.phase})`}</p>
          </>
        )}
      </aside>
    </div>
  );
}
