// Which cameras are on the wall, and how many of them on one screen.
import type { Camera } from "../../contract";
import { useWords } from "../../language";
import { type Choice, chosenOf, SIZES } from "./wall";
import { LIVE } from "./words";

interface ChoosingProps {
  cameras: readonly Camera[];
  choice: Choice;
  choose: (choice: Choice) => void;
}

export function Choosing({ cameras, choice, choose }: ChoosingProps) {
  const t = useWords(LIVE);
  const chosen = chosenOf(cameras, choice).map(({ id }) => id);
  const put = (ids: readonly string[]) =>
    choose({ ...choice, cameras: ids.length === cameras.length ? null : cameras.map(({ id }) => id).filter((id) => ids.includes(id)) });
  return (
    <div className="wall-choice">
      <details>
        <summary>{t.cameras(chosen.length, cameras.length)}</summary>
        <div>
          <p>
            <button type="button" onClick={() => put(cameras.map(({ id }) => id))}>{t.all}</button>
            <button type="button" onClick={() => put([])}>{t.none}</button>
          </p>
          {cameras.map(({ id }) => (
            <label key={id}>
              <input
                type="checkbox"
                checked={chosen.includes(id)}
                onChange={({ target }) => put(target.checked ? [...chosen, id] : chosen.filter((each) => each !== id))}
              />
              {id}
            </label>
          ))}
        </div>
      </details>
      <label>
        {t.size}
        <select
          value={choice.size ?? ""}
          onChange={({ target }) => choose({ ...choice, size: SIZES.find((each) => String(each) === target.value) ?? null })}
        >
          <option value="">{t.fit}</option>
          {SIZES.map((size) => (
            <option key={size} value={size}>{t.tiles(size)}</option>
          ))}
        </select>
      </label>
      <span className="wall-keys">{t.keys}</span>
    </div>
  );
}
