"""The lists that a console asks for all night, beside years of what is closed."""

from collections.abc import Callable
from typing import Any

import pytest
from sqlalchemy import Connection, event

from fleet.records.queue import alarm_queue, incident_queue
from fleet.records.store import open_store


@pytest.mark.parametrize("asked", [incident_queue, alarm_queue])
def test_a_list_is_read_in_order_from_an_index_and_never_sorted_whole(asked: Callable[..., list[Any]]) -> None:
    statements: list[tuple[str, Any]] = []

    def note(_c: Connection, _cursor: Any, statement: str, parameters: Any, _context: Any, _many: bool) -> None:
        statements.append((statement, parameters))

    with open_store(None) as store, store.reading() as connection:
        event.listen(connection, "before_cursor_execute", note)
        asked(connection, limit=100)
        event.remove(connection, "before_cursor_execute", note)
        plans = [
            [row[3] for row in connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", parameters)]
            for statement, parameters in statements
        ]

    assert len(plans) == 3  # open, acknowledged, closed
    assert [plan for plan in plans if "USE TEMP B-TREE FOR ORDER BY" in plan] == []
    assert all("SEARCH" in plan[0] and "USING INDEX" in plan[0] for plan in plans)
