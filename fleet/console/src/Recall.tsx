// Recall all: always one confirmed step away, on every page, and independent of map, page and feed.
import { useEffect, useRef, useState } from "react";
import type { Answer, Send } from "./commands";
import { isTyping } from "./keys";
import { useWords } from "./language";
import { SHELL } from "./shellWords";

export function Recall({ send }: { send: Send }) {
  const t = useWords(SHELL);
  const dialog = useRef<HTMLDialogElement>(null);
  const [answer, setAnswer] = useState<Answer | null>(null);
  const [isSending, setSending] = useState(false);
  const open = () => {
    setAnswer(null);
    if (!dialog.current?.open) dialog.current?.showModal();
  };
  useEffect(() => {
    const onKey = (event: KeyboardEvent) => {
      if (event.shiftKey && event.key === "R" && !event.ctrlKey && !event.metaKey && !isTyping(event)) {
        event.preventDefault();
        open();
      }
    };
    window.addEventListener("keydown", onKey);
    return () => window.removeEventListener("keydown", onKey);
  }, []);
  const recall = async () => {
    setSending(true);
    setAnswer(await send("/recall-all"));
    setSending(false);
  };
  return (
    <>
      <button type="button" className="recall" onClick={open} aria-keyshortcuts="Shift+R">
        {t.recall}
      </button>
      <dialog ref={dialog} aria-labelledby="recall-title">
        <h2 id="recall-title">{t.recallTitle}</h2>
        <p>{t.recallSays}</p>
        {answer && (
          <p role="alert" className={answer.ok ? "" : "problem"}>
            {answer.text}
          </p>
        )}
        <div className="actions">
          <button type="button" onClick={() => dialog.current?.close()}>
            {answer?.ok ? t.close : t.cancel}
          </button>
          {!answer?.ok && (
            <button type="button" className="recall" disabled={isSending} onClick={() => void recall()}>
              {isSending ? t.recallSending : t.recallNow}
            </button>
          )}
        </div>
      </dialog>
    </>
  );
}
