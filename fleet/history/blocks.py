"""How a stretch of history lies on disk: blocks that are read without each other, one gzip member each.

A file is a row of members, so `zcat` prints it as JSON lines. Each member says in its header's extra field (RFC 1952,
2.3.1.1; BGZF does the same) how long it is and which time it covers: that is the index, and it cannot disagree with
what it indexes. A member that is not whole is none.

    line 1   {"at_us": ..., "whole": {kind: {id: thing}}}
    then     {"at_us": ..., "changed": {kind: {id: thing, or null for one that is gone}}}
"""

import json
import struct
import zlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

Thing = Mapping[str, Any]  # plain JSON
Scene = Mapping[str, Mapping[str, Thing]]  # kind -> id -> thing
Frame = tuple[int, Scene]  # wall time in microseconds, and all that was

_LEVEL = 6
_HEAD = struct.Struct(
    "<4B I 2B H 2s H I q q"
)  # gzip's own, then the extra field: member's bytes, first and last moment
_TAIL = struct.Struct("<II")
_FIXED = bytes([0x1F, 0x8B, 8, 4])  # deflate, with an extra field
_EXTRA, _OURS, _LENGTH = 24, b"Vh", 20
HEAD_BYTES = _HEAD.size
json_of: Callable[[Any], str] = json.JSONEncoder(separators=(",", ":"), ensure_ascii=False, allow_nan=False).encode


@dataclass(frozen=True, slots=True)
class Place:
    """Of a block in its file. Both moments are of frames that are in it."""

    offset: int
    length: int
    from_us: int
    to_us: int


def encoded(frames: Sequence[Frame]) -> bytes:
    """One block of at least one frame, in order of time."""
    lines, before = [], None
    for at_us, scene in frames:
        told = {"whole": scene} if before is None else {"changed": _difference(before, scene)}
        lines.append(json_of({"at_us": at_us, **told}))
        before = scene
    text = "".join(line + "\n" for line in lines).encode()
    deflate = zlib.compressobj(_LEVEL, zlib.DEFLATED, -zlib.MAX_WBITS)
    body = deflate.compress(text) + deflate.flush()
    length = _HEAD.size + len(body) + _TAIL.size
    head = _HEAD.pack(*_FIXED, 0, 0, 255, _EXTRA, _OURS, _LENGTH, length, frames[0][0], frames[-1][0])
    return head + body + _TAIL.pack(zlib.crc32(text), len(text) & 0xFFFF_FFFF)


def decoded(block: bytes) -> Iterator[Frame]:
    """Its frames; each scene is the caller's until the next is asked for. Raises ValueError where it is damaged."""
    try:
        text = zlib.decompress(block, wbits=zlib.MAX_WBITS | 16)
    except zlib.error as err:
        raise ValueError(f"a block of history is damaged: {err}") from err
    scene: dict[str, dict[str, Thing]] = {}
    for line in text.splitlines():
        told = json.loads(line)
        if "whole" in told:
            scene = told["whole"]
        for kind, things in told.get("changed", {}).items():
            held = scene.setdefault(kind, {})
            for key, thing in things.items():
                if thing is None:
                    held.pop(key, None)
                else:
                    held[key] = thing
        yield told["at_us"], scene


def place_of(head: bytes, *, offset: int) -> Place | None:
    """What the first HEAD_BYTES of a block say; None: no block begins here."""
    if len(head) < _HEAD.size:
        return None
    *fixed, _, _, _, extra, ours, words, length, from_us, to_us = _HEAD.unpack(head[: _HEAD.size])
    if bytes(fixed) != _FIXED or (extra, ours, words) != (_EXTRA, _OURS, _LENGTH):
        return None
    if length < _HEAD.size + _TAIL.size or to_us < from_us:
        return None
    return Place(offset, length, from_us, to_us)


def next_beginning(data: bytes, offset: int) -> int:
    """Where a block may begin, at or behind `offset`; -1 for nowhere: the way past a damaged one."""
    return data.find(_FIXED, offset)


def _difference(before: Scene, now: Scene) -> dict[str, dict[str, Thing | None]]:
    changed: dict[str, dict[str, Thing | None]] = {}
    for kind in {**before, **now}:
        old, new = before.get(kind, {}), now.get(kind, {})
        told: dict[str, Thing | None] = {key: thing for key, thing in new.items() if old.get(key) != thing}
        told.update((key, None) for key in old if key not in new)
        if told:
            changed[kind] = told
    return changed
