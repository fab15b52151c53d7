// Audit: who did what, newest first, found by person, act, subject, time or any word.
import { useInfiniteQuery } from "@tanstack/react-query";
import { type FormEvent, useState } from "react";
import { useWords } from "../../language";
import type { PageProps } from "../../page";
import { answered } from "../../reading";
import "./audit.css";
import { asCsv, detailLine, EVERYTHING, query, type Row, type Search } from "./log";
import { WORDS } from "./words";

const PAGE_ROWS = 100;
const EXPORT_PAGE_ROWS = 500;
const EXPORT_ROWS = 10_000;

const rowsOf = async (path: string) => answered<Row[]>(await fetch(path));

/** The newest rows of a search, at most as many as one file should have. */
async function exported(search: Search, timeZone: string): Promise<Row[]> {
  const all: Row[] = [];
  while (all.length < EXPORT_ROWS) {
    const page = await rowsOf(query(search, timeZone, EXPORT_PAGE_ROWS, all.at(-1)?.id ?? null));
    all.push(...page);
    if (page.length < EXPORT_PAGE_ROWS) break;
  }
  return all;
}

function save(text: string, name: string): void {
  const url = URL.createObjectURL(new Blob(["\ufeff", text], { type: "text/csv;charset=utf-8" }));
  const link = Object.assign(document.createElement("a"), { href: url, download: name });
  link.click();
  URL.revokeObjectURL(url);
}

export default function Audit({ picture, may }: PageProps) {
  const t = useWords(WORDS);
  const timeZone = picture.site.time_zone;
  const [typed, setTyped] = useState<Search>(EVERYTHING);
  const [search, setSearch] = useState<Search>(EVERYTHING);
  const [said, setSaid] = useState("");
  const isAllowed = may("supervisor");
  const found = useInfiniteQuery({
    queryKey: ["audit", search, timeZone],
    queryFn: ({ pageParam }) => rowsOf(query(search, timeZone, PAGE_ROWS, pageParam)),
    initialPageParam: null as number | null,
    getNextPageParam: (last) => (last.length < PAGE_ROWS ? undefined : last.at(-1)?.id),
    enabled: isAllowed,
    retry: 1,
  });
  if (!isAllowed) return <p className="empty">{t.notYours}</p>;

  const submit = (event: FormEvent) => {
    event.preventDefault();
    setSearch(typed);
    if (JSON.stringify(typed) === JSON.stringify(search)) void found.refetch();
  };
  const clear = () => {
    setTyped(EVERYTHING);
    setSearch(EVERYTHING);
  };
  const exportAll = async () => {
    setSaid(t.exporting);
    try {
      const rows = await exported(search, timeZone);
      save(asCsv(rows), `audit-${picture.site.id}.csv`);
      setSaid(rows.length >= EXPORT_ROWS ? t.exportCut : "");
    } catch (error) {
      setSaid(error instanceof Error ? error.message : t.failed);
    }
  };
  const rows = found.data?.pages.flat() ?? [];
  const format = new Intl.DateTimeFormat("sv-SE", { timeZone, dateStyle: "short", timeStyle: "medium" });
  const field = (key: keyof Search, type: "text" | "datetime-local" = "text") => (
    <label>
      {t[key]}
      <input
        type={type}
        value={typed[key]}
        maxLength={type === "text" ? 200 : undefined}
        onChange={(event) => setTyped({ ...typed, [key]: event.target.value })}
      />
    </label>
  );
  return (
    <section className="audit" aria-labelledby="audit-title">
      <h2 id="audit-title">{t.title}</h2>
      <form role="search" aria-label={t.title} onSubmit={submit}>
        {field("who")}
        {field("act")}
        {field("subject")}
        {field("text")}
        {field("from", "datetime-local")}
        {field("to", "datetime-local")}
        <div className="actions">
          <button type="submit">{t.search}</button>
          <button type="button" onClick={clear}>
            {t.clear}
          </button>
          <button type="button" onClick={() => void exportAll()}>
            {t.export}
          </button>
        </div>
      </form>
      <p role="status">{said || (found.isFetching ? t.loading : `${rows.length} ${t.rows} ${timeZone}`)}</p>
      {found.isError && (
        <p role="alert" className="problem">
          {t.failed} {found.error.message}
        </p>
      )}
      {rows.length > 0 && (
        <div className="rows" role="region" aria-label={t.title} tabIndex={0}>
          <table>
            <thead>
              <tr>
                {[t.when, t.person, t.done, t.of, t.detail].map((name) => (
                  <th key={name} scope="col">
                    {name}
                  </th>
                ))}
              </tr>
            </thead>
            <tbody>
              {rows.map((row) => (
                <tr key={row.id}>
                  <td className="time">{format.format(row.at_us / 1000)}</td>
                  <td>{row.actor}</td>
                  <td>{row.act}</td>
                  <td>{row.subject}</td>
                  <td className="detail">{detailLine(row.detail) || "–"}</td>
                </tr>
              ))}
            </tbody>
          </table>
        </div>
      )}
      {found.isSuccess && rows.length === 0 && <p className="empty">{t.nothing}</p>}
      {found.hasNextPage && (
        <button type="button" disabled={found.isFetchingNextPage} onClick={() => void found.fetchNextPage()}>
          {t.older}
        </button>
      )}
    </section>
  );
}
