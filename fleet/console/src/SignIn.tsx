// Who is at the desk: a name where the coordinator trusts this machine, a token where it does not.
import { type FormEvent, useEffect, useRef, useState } from "react";

export function SignIn({ needsToken, onDone }: { needsToken: boolean; onDone: (value: string) => void }) {
  const [value, setValue] = useState("");
  const dialog = useRef<HTMLDialogElement>(null);
  useEffect(() => dialog.current?.showModal(), []);
  const submit = (event: FormEvent) => {
    event.preventDefault();
    if (value.trim().length > 1) onDone(value.trim());
  };
  const label = needsToken ? "Your access token" : "Your name: it is written beside every order you give";
  return (
    <dialog ref={dialog} onCancel={(event) => event.preventDefault()} aria-labelledby="sign-in-title">
      <form onSubmit={submit}>
        <h2 id="sign-in-title">Vedette</h2>
        <label>
          {label}
          <input
            autoFocus
            autoComplete={needsToken ? "off" : "name"}
            type={needsToken ? "password" : "text"}
            value={value}
            onChange={(event) => setValue(event.target.value)}
          />
        </label>
        <div className="actions">
          <button type="submit">Begin</button>
        </div>
      </form>
    </dialog>
  );
}
