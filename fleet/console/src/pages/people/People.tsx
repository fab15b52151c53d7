// People: who is let in, as what; links and tokens that are shown once. The coordinator decides, and keeps one administrator.
import { useQuery, useQueryClient } from "@tanstack/react-query";
import { type FormEvent, useState } from "react";
import { useWords } from "../../language";
import type { PageProps } from "../../page";
import { change, type Invitation, linkOf, type Person, read, type Role, ROLES, type Token } from "./asking";
import "./people.css";
import { Secret, type Shown, Sure } from "./Secret";
import { type Act, Tokens } from "./Tokens";
import { WORDS } from "./words";

function Row({ person, isMe, act, invite, time }: { person: Person; isMe: boolean; act: Act; invite: Act; time: (us: number) => string }) {
  const t = useWords(WORDS);
  const [role, setRole] = useState<Role>(person.role);
  const [isPilot, setPilot] = useState(person.is_pilot);
  const isChanged = role !== person.role || isPilot !== person.is_pilot;
  const of = { name: person.name };
  const state = person.is_disabled ? t.disabled : person.has_password ? t.active : t.waiting;
  return (
    <tr className={person.is_disabled ? "over" : ""}>
      <th scope="row">
        {person.name} {isMe && <span className="badge">{t.you}</span>}
      </th>
      <td>
        <div className="actions">
          <select aria-label={`${t.roleOf} ${person.name}`} value={role} onChange={(event) => setRole(event.target.value as Role)}>
            {ROLES.map((each) => (
              <option key={each} value={each}>
                {t[each]}
              </option>
            ))}
          </select>
          <label className="tick">
            <input
              type="checkbox"
              aria-label={`${t.pilotOf} ${person.name}`}
              checked={isPilot || role === "pilot"}
              disabled={role === "pilot"}
              onChange={(event) => setPilot(event.target.checked)}
            />
            {t.alsoPilot}
          </label>
          {isChanged && (
            <button type="button" aria-label={`${t.give} ${person.name}`} onClick={() => void act("/people/role", { ...of, role, is_pilot: isPilot })}>
              {t.give}
            </button>
          )}
        </div>
      </td>
      <td>{state}</td>
      <td className="time">{person.signed_in_at_us == null ? t.never : time(person.signed_in_at_us)}</td>
      <td>{person.sessions}</td>
      <td>
        <div className="actions">
          {person.sessions > 0 && (
            <button type="button" aria-label={`${t.endSessions} ${person.name}`} onClick={() => void act("/people/end-sessions", of)}>
              {t.endSessions}
            </button>
          )}
          <Sure name={t.newLink} of={person.name} question={t.sureReset} onYes={() => void invite("/people/reset", of)} />
          {!person.is_disabled && (
            <Sure name={t.disable} of={person.name} question={t.sureDisable} onYes={() => void act("/people/disable", of)} />
          )}
        </div>
      </td>
    </tr>
  );
}

function AddPerson({ invite }: { invite: Act }) {
  const t = useWords(WORDS);
  const [name, setName] = useState("");
  const [role, setRole] = useState<Role>("viewer");
  const [isPilot, setPilot] = useState(false);
  const add = async (event: FormEvent) => {
    event.preventDefault();
    if (await invite("/people", { name: name.trim(), role, is_pilot: isPilot })) setName("");
  };
  return (
    <form onSubmit={(event) => void add(event)} aria-label={t.addPerson}>
      <label>
        {t.name}
        <input required minLength={2} maxLength={80} autoComplete="off" value={name} onChange={(event) => setName(event.target.value)} />
      </label>
      <label>
        {t.role}
        <select value={role} onChange={(event) => setRole(event.target.value as Role)}>
          {ROLES.map((each) => (
            <option key={each} value={each}>
              {t[each]}
            </option>
          ))}
        </select>
      </label>
      <label className="tick">
        <input type="checkbox" checked={isPilot} onChange={(event) => setPilot(event.target.checked)} />
        {t.mayLaunch}
      </label>
      <button type="submit">{t.add}</button>
    </form>
  );
}

export default function People({ picture, session, may }: PageProps) {
  const t = useWords(WORDS);
  const queries = useQueryClient();
  const [shown, setShown] = useState<Shown | null>(null);
  const [said, setSaid] = useState<{ isWrong: boolean; text: string }>({ isWrong: false, text: "" });
  const isAllowed = may("admin") && session?.is_open === false;
  const people = useQuery({ queryKey: ["people"], queryFn: () => read<Person[]>("/people"), enabled: isAllowed, refetchInterval: 10_000 });
  const tokens = useQuery({ queryKey: ["tokens"], queryFn: () => read<Token[]>("/tokens"), enabled: isAllowed, refetchInterval: 10_000 });
  if (!isAllowed) return <p className="empty">{session?.is_open ? t.demo : t.notYours}</p>;

  const format = new Intl.DateTimeFormat("sv-SE", { timeZone: picture.site.time_zone, dateStyle: "short", timeStyle: "short" });
  const time = (us: number) => format.format(us / 1000);
  const act: Act = async <T,>(path: string, body: Record<string, unknown>) => {
    try {
      const answer = await change<T>(session, path, body);
      setSaid({ isWrong: false, text: t.done });
      return answer;
    } catch (error) {
      setSaid({ isWrong: true, text: error instanceof Error ? error.message : t.failed });
      return null;
    } finally {
      void queries.invalidateQueries({ queryKey: ["people"] });
      void queries.invalidateQueries({ queryKey: ["tokens"] });
    }
  };
  const invite: Act = async <T,>(path: string, body: Record<string, unknown>) => {
    const invited = await act<Invitation>(path, body);
    if (invited) {
      setShown({ title: `${t.link} ${invited.name}`, text: linkOf(window.location.origin, invited.secret), words: t.linkOnce });
    }
    return invited as T | null;
  };
  return (
    <section className="people">
      <h2 id="people-title">{t.title}</h2>
      <p role={said.isWrong ? "alert" : "status"} className={said.isWrong ? "problem" : ""}>
        {said.text}
      </p>
      {people.isError && (
        <p role="alert" className="problem">
          {t.failed}
        </p>
      )}
      <div className="rows" role="region" aria-label={t.title} tabIndex={0}>
        <table>
          <thead>
            <tr>
              {[t.person, t.role, t.state, t.lastSignIn, t.sessions, t.acts].map((each) => (
                <th key={each} scope="col">
                  {each}
                </th>
              ))}
            </tr>
          </thead>
          <tbody>
            {(people.data ?? []).map((person) => (
              <Row
                key={`${person.name}/${person.role}/${person.is_pilot}`}
                person={person}
                isMe={person.name === session?.name}
                act={act}
                invite={invite}
                time={time}
              />
            ))}
          </tbody>
        </table>
      </div>
      <h2>{t.addPerson}</h2>
      <AddPerson invite={invite} />
      <Tokens people={people.data ?? []} tokens={tokens.data ?? []} act={act} show={setShown} time={time} />
      {shown && <Secret key={shown.text} shown={shown} onClose={() => setShown(null)} />}
    </section>
  );
}
