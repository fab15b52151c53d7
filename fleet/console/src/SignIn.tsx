// Who is at the desk: a name where the coordinator trusts this machine, name and password where it does not.
import { type FormEvent, type ReactNode, useEffect, useRef, useState } from "react";
import { useWords } from "./language";
import { setUp, signIn } from "./session";
import { SHELL } from "./shellWords";

function Asking({ children, onSubmit, word }: { children: ReactNode; onSubmit: () => void; word: string }) {
  const dialog = useRef<HTMLDialogElement>(null);
  useEffect(() => dialog.current?.showModal(), []);
  const submit = (event: FormEvent) => {
    event.preventDefault();
    onSubmit();
  };
  return (
    <dialog ref={dialog} onCancel={(event) => event.preventDefault()} aria-labelledby="sign-in-title">
      <form onSubmit={submit}>
        <h2 id="sign-in-title">Vedette</h2>
        {children}
        <div className="actions">
          <button type="submit">{word}</button>
        </div>
      </form>
    </dialog>
  );
}

export function GiveName({ onDone }: { onDone: (name: string) => void }) {
  const t = useWords(SHELL);
  const [name, setName] = useState("");
  return (
    <Asking word={t.begin} onSubmit={() => name.trim().length > 1 && onDone(name.trim())}>
      <label>
        {t.yourName}
        <input autoFocus autoComplete="name" value={name} onChange={(event) => setName(event.target.value)} />
      </label>
    </Asking>
  );
}

const SET_UP = "#set-up=";

export function SignIn({ onDone }: { onDone: () => void }) {
  const t = useWords(SHELL);
  const [secret, setSecret] = useState(() =>
    window.location.hash.startsWith(SET_UP) ? window.location.hash.slice(SET_UP.length) : "",
  );
  const [name, setName] = useState("");
  const [password, setPassword] = useState("");
  const [wrong, setWrong] = useState<string | null>(null);
  const submit = async () => {
    const reason = secret ? await setUp(secret, name.trim(), password) : await signIn(name, password);
    setWrong(reason);
    setPassword("");
    if (reason !== null) return;
    if (!secret) return onDone();
    window.history.replaceState(null, "", "/"); // it was good once
    setSecret("");
    setWrong(t.passwordSet);
  };
  return (
    <Asking word={secret ? t.setPassword : t.signIn} onSubmit={() => void submit()}>
      <label>
        {secret ? t.firstName : t.name}
        <input autoFocus autoComplete="username" value={name} onChange={(event) => setName(event.target.value)} />
      </label>
      <label>
        {secret ? t.newPassword : t.password}
        <input
          type="password"
          autoComplete={secret ? "new-password" : "current-password"}
          value={password}
          onChange={(event) => setPassword(event.target.value)}
        />
      </label>
      <p className="empty">{secret ? t.setUpSays : t.noAccount}</p>
      {wrong && <p role="alert">{wrong}</p>}
    </Asking>
  );
}
