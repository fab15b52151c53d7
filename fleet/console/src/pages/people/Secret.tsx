// A link or a token that is shown once.
import { useEffect, useRef, useState } from "react";
import { useWords } from "../../language";
import { WORDS } from "./words";

export interface Shown {
  title: string;
  text: string;
  words: string;
}

export function Secret({ shown, onClose }: { shown: Shown; onClose: () => void }) {
  const t = useWords(WORDS);
  const dialog = useRef<HTMLDialogElement>(null);
  const [isCopied, setCopied] = useState(false);
  useEffect(() => dialog.current?.showModal(), []);
  const copy = () => void navigator.clipboard.writeText(shown.text).then(() => setCopied(true), () => setCopied(false));
  return (
    <dialog ref={dialog} className="secret" aria-labelledby="secret-title" onClose={onClose}>
      <h2 id="secret-title">{shown.title}</h2>
      <p>{shown.words}</p>
      <input readOnly aria-label={shown.title} value={shown.text} onFocus={(event) => event.target.select()} />
      <div className="actions">
        <button type="button" onClick={copy}>
          {isCopied ? t.copied : t.copy}
        </button>
        <button type="button" onClick={() => dialog.current?.close()}>
          {t.close}
        </button>
      </div>
    </dialog>
  );
}

/** A button that asks once more before it does what cannot be taken back. */
export function Sure({ name, of, question, onYes }: { name: string; of: string; question: string; onYes: () => void }) {
  const t = useWords(WORDS);
  const [isAsking, setAsking] = useState(false);
  if (!isAsking)
    return (
      <button type="button" aria-label={`${name} ${of}`} onClick={() => setAsking(true)}>
        {name}
      </button>
    );
  const answer = (isYes: boolean) => {
    setAsking(false);
    if (isYes) onYes();
  };
  return (
    <span className="sure" role="group" aria-label={`${question} ${of}`}>
      {question}{" "}
      <button type="button" className="danger" autoFocus onClick={() => answer(true)}>
        {t.yes}
      </button>
      <button type="button" onClick={() => answer(false)}>
        {t.no}
      </button>
    </span>
  );
}
