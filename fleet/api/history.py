"""GET routes of the history: what the map showed at any moment that was recorded."""

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query, Response

from fleet.api.guard import Rule
from fleet.api.history_views import (
    AlarmThen,
    Happened,
    HistoryExtent,
    HistoryPage,
    HistoryQuery,
    RecordedSpan,
    StretchQuery,
)
from fleet.api.reading import evidence_view
from fleet.errors import StoreError
from fleet.history.reader import HistoryReader, Page
from fleet.history.recorder import GAP_US
from fleet.records import reads
from fleet.records.store import Store

_PAGE: dict[int | str, dict[str, Any]] = {200: {"model": HistoryPage}}


def history_routes(history: HistoryReader, store: Store, rule: Rule) -> APIRouter:
    router = APIRouter(dependencies=[Depends(rule)])

    @router.get("/history", responses=_PAGE, summary="What the map showed, frame by frame")
    def get_history(asked: Annotated[HistoryQuery, Query()]) -> Response:
        """At most 600 frames, 4 MB or a quarter of an hour's recording in one answer; next_us says how it goes on."""
        try:
            page = history.page(from_us=asked.from_us, to_us=asked.to_us, step_us=asked.step_ms * 1_000)
        except OSError as err:
            raise StoreError(f"history: {err.strerror or err}") from err
        return Response(_json(page), media_type="application/json")

    @router.get("/history/extent", summary="What was recorded")
    def get_extent() -> HistoryExtent:
        try:
            spans = history.spans()
        except OSError as err:
            raise StoreError(f"history: {err.strerror or err}") from err
        told = tuple(RecordedSpan(from_us=from_us, to_us=to_us) for from_us, to_us in spans)
        return HistoryExtent(spans=told)

    @router.get("/history/happened", summary="Alarms of a stretch of time, with what was seen of them")
    def get_happened(asked: Annotated[StretchQuery, Query()]) -> Happened:
        with store.reading() as connection:
            alarms = reads.alarms_between(connection, asked.from_us, asked.to_us)
            events = [alarm.event_id for alarm in alarms if alarm.event_id is not None]
            files = [evidence_view(*row) for row in reads.evidence_places(connection, events)]
        told = tuple(
            AlarmThen(
                alarm_id=each.alarm_id,
                incident_id=each.incident_id,
                at_us=each.raised_at_us,
                kind=each.kind,
                severity=each.severity,
                title=each.title,
            )
            for each in alarms
        )
        return Happened(alarms=told, evidence=tuple(files), is_cut=len(alarms) == reads.MAX_ROWS)

    return router


def _json(page: Page) -> str:
    """As HistoryPage; what was written as JSON is not read and written again."""
    next_us = "null" if page.next_us is None else str(page.next_us)
    return f'{{"frames":[{",".join(page.frames)}],"gap_us":{GAP_US},"next_us":{next_us}}}'
