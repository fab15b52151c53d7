"""Routes of reports: read and written on a thread, one at a time, for a long one is seconds of work."""

import uuid
from collections.abc import Callable
from dataclasses import replace
from typing import Annotated, Any

import anyio
import anyio.to_thread
from fastapi import APIRouter, Depends, Query, Response
from pydantic import AwareDatetime

from fleet.api.parts import Parts
from fleet.records.auth import Role
from fleet.records.cases import case_of, shift_of
from fleet.reports.as_html import POLICY
from fleet.reports.document import Report
from fleet.reports.incident import incident_report, pictured
from fleet.reports.shift import shift_report
from fleet.reports.writing import ReportForm, stored_pictures, written

_FILE: dict[int | str, dict[str, Any]] = {
    200: {
        "description": "The report",
        "content": {form.media_type: {"schema": {"type": "string"}} for form in ReportForm},
    }
}
Form = Annotated[ReportForm, Query(alias="format", description="html, pdf or csv")]
From = Annotated[AwareDatetime, Query(alias="from", description="ISO 8601 with a zone")]
Until = Annotated[AwareDatetime, Query(description="ISO 8601 with a zone; not any more; at most 31 days later")]


def report_routes(parts: Parts) -> APIRouter:
    router = APIRouter()
    operator = [Depends(parts.guard.requires(Role.OPERATOR))]
    supervisor = [Depends(parts.guard.requires(Role.SUPERVISOR))]
    site, store, archive = parts.room.site, parts.store, parts.evidence.archive
    one_at_a_time = anyio.Semaphore(1)

    async def answer(report: Callable[[], Report], form: ReportForm, name: str) -> Response:
        at_us = parts.clock.wall_us()
        async with one_at_a_time:
            data = await anyio.to_thread.run_sync(lambda: written(report(), form, at_us=at_us))
        headers = {
            "Content-Disposition": f'inline; filename="{name}.{form.value}"',
            "Content-Security-Policy": POLICY,
            "X-Content-Type-Options": "nosniff",
            "Cache-Control": "no-store",
        }
        return Response(data, media_type=form.media_type, headers=headers)

    @router.get("/incidents/{incident_id}/report", dependencies=operator, responses=_FILE, response_class=Response)
    async def get_incident_report(incident_id: uuid.UUID, form: Form = ReportForm.HTML) -> Response:
        """Timeline, alarms, tasks, evidence with the pictures that are here, and what persons ordered."""

        def report() -> Report:
            with store.reading() as connection:
                case = case_of(connection, incident_id)
            pictures = stored_pictures(pictured(case), archive.path)
            return incident_report(site, replace(case, pictures=pictures))

        return await answer(report, form, f"incident-{incident_id}")

    @router.get("/reports/shift", dependencies=supervisor, responses=_FILE, response_class=Response)
    async def get_shift_report(since: From, until: Until, form: Form = ReportForm.HTML) -> Response:
        """What came and what became of it, how soon it was answered, what was out of order, who was on."""
        from_us, until_us = (round(moment.timestamp() * 1e6) for moment in (since, until))

        def report() -> Report:
            with store.reading() as connection:
                return shift_report(site, shift_of(connection, from_us=from_us, until_us=until_us))

        return await answer(report, form, "shift")

    return router
