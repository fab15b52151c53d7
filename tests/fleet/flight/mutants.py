"""What `make mutants` found, as docs/safety/mutants.md: `python -m tests.fleet.flight.mutants`.

A survivor is a change that no test notices. Why it may is written by hand into the last column of its row; a row keeps
its reason for as long as the change survives. Exit codes: 0 each survivor has a reason, 1 at least one has none, 2
nothing was run.
"""

import ast
import difflib
import json
import re
import sys
from collections import Counter
from dataclasses import dataclass
from datetime import date, datetime, timezone
from pathlib import Path

ROOT = Path(__file__).parents[3]
PAGE = ROOT / "docs" / "safety" / "mutants.md"
FOLDER = ROOT / "mutants" / "fleet" / "flight"
SURVIVED, NO_TESTS = 0, 33  # exit codes of mutmut; None: not run
HEAD = """# Changes that no test notices

`make mutants` changes gate and monitor, and the files they judge by, one expression at a time with
[mutmut](https://github.com/boxed/mutmut) and runs their tests. A change that a test notices is good news. These are
the others, and why each may stay: the table is rewritten by `make mutants`, the reasons are kept.
"""
ROW = re.compile(r"^\| `(?P<where>[^`]+)` \| `(?P<change>.*)` \| (?P<reason>.*) \|$")


@dataclass(frozen=True, slots=True)
class Survivor:
    """`where`: file and function; `change`: the line before and after."""

    where: str
    change: str


def found(folder: Path) -> tuple[Counter[str], dict[str, Counter[str]], list[Survivor]]:
    """Sums, sums by file, and what survived."""
    by_file: dict[str, Counter[str]] = {}
    survivors: list[Survivor] = []
    for meta in sorted(folder.glob("*.py.meta")):
        codes: dict[str, int | None] = json.loads(meta.read_text(encoding="utf-8"))["exit_code_by_key"]
        if not codes:
            continue
        name = meta.name.removesuffix(".meta")
        by_file[name] = Counter(_outcome(code) for code in codes.values())
        left = [key for key, code in codes.items() if code in (SURVIVED, NO_TESTS)]
        survivors += _described(meta.with_suffix(""), left)
    return sum(by_file.values(), Counter()), by_file, survivors


def last_run(folder: Path) -> date:
    """When the last result was written, UTC."""
    newest_s = max(meta.stat().st_mtime for meta in folder.glob("*.py.meta"))
    return datetime.fromtimestamp(newest_s, tz=timezone.utc).date()


def _outcome(code: int | None) -> str:
    if code is None:
        return "not run"
    return "survived" if code in (SURVIVED, NO_TESTS) else "noticed"


def _described(source: Path, keys: list[str]) -> list[Survivor]:
    texts = {
        node.name: ast.unparse(node).splitlines()
        for node in ast.walk(ast.parse(source.read_text(encoding="utf-8")))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and "__mutmut_" in node.name
    }
    described = []
    for key in keys:
        name = key.rsplit(".", 1)[-1]
        plain, _ = name.split("__mutmut_")
        before, after = texts[f"{plain}__mutmut_orig"], texts[name]
        lines = [line for line in difflib.ndiff(before, after) if line[0] in "+-" and "__mutmut_" not in line]
        gone = " ".join(line[2:].strip() for line in lines if line[0] == "-")
        new = " ".join(line[2:].strip() for line in lines if line[0] == "+")
        function = plain.removeprefix("xǁ").removeprefix("x_").replace("ǁ", ".")
        described.append(Survivor(f"{source.name}: {function}", f"{gone} -> {new}".replace("|", "¦").replace("`", "'")))
    return described


def reasons(page: str) -> dict[Survivor, str]:
    """Those that stand in a page already."""
    rows = (ROW.match(line) for line in page.splitlines())
    return {Survivor(row["where"], row["change"]): row["reason"].strip() for row in rows if row}


def written(
    sums: Counter[str],
    by_file: dict[str, Counter[str]],
    survivors: list[Survivor],
    why: dict[Survivor, str],
    *,
    run_on: date,
) -> str:
    lines = [
        HEAD,
        f"Last run: {run_on}.\n",
        "| file | changes | noticed | survived | not run |",
        "| --- | --- | --- | --- | --- |",
    ]
    for name, each in [*by_file.items(), ("all", sums)]:
        lines.append(f"| {name} | {each.total()} | {each['noticed']} | {each['survived']} | {each['not run']} |")
    lines += ["", "| where | change | why it may stay |", "| --- | --- | --- |"]
    lines += [f"| `{each.where}` | `{each.change}` | {why.get(each, '')} |" for each in dict.fromkeys(survivors)]
    return "\n".join(lines) + "\n"


def main() -> int:
    sums, by_file, survivors = found(FOLDER)
    if not sums["noticed"] and not survivors:
        print("mutants: nothing was run; 'make mutants' does", file=sys.stderr)
        return 2
    why = reasons(PAGE.read_text(encoding="utf-8")) if PAGE.is_file() else {}
    PAGE.write_text(written(sums, by_file, survivors, why, run_on=last_run(FOLDER)), encoding="utf-8")
    bare = [each for each in survivors if not why.get(each)]
    print(f"{sums.total()} changes: {sums['noticed']} noticed, {sums['survived']} survived, {sums['not run']} not run")
    for each in bare:
        print(f"no reason yet: {each.where}: {each.change}")
    return 1 if bare else 0


if __name__ == "__main__":
    sys.exit(main())
