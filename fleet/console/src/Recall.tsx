// Recall all: always one confirmed step away, and independent of the map.
import { useRef, useState } from "react";
import type { Answer, Send } from "./commands";

export function Recall({ send }: { send: Send }) {
  const dialog = useRef<HTMLDialogElement>(null);
  const [answer, setAnswer] = useState<Answer | null>(null);
  const open = () => {
    setAnswer(null);
    dialog.current?.showModal();
  };
  return (
    <>
      <button type="button" className="recall" onClick={open}>
        Recall all
      </button>
      <dialog ref={dialog} aria-labelledby="recall-title">
        <h2 id="recall-title">Recall every vehicle?</h2>
        <p>Each vehicle stops what it does and returns home. None takes a new task until you release it.</p>
        {answer && (
          <p role="alert" className={answer.ok ? "" : "problem"}>
            {answer.text}
          </p>
        )}
        <div className="actions">
          <button type="button" onClick={() => dialog.current?.close()}>
            {answer?.ok ? "Close" : "Cancel"}
          </button>
          {!answer?.ok && (
            <button type="button" className="recall" onClick={() => void send("/recall-all").then(setAnswer)}>
              Recall all now
            </button>
          )}
        </div>
      </dialog>
    </>
  );
}
