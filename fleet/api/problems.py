"""Errors in one line each, as application/problem+json (RFC 9457); the class says the status (fleet/errors)."""

from collections.abc import Mapping

import structlog
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException

from fleet.api.models import Problem
from fleet.errors import Late, NotFound, Refused, StoreError

log = structlog.get_logger()
_TITLES = {404: "not found", 405: "no such method here", 413: "too large", 429: "too often"}


def problem(status: int, title: str, detail: str, *, headers: Mapping[str, str] | None = None) -> JSONResponse:
    body = Problem(title=title, status=status, detail=detail)
    media = "application/problem+json"
    return JSONResponse(body.model_dump(), status_code=status, media_type=media, headers=dict(headers or {}))


def add_problems(app: FastAPI) -> None:
    async def not_found(_: Request, err: Exception) -> JSONResponse:
        return problem(404, "not found", str(err))

    async def refused(_: Request, err: Exception) -> JSONResponse:
        return problem(409, "a rule says no", str(err))

    async def unavailable(_: Request, err: Exception) -> JSONResponse:
        return problem(503, "not now", str(err))

    async def late(_: Request, err: Exception) -> JSONResponse:
        return problem(504, "no answer", str(err))

    async def wrong_input(_: Request, err: Exception) -> JSONResponse:
        assert isinstance(err, RequestValidationError)
        first = err.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        detail = f"{where}: {first['msg']}"
        return problem(422, "wrong input", detail.encode(errors="replace").decode())

    async def plain(_: Request, err: Exception) -> JSONResponse:
        assert isinstance(err, HTTPException)
        title = _TITLES.get(err.status_code, "refused")
        return problem(err.status_code, title, str(err.detail), headers=err.headers)

    async def broken(request: Request, err: Exception) -> JSONResponse:
        """A bug: what it was stands in the log alone."""
        log.error("a request failed", method=request.method, path=request.url.path, error=type(err).__name__)
        return problem(500, "a fault of ours", "it stands in the coordinator's log")

    app.add_exception_handler(NotFound, not_found)
    app.add_exception_handler(Refused, refused)
    app.add_exception_handler(StoreError, unavailable)
    app.add_exception_handler(Late, late)
    app.add_exception_handler(RequestValidationError, wrong_input)
    app.add_exception_handler(HTTPException, plain)
    app.add_exception_handler(Exception, broken)
