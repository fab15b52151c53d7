"""Webhooks: each receiver is told what happened, in order, at least once, until it takes it or it is too old.

What waits is in the store (fleet/records/news) and a receiver's place in it is what it took last, so a restart goes on
where it was. Each receiver has a lane of its own: one that is slow or away holds nobody else up, and the coordinator's
work never waits for any.
"""

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import anyio
import httpx
import structlog

from contract.clock import Clock
from fleet.errors import StoreError
from fleet.metrics import Metrics
from fleet.notify.receiver import Answer, Receiver
from fleet.records.news import (
    News,
    forget_news,
    forget_places,
    newest_number,
    news_after,
    places,
    put_places,
)
from fleet.records.store import Store

SCHEMA_VERSION = 1
KEEP_AT_LEAST_US = 3_600_000_000
TIDY_S = 3600.0
SAVE_EVERY_US = 1_000_000  # a crash tells again what was told in this time
BATCH = 50
log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Pace:
    """look_s: between two looks for news. first_s, most_s: waits after a failure, doubled from one to the other."""

    look_s: float = 0.5
    first_s: float = 1.0
    most_s: float = 300.0

    def wait_s(self, failures: int, chance: float) -> float:
        """After so many in a row, at least 1. chance: from 0 to below 1; the wait is between half and all of it."""
        return min(self.first_s * 2.0 ** min(failures - 1, 30), self.most_s) * (0.5 + chance / 2)


class Webhooks:
    """For the coordinator's loop. `draw`: chance from 0 to below 1."""

    def __init__(
        self,
        receivers: Sequence[Receiver],
        *,
        site_id: str,
        store: Store,
        clock: Clock,
        metrics: Metrics,
        draw: Callable[[], float],
        pace: Pace = Pace(),
    ) -> None:
        self._receivers, self._site_id, self._store = receivers, site_id, store
        self._clock, self._metrics, self._draw, self._pace = clock, metrics, draw, pace
        self._told: dict[str, int] = {}
        self._saved: dict[str, int] = {}
        self._saved_at_us = 0
        self._blind: set[str] = set()  # receivers whose news could not be read

    def load(self) -> None:
        """Where each receiver was; one that is new begins with what comes from now on. Raises StoreError."""
        names = [each.name for each in self._receivers]
        with self._store.transaction() as connection:
            forget_places(connection, but=names)
            known, newest = places(connection), newest_number(connection)
            self._told = {name: known.get(name, newest) for name in names}
            put_places(connection, self._told)
        self._saved = dict(self._told)

    async def run(self) -> None:
        """Until cancelled."""
        try:
            async with anyio.create_task_group() as tasks:
                for receiver in self._receivers:
                    tasks.start_soon(self._lane, receiver, name=f"webhook {receiver.name}")
                tasks.start_soon(self._tidy, name="old news")
        finally:
            self._save()

    async def _lane(self, receiver: Receiver) -> None:
        async with receiver.client() as client:
            while True:
                waiting = self._waiting(receiver)
                for news in waiting or ():
                    if news.event in receiver.events:
                        await self._tell(receiver, client, news)
                    self._told[receiver.name] = news.number
                    if self._clock.monotonic_us() - self._saved_at_us >= SAVE_EVERY_US:
                        self._save()
                if waiting == []:
                    self._metrics.webhook_lag_s.labels(receiver=receiver.name).set(0.0)
                    self._save()
                if not waiting:
                    await anyio.sleep(self._pace.look_s)

    def _waiting(self, receiver: Receiver) -> list[News] | None:
        """None: the store does not say."""
        try:
            with self._store.reading() as connection:
                found = news_after(connection, self._told[receiver.name], limit=BATCH)
        except StoreError as err:
            if receiver.name not in self._blind:
                log.warning("news cannot be read; tried again", receiver=receiver.name, reason=str(err))
            self._blind.add(receiver.name)
            return None
        if receiver.name in self._blind:
            log.info("news can be read again", receiver=receiver.name)
            self._blind.discard(receiver.name)
        return found

    async def _tell(self, receiver: Receiver, client: httpx.AsyncClient, news: News) -> None:
        """Until it is taken, refused for good or too old."""
        name, body = receiver.name, body_of(news, site_id=self._site_id)
        failures = 0
        while True:
            age_us = max(0, self._clock.wall_us() - news.at_us)
            self._metrics.webhook_lag_s.labels(receiver=name).set(age_us / 1e6)
            if age_us > receiver.keep_us:
                self._give_up(name, news, "too old")
                return
            outcome = await receiver.send(
                client, body, delivery=news.news_id, event=news.event.value, at_us=self._clock.wall_us()
            )
            if outcome.answer is Answer.TAKEN:
                self._metrics.webhook_told.labels(receiver=name).inc()
                if failures:
                    log.info("webhook is back", receiver=name, failures=failures)
                return
            self._metrics.webhook_failures.labels(receiver=name).inc()
            if outcome.answer is Answer.REFUSED:
                self._give_up(name, news, f"refused: {outcome.words}")
                return
            failures += 1
            if failures == 1:
                log.warning("webhook failed; tried again", receiver=name, reason=outcome.words)
            await anyio.sleep(self._pace.wait_s(failures, self._draw()))

    def _give_up(self, name: str, news: News, reason: str) -> None:
        self._metrics.webhook_given_up.labels(receiver=name).inc()
        log.error("webhook given up", receiver=name, news=str(news.news_id), what=news.event.value, reason=reason)

    def _save(self) -> None:
        """Where the store does not take it, the last is told again after a restart."""
        changed = {name: number for name, number in self._told.items() if self._saved.get(name) != number}
        if not changed:
            return
        self._saved_at_us = self._clock.monotonic_us()
        try:
            with self._store.transaction() as connection:
                put_places(connection, changed)
        except StoreError as err:
            log.warning("places of webhooks not stored yet", reason=str(err))
            return
        self._saved |= changed

    async def _tidy(self) -> None:
        """What everybody may have heard by now goes."""
        keep_us = max([KEEP_AT_LEAST_US, *(receiver.keep_us for receiver in self._receivers)])
        while True:
            try:
                with self._store.transaction() as connection:
                    forget_news(connection, before_us=self._clock.wall_us() - 2 * keep_us)
            except StoreError as err:
                log.warning("old news are not tidied", reason=str(err))
            await anyio.sleep(TIDY_S)


def body_of(news: News, *, site_id: str) -> bytes:
    """The same at every try."""
    head = {
        "schema_version": SCHEMA_VERSION,
        "id": str(news.news_id),
        "event": news.event.value,
        "at_us": news.at_us,
        "site": site_id,
    }
    return json.dumps({**head, **json.loads(news.document)}, ensure_ascii=False, separators=(",", ":")).encode()
