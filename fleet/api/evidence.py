"""Evidence over HTTP: nodes put files here piece by piece, people look at them.

Uploads resume after draft-ietf-httpbis-resumable-upload: HEAD tells `Upload-Offset` (bytes that are here) and
`Upload-Complete`; the rest is sent with the `Upload-Offset` at which it begins. The address is the file's sha256 and so
known before: PUT stands for the draft's POST and PATCH. A piece may break off anywhere; what came of it is kept.
"""

from collections.abc import AsyncIterator
from typing import Annotated, Any

import anyio
from fastapi import APIRouter, Depends, Header, Request, Response
from fastapi.responses import FileResponse
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect

from contract.evidence import MediaType
from contract.frozen import Sha256
from fleet.api.evidence_desk import told
from fleet.api.parts import Parts
from fleet.errors import NotFound
from fleet.records.auth import Role

SILENCE_S = 20.0  # of a node that sends; then its place is free again
PIECE_BYTES = 256 * 1024  # written at once
LARGEST = 2**53
Offset = Annotated[int, Header(alias="Upload-Offset", ge=0, lt=LARGEST)]
FILE_HEADERS = {
    "Content-Security-Policy": "default-src 'none'; sandbox",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cache-Control": "private, no-store",  # pictures of people
}
_ENDINGS = {MediaType.MP4: "mp4", MediaType.NUT: "nut", MediaType.JPEG: "jpg", MediaType.JSON_LINES: "jsonl"}
Answers = dict[int | str, dict[str, Any]]
_HEAD: Answers = {200: {"description": "How far the upload is"}}
_PUT: Answers = {
    200: {"description": "Taken; more is to come"},
    201: {"description": "Whole, and its sha256 is right"},
    408: {"description": "Nothing came for a while"},
    410: {"description": "It was here, and gave way"},
    507: {"description": "No room"},
}
_GET: Answers = {200: {"content": {media.value: {} for media in MediaType}}, 206: {"description": "A range of it"}}


def evidence_routes(parts: Parts) -> APIRouter:
    router = APIRouter()
    desk, guard = parts.evidence, parts.guard
    archive = desk.archive

    @router.get(
        "/evidence/{sha256}",
        dependencies=[Depends(guard.requires(Role.VIEWER))],
        response_class=FileResponse,
        responses=_GET,
    )
    async def get_evidence(sha256: Sha256) -> FileResponse:
        filed = archive.filed(sha256)
        if filed is None or not filed.is_here:
            where = "its node has it still" if filed is None else "it gave way"
            raise NotFound(f"evidence {sha256}: not here: {where}")
        path = archive.path(sha256)
        ending = _ENDINGS[filed.evidence.media_type]
        return FileResponse(
            path,
            media_type=filed.evidence.media_type.value,
            headers=FILE_HEADERS,
            filename=f"{filed.evidence.kind.value}-{sha256[:12]}.{ending}",
            stat_result=await desk.on_disk(path.stat),
            content_disposition_type="inline",
        )

    @router.head("/evidence/{sha256}", response_class=Response, responses=_HEAD)
    async def head_evidence(sha256: Sha256, node: Annotated[str, Depends(guard.node)]) -> Response:
        return Response(headers=told(*await desk.state(archive.wanted(node, sha256))))

    @router.put("/evidence/{sha256}", status_code=201, response_class=Response, responses=_PUT)
    async def put_evidence(
        request: Request, sha256: Sha256, upload_offset: Offset, node: Annotated[str, Depends(guard.node)]
    ) -> Response:
        wanted = archive.wanted(node, sha256)
        length = request.headers.get("content-length", "0")
        if not length.isdecimal() or int(length[:20]) > wanted.bytes - upload_offset:
            raise HTTPException(413, f"evidence {sha256}: expected {wanted.bytes} bytes, got more")
        there, is_whole = await desk.take(wanted, _pieces(request), offset=upload_offset)
        return Response(status_code=201 if is_whole else 200, headers=told(there, is_whole))

    return router


async def _pieces(request: Request) -> AsyncIterator[bytes]:
    """The body as it comes, and what came of it where it breaks off."""
    stream, held = request.stream().__aiter__(), bytearray()
    is_silent = False
    while True:
        try:
            with anyio.fail_after(SILENCE_S):
                held += await stream.__anext__()
        except TimeoutError:
            is_silent = True
            break
        except (StopAsyncIteration, ClientDisconnect):
            break
        if len(held) >= PIECE_BYTES:
            yield bytes(held)
            held.clear()
    if held:
        yield bytes(held)
    if is_silent:
        raise HTTPException(408, f"expected more of the body within {SILENCE_S:.0f} s")
