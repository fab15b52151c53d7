"""Versions of the site file: who changed what and why, which one is in force, which one waits for the next start.

The version in force is that of the start: nothing here touches what runs, so nothing changes under a vehicle in flight.
Putting one to work writes the site file; the coordinator, and with it its nodes, reads it when it starts again.
"""

import hashlib
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import Enum
from pathlib import Path
from typing import Any

import structlog
from sqlalchemy import Connection, Row, insert, select, update

from contract.clock import Clock
from contract.envelope import COORDINATOR
from contract.site import Site
from fleet.errors import NotFound, Refused, SetUpError
from fleet.flight.journal import JournalEntry, JsonValue
from fleet.records.audit import add_entry
from fleet.records.store import Store
from fleet.records.tables_site import SITE_VERSIONS
from fleet.site_changes import Change, changes
from fleet.site_document import Fault, read_object, read_text_of_site, text_of

MOST_LISTED = 500
NEXT_START = "it counts from the coordinator's next start; until then everything stays as it is"
log = structlog.get_logger()


class VersionKind(str, Enum):
    """How a version came."""

    FOUND = "found"  # in the file, at a start or before it was written over
    PROPOSED = "proposed"
    ROLLED_BACK = "rolled_back"


class Standing(str, Enum):
    """What a version is now."""

    IN_FORCE = "in_force"
    WAITS = "waits_for_next_start"
    PROPOSED = "proposed"
    EARLIER = "earlier"


@dataclass(frozen=True, slots=True)
class VersionHead:
    """All that a list says of a version."""

    number: int
    sha256: str
    kind: VersionKind
    by: str
    at_us: int
    why: str
    based_on: int | None
    chosen_by: str | None
    chosen_at_us: int | None
    began_at_us: int | None


@dataclass(frozen=True, slots=True)
class SiteVersion(VersionHead):
    """text: the site file, whole."""

    text: str = field(repr=False)

    def site(self) -> Site:
        """Raises Refused where today's software cannot read it any more."""
        site, faults = read_text_of_site(self.text)
        if site is None:
            raise Refused(f"version {self.number}: {faults[0].line}")
        return site


@dataclass(frozen=True, slots=True)
class Verdict:
    """faults: why no start would take it; empty: one would. changes: against the version in force."""

    faults: tuple[Fault, ...]
    changes: tuple[Change, ...]
    remarks: tuple[str, ...]
    site: Site | None = None


@dataclass(frozen=True, slots=True)
class Waiting:
    """For the next start. number None: nothing, or what no version says; then there is a remark."""

    number: int | None = None
    remark: str = ""


@dataclass(frozen=True, slots=True)
class Draft:
    """One of the two: YAML text, or an object. based_on: the version it was drawn from."""

    text: str | None = None
    data: Mapping[str, object] | None = None
    based_on: int | None = None

    def read(self) -> tuple[Site | None, tuple[Fault, ...], str]:
        """The site or its faults, and the text to be kept."""
        if self.text is not None:
            return *read_text_of_site(self.text), self.text
        site, faults = read_object(self.data or {})
        return site, faults, "" if site is None else text_of(site)


@dataclass(frozen=True, slots=True)
class Fit:
    """A version that was judged; made by `SiteVersions.fit` alone."""

    version: SiteVersion


@dataclass(frozen=True, slots=True)
class Drawn:
    """A proposal that was read; made by `SiteVersions.drawn` alone."""

    text: str
    based_on: int | None


class SiteVersions:
    """Changes belong to the coordinator's loop, as all that is written, and parse nothing there: a large document takes
    seconds, in which no heartbeat would go out (SAFETY 9). Reading and judging is for any other thread.

    `judge` raises SetUpError for a site that a start with these settings would refuse.
    """

    def __init__(
        self,
        store: Store,
        clock: Clock,
        *,
        site_file: Path | None = None,
        judge: Callable[[Site], object] | None = None,
    ) -> None:
        self._store, self._clock, self._file = store, clock, site_file
        self._judge = judge or (lambda site: None)
        self._in_force: int | None = None

    def begin(self) -> None:
        """At a start: the file's version is in force; one that is new is recorded by itself. Raises SetUpError,
        StoreError."""
        try:
            text = self._file_text()
        except Refused as err:
            raise SetUpError(str(err)) from err
        at_us = self._clock.wall_us()
        with self._store.transaction() as connection:
            number = _number_of(connection, digest_of(text))
            if number is None:
                number = self._record(connection, text, VersionKind.FOUND, by=COORDINATOR, why="found at a start")
            connection.execute(update(SITE_VERSIONS).where(SITE_VERSIONS.c.number == number).values(began_at_us=at_us))
        self._in_force = number

    # What there is

    @property
    def in_force(self) -> int | None:
        """None: this coordinator was started without a site file (a replay)."""
        return self._in_force

    def waiting(self) -> Waiting:
        """What the file holds for the next start, where that is not what is in force. Raises StoreError."""
        if self._file is None or self._in_force is None:
            return Waiting()
        try:
            sha256 = digest_of(self._file_text())
        except Refused as err:
            return Waiting(remark=f"{err}: the next start will fail")
        with self._store.reading() as connection:
            number = _number_of(connection, sha256)
            current = _version(connection, self._in_force)
        if current.sha256 == sha256:
            return Waiting()
        if number is None:
            return Waiting(remark="the site file was changed by hand: the next start reads it and records it")
        return Waiting(number)

    def listed(self, most: int = MOST_LISTED) -> list[VersionHead]:
        """Newest first."""
        columns = [each for each in SITE_VERSIONS.c if each is not SITE_VERSIONS.c.text]
        query = select(*columns).order_by(SITE_VERSIONS.c.number.desc()).limit(most)
        with self._store.reading() as connection:
            return [VersionHead(**_values(row)) for row in connection.execute(query)]

    def get(self, number: int) -> SiteVersion:
        """Raises NotFound."""
        with self._store.reading() as connection:
            return _version(connection, number)

    def standing(self, version: VersionHead, waiting: int | None) -> Standing:
        if version.number == waiting:
            return Standing.WAITS
        if version.number == self._in_force:
            return Standing.IN_FORCE
        is_used = version.began_at_us is not None or version.chosen_at_us is not None
        return Standing.EARLIER if is_used else Standing.PROPOSED

    def check(self, draft: Draft) -> Verdict:
        """What a start would say of it, and what it changes."""
        site, faults, _ = draft.read()
        if site is None:
            return Verdict(faults, (), ())
        return self._verdict(site, based_on=draft.based_on)

    def check_version(self, number: int) -> Verdict:
        """Raises NotFound."""
        return self._check(self.get(number))

    def compared(self, number: int, *, against: int) -> tuple[Change, ...]:
        """What `number` changes against another. Raises NotFound, Refused."""
        return changes(self.get(against).site(), self.get(number).site())

    # What people order

    def fit(self, number: int) -> Fit:
        """A version that a start would take, as far as this machine can say. For any thread: it reads the whole
        document. Raises NotFound, Refused."""
        version = self.get(number)
        verdict = self._check(version)
        if verdict.faults:
            raise Refused(f"version {number}: {verdict.faults[0].line}")
        return Fit(version)

    def drawn(self, draft: Draft) -> Drawn:
        """A draft that says something new and can be read. For any thread. Raises NotFound, Refused."""
        site, faults, text = draft.read()
        if site is None:
            more = f" (and {len(faults) - 1} more)" if len(faults) > 1 else ""
            raise Refused(f"{faults[0].line}{more}")
        if draft.based_on is not None:
            self.get(draft.based_on)
        newest = self.listed(most=1)
        current = [] if self._in_force is None else [self.get(self._in_force)]
        if any(each.sha256 == digest_of(text) for each in newest) or any(_same(each, site) for each in current):
            raise Refused("nothing is changed against what is there")
        return Drawn(text, draft.based_on)

    def propose(self, drawn: Drawn, *, why: str, by: str) -> SiteVersion:
        """Raises StoreError."""
        return self._keep(drawn.text, VersionKind.PROPOSED, by=by, why=why, based_on=drawn.based_on)

    def put_to_work(self, fit: Fit, *, why: str, by: str) -> SiteVersion:
        """Its text into the site file, for the next start. Raises Refused, StoreError."""
        self._refuse_held(fit.version)
        return self._choose(fit.version, why=why, by=by)

    def roll_back(self, fit: Fit, *, why: str, by: str) -> SiteVersion:
        """An older version to work, as a new one. Raises Refused, StoreError."""
        version = fit.version
        self._refuse_held(version)
        kept = self._keep(version.text, VersionKind.ROLLED_BACK, by=by, why=why, based_on=version.number)
        return self._choose(kept, why=why, by=by)

    # How

    def _check(self, version: SiteVersion) -> Verdict:
        return self.check(Draft(text=version.text, based_on=version.based_on))

    def _verdict(self, site: Site, *, based_on: int | None) -> Verdict:
        faults, said, remarks = [], tuple[Change, ...](), []
        try:
            self._judge(site)
        except SetUpError as err:
            faults.append(Fault("", str(err)))
        if self._in_force is not None:
            said = changes(self.get(self._in_force).site(), site)
            if not said:
                remarks.append("it says the same as the version in force")
        waiting = self.waiting()
        newest = waiting.number or self._in_force
        if waiting.remark:
            remarks.append(waiting.remark)
        elif based_on is not None and newest is not None and based_on < newest:
            remarks.append(f"drawn from version {based_on}; version {newest} has been put to work since")
        return Verdict(tuple(faults), said, tuple(remarks), site)

    def _refuse_held(self, version: SiteVersion) -> None:
        if digest_of(self._file_text()) == version.sha256:
            raise Refused(f"version {version.number}: the site file holds this already")

    def _choose(self, version: SiteVersion, *, why: str, by: str) -> SiteVersion:
        now = self._file_text()
        at_us = self._clock.wall_us()
        detail: dict[str, JsonValue] = {"version": version.number, "sha256": version.sha256, "why": why}
        with self._store.transaction() as connection:
            if _number_of(connection, digest_of(now)) is None:
                why_kept = f"found in the site file when version {version.number} was put to work"
                self._record(connection, now, VersionKind.FOUND, by=COORDINATOR, why=why_kept)
            chosen = update(SITE_VERSIONS).where(SITE_VERSIONS.c.number == version.number)
            connection.execute(chosen.values(chosen_by=by[:120], chosen_at_us=at_us))
            add_entry(connection, JournalEntry(at_us, by, "put_site_to_work", _subject(version), detail=detail))
        try:
            write_over(self._path(), version.text)
        except OSError as err:
            reason = f"{self._file}: {err.strerror}"
            with self._store.transaction() as connection:
                entry = JournalEntry(at_us, by, "site_not_written", _subject(version), detail={"reason": reason})
                add_entry(connection, entry)
            raise Refused(f"version {version.number} was not put to work: {reason}") from err
        log.warning("a site version waits for the next start", version=version.number, by=by)
        return self.get(version.number)

    def _keep(self, text: str, kind: VersionKind, *, by: str, why: str, based_on: int | None) -> SiteVersion:
        at_us = self._clock.wall_us()
        with self._store.transaction() as connection:
            number = self._record(connection, text, kind, by=by, why=why, based_on=based_on)
            detail: dict[str, JsonValue] = {"version": number, "based_on": based_on, "why": why}
            act = "propose_site" if kind is VersionKind.PROPOSED else "roll_site_back"
            add_entry(connection, JournalEntry(at_us, by, act, f"site version {number}", detail=detail))
        return self.get(number)

    def _record(
        self, connection: Connection, text: str, kind: VersionKind, *, by: str, why: str, based_on: int | None = None
    ) -> int:
        values: dict[str, Any] = {"sha256": digest_of(text), "kind": kind.value, "by": by[:120], "why": why}
        values |= {"at_us": self._clock.wall_us(), "based_on": based_on, "text": text}
        key = connection.execute(insert(SITE_VERSIONS).values(**values)).inserted_primary_key
        assert key is not None
        return int(key[0])

    def _path(self) -> Path:
        """Raises Refused."""
        if self._file is None:
            raise Refused("this coordinator was started without a site file")
        return self._file

    def _file_text(self) -> str:
        """Raises Refused."""
        path = self._path()
        try:
            return path.read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as err:
            reason = err.strerror if isinstance(err, OSError) else "not UTF-8 text"
            raise Refused(f"{self._file}: {reason}") from err


def digest_of(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def write_over(path: Path, text: str) -> None:
    """All or nothing, also when the power goes: whoever reads sees the old file or the new one. Raises OSError."""
    path = path.resolve()  # a link stays a link
    beside = path.with_name(f".{path.name}.new")
    with beside.open("w", encoding="utf-8") as file:
        os.fchmod(file.fileno(), path.stat().st_mode & 0o777)
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    beside.replace(path)
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def _subject(version: SiteVersion) -> str:
    return f"site version {version.number}"


def _same(version: SiteVersion, site: Site) -> bool:
    found, _ = read_text_of_site(version.text)
    return found == site


def _number_of(connection: Connection, sha256: str) -> int | None:
    """Of several that read the same, the one that was put to work last, else the newest."""
    columns = SITE_VERSIONS.c
    query = select(columns.number, columns.chosen_at_us, columns.began_at_us).where(columns.sha256 == sha256)
    found = [(row.chosen_at_us or 0, row.began_at_us or 0, row.number) for row in connection.execute(query)]
    return max(found)[2] if found else None


def _version(connection: Connection, number: int) -> SiteVersion:
    row = connection.execute(select(SITE_VERSIONS).where(SITE_VERSIONS.c.number == number)).first()
    if row is None:
        raise NotFound(f"site version {number}: there is none")
    return SiteVersion(**_values(row))


def _values(row: Row[Any]) -> dict[str, Any]:
    return {**row._mapping, "kind": VersionKind(row.kind)}
