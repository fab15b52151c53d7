"""Live pictures from a node through the coordinator to a person's screen: WebSockets, the same bytes all the way.

A picture is one binary message: two bytes, big-endian, with the length of its head; the head, JSON in UTF-8; the
encoded picture. H.264 and H.265 are Annex B, in decoding order, with their parameter sets before each key frame, which
is what WebCodecs takes without a description. Words are text messages, JSON.
"""

from collections import deque
from typing import Annotated, Literal, TypeVar

from pydantic import Field, TypeAdapter, ValidationError

from contract.envelope import Origin
from contract.errors import ContractError
from contract.frozen import Frozen, Identifier, TimeUs

JPEG = "jpeg"
MAX_PICTURE_BYTES = 4_000_000  # of one message: a key frame of 4K at a good rate has some 1 MB
MAX_WORD_BYTES = 16_384
MAX_HEAD_BYTES = 1_024
MAX_CAMERAS = 64  # of one node
# What a node that knows WatchStills adds to the address it dials; without it, it is never sent one.
SPEAKS, STILLS = "speaks", "stills"
LATE_US = 2_000_000  # what waits longer for its link has no worth any more
LENGTH_BYTES = 2

Codec = Annotated[str, Field(pattern=r"^(jpeg|avc1\.[0-9A-F]{6}|hev1\.[0-9A-Za-z.]{1,40})$")]  # as WebCodecs names it


class PictureHead(Frozen):
    """What a message says of its picture.

    reel: counts the openings of the feed and the encoders of this connection; another one, another decoder.
    taken_at_us: when the picture came to the node, by the node's wall clock: what a delay is counted from, for
    recordings too, whose pictures were captured at another time.
    """

    camera: Identifier
    codec: Codec
    is_key: bool
    reel: Annotated[int, Field(ge=0)]
    captured_at_us: TimeUs
    taken_at_us: TimeUs
    origin: Origin
    is_masked: bool = False


def pack(head: PictureHead, picture: bytes) -> bytes:
    text = head.model_dump_json().encode()
    return len(text).to_bytes(LENGTH_BYTES, "big") + text + picture


def head_of(message: bytes) -> PictureHead:
    """Of one binary message. Raises ContractError."""
    if len(message) > MAX_PICTURE_BYTES:
        raise ContractError(f"expected a picture of at most {MAX_PICTURE_BYTES} bytes, got {len(message)}")
    end = LENGTH_BYTES + int.from_bytes(message[:LENGTH_BYTES], "big")
    if end > LENGTH_BYTES + MAX_HEAD_BYTES or end >= len(message):
        raise ContractError(
            f"expected a head of at most {MAX_HEAD_BYTES} bytes and a picture, got {len(message)} bytes"
        )
    try:
        return PictureHead.model_validate_json(message[LENGTH_BYTES:end])
    except ValidationError as err:
        raise ContractError(f"head of a picture: {_first(err)}") from err


class Offered(Frozen):
    """A camera whose pictures may be asked for. codec: None while its feed never gave a picture."""

    camera: Identifier
    codec: Codec | None = None
    is_masked: bool = False


class Offer(Frozen):
    """From a node: when it joined, and when something of it changed."""

    type: Literal["offer"] = "offer"
    cameras: Annotated[tuple[Offered, ...], Field(max_length=MAX_CAMERAS)]


class Watch(Frozen):
    """To a node: somebody looks at this camera, from the last key frame on; or nobody does any more."""

    type: Literal["watch"] = "watch"
    camera: Identifier
    is_wanted: bool


class WatchStills(Frozen):
    """To a node: somebody who can show nothing else wants JPEG of this camera, whatever its codec; or nobody any more.

    They come beside what a Watch asks for, a few a second.
    """

    type: Literal["watch_stills"] = "watch_stills"
    camera: Identifier
    is_wanted: bool


class Showing(Frozen):
    """To a person: what can be expected of the camera. now_us: the coordinator's wall clock; most_cameras: that it
    shows at once. asked_at_ms: of the Ask that this answers, by the asker's clock."""

    type: Literal["showing"] = "showing"
    camera: Identifier
    is_node_here: bool
    codec: Codec | None
    now_us: TimeUs
    most_cameras: Annotated[int, Field(ge=1)]
    asked_at_ms: int | None = None


class Ask(Frozen):
    """From a person, who wants to know how far apart the clocks are: the way there and back tells how well."""

    type: Literal["ask"] = "ask"
    asked_at_ms: Annotated[int, Field(ge=0, le=2**53)]


Word = Offer | Watch | WatchStills
Said = TypeVar("Said")
_WORD: TypeAdapter[Word] = TypeAdapter(Annotated[Word, Field(discriminator="type")])
_ASK = TypeAdapter(Ask)


def read_word(text: str) -> Word:
    """One text message between node and coordinator. Raises ContractError."""
    return _read(_WORD, "word", text, most=MAX_WORD_BYTES)


def read_ask(text: str) -> Ask:
    """What a person's page says. Raises ContractError."""
    return _read(_ASK, "question", text, most=MAX_HEAD_BYTES)


def _read(form: TypeAdapter[Said], what: str, text: str, *, most: int) -> Said:
    if len(text) > most:
        raise ContractError(f"expected a {what} of at most {most} characters, got {len(text)}")
    try:
        return form.validate_json(text)
    except ValidationError as err:
        raise ContractError(f"{what}: {_first(err)}") from err


class Backlog:
    """Messages of one camera that wait for one link. Once they are too many bytes, or the oldest waits longer than
    LATE_US, all go, and it begins anew at the next key frame. Times are monotonic."""

    def __init__(self, *, max_bytes: int) -> None:
        self._max_bytes = max_bytes
        self._waiting: deque[tuple[bytes, int]] = deque()
        self._bytes = 0
        self._is_waiting_for_key = True
        self.dropped = 0  # pictures

    def put(self, message: bytes, *, is_key: bool, now_us: int) -> None:
        if self._is_waiting_for_key and not is_key:
            self.dropped += 1
            return
        is_too_big = len(message) > MAX_PICTURE_BYTES or self._bytes + len(message) > self._max_bytes
        if self._waiting and (is_too_big or now_us - self._waiting[0][1] > LATE_US):
            self._give_up()
        if (self._is_waiting_for_key and not is_key) or len(message) > min(MAX_PICTURE_BYTES, self._max_bytes):
            self._is_waiting_for_key = True
            self.dropped += 1
            return
        self._is_waiting_for_key = False
        self._waiting.append((message, now_us))
        self._bytes += len(message)

    def skip(self) -> None:
        """A picture that cannot be had: what follows it cannot be shown before the next key frame."""
        self.dropped += 1
        self._is_waiting_for_key = True

    def take(self) -> bytes | None:
        """The next one; None when none waits."""
        if not self._waiting:
            return None
        message, _ = self._waiting.popleft()
        self._bytes -= len(message)
        return message

    def __len__(self) -> int:
        return len(self._waiting)

    def _give_up(self) -> None:
        self.dropped += len(self._waiting)
        self._waiting.clear()
        self._bytes = 0
        self._is_waiting_for_key = True


def _first(err: ValidationError) -> str:
    first = err.errors(include_url=False, include_input=False)[0]
    where = ".".join(str(part) for part in first["loc"]) or "message"
    return f"{where}: {first['msg']}"
