"""What the coordinator's store knows better than anybody who watched: its decisions and the latency budget, as lines.

The store dates them by the coordinator's clock, which a scenario may set; here they get the scenario's moment.
"""

import json
from typing import Any

import anyio
from sqlalchemy import ColumnElement, Table, literal_column, select

from contract.clock import Clock
from fleet.records.store import Store
from fleet.records.tables import DECISIONS, HOPS
from sim.clock import ShiftedClock
from sim.run_log import RunLog

LOOK_EACH_S = 1.0
STORED_WITHIN_US = 3_000_000  # and what seems older was dated before the clock was set
ROW: ColumnElement[int] = literal_column("rowid")


class StoreTap:
    """`tell` what was stored since the last time. `coordinators`: the clock that dates it; `clock`: the scenario's."""

    def __init__(self, store: Store, log: RunLog, *, clock: Clock, coordinators: ShiftedClock) -> None:
        self._store, self._log, self._clock, self._coordinators = store, log, clock, coordinators
        self._told = {DECISIONS.name: 0, HOPS.name: 0}

    async def run(self) -> None:
        """For ever."""
        while True:
            self.tell()
            await anyio.sleep(LOOK_EACH_S)

    def tell(self) -> None:
        for row in self._new(DECISIONS):
            document = json.loads(row.document)
            self._log.add(
                at_us=self._moment_us(row.at_us),
                type="decision",
                trace_id=row.trace_id,
                task=row.task_id,
                vehicle=row.vehicle,
                order=document["order"]["order"],
                verdict=row.verdict,
                reasons=document["reasons"],
            )
        for row in self._new(HOPS):
            at_us = self._moment_us(row.at_us)
            self._log.add(at_us=at_us, type="hop", trace_id=row.trace_id, hop=row.hop, took_us=row.took_us)

    def _new(self, table: Table) -> list[Any]:
        newest = self._told[table.name]
        with self._store.reading() as connection:
            rows = connection.execute(select(ROW, table).where(ROW.op(">")(newest)).order_by(ROW)).all()
        if rows:
            self._told[table.name] = rows[-1][0]
        return list(rows)

    def _moment_us(self, at_us: int) -> int:
        now_us = self._clock.wall_us()
        return min(max(at_us - self._coordinators.shift_us, now_us - STORED_WITHIN_US), now_us)
