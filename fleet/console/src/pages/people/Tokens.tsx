// API tokens: whose they are, what they may, until when; made once, revoked at once.
import { type FormEvent, useState } from "react";
import { useWords } from "../../language";
import { type MadeToken, type Person, type Role, scopesOf, type Token } from "./asking";
import { type Shown, Sure } from "./Secret";
import { WORDS } from "./words";

export type Act = <T>(path: string, body: Record<string, unknown>) => Promise<T | null>;
const DAYS = 90;

export function Tokens(props: { people: Person[]; tokens: Token[]; act: Act; show: (shown: Shown) => void; time: (us: number) => string }) {
  const { people, tokens, act, show, time } = props;
  const t = useWords(WORDS);
  const able = people.filter((each) => !each.is_disabled);
  const [person, setPerson] = useState("");
  const [name, setName] = useState("");
  const [days, setDays] = useState(DAYS);
  const [scopes, setScopes] = useState<Role[]>(["viewer"]);
  const chosen = able.find((each) => each.name === person) ?? able[0];
  const offered = chosen ? scopesOf(chosen) : [];
  const wanted = offered.filter((role) => scopes.includes(role));
  const make = async (event: FormEvent) => {
    event.preventDefault();
    const made = await act<MadeToken>("/tokens", { person: chosen?.name, name: name.trim(), scopes: wanted, days });
    if (!made) return;
    setName("");
    show({ title: `${t.token} ${made.name}`, text: made.token, words: t.tokenOnce });
  };
  return (
    <section aria-labelledby="tokens-title">
      <h2 id="tokens-title">{t.tokens}</h2>
      {tokens.length === 0 ? (
        <p className="empty">{t.noTokens}</p>
      ) : (
        <div className="rows" role="region" aria-label={t.tokens} tabIndex={0}>
          <table>
            <thead>
              <tr>
                {[t.person, t.tokenFor, t.scopes, t.until, t.acts].map((each) => (
                  <th key={each} scope="col">
                    {each}
                  </th>
                ))}
              </tr>
            </thead>
            <tbody>
              {tokens.map((token) => (
                <tr key={`${token.person}/${token.name}`}>
                  <td>{token.person}</td>
                  <td>{token.name}</td>
                  <td>{token.scopes.map((role) => t[role]).join(", ")}</td>
                  <td className="time">{time(token.expires_at_us)}</td>
                  <td>
                    <Sure
                      name={t.revoke}
                      of={token.name}
                      question={t.sureRevoke}
                      onYes={() => void act("/tokens/revoke", { person: token.person, name: token.name })}
                    />
                  </td>
                </tr>
              ))}
            </tbody>
          </table>
        </div>
      )}
      <form onSubmit={(event) => void make(event)} aria-label={t.make}>
        <label>
          {t.person}
          <select value={chosen?.name ?? ""} onChange={(event) => setPerson(event.target.value)}>
            {able.map((each) => (
              <option key={each.name}>{each.name}</option>
            ))}
          </select>
        </label>
        <label>
          {t.tokenFor}
          <input required minLength={2} maxLength={80} value={name} onChange={(event) => setName(event.target.value)} />
        </label>
        <label>
          {t.days}
          <input type="number" min={1} max={366} value={days} onChange={(event) => setDays(Number(event.target.value))} />
        </label>
        <fieldset>
          <legend>{t.scopes}</legend>
          {offered.map((role) => (
            <label key={role} className="tick">
              <input
                type="checkbox"
                checked={scopes.includes(role)}
                onChange={(event) => setScopes(event.target.checked ? [...scopes, role] : scopes.filter((each) => each !== role))}
              />
              {t[role]}
            </label>
          ))}
        </fieldset>
        <button type="submit" disabled={wanted.length === 0}>
          {t.make}
        </button>
      </form>
    </section>
  );
}
