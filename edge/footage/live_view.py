"""Live pictures for people, over a connection of its own that the node dials: nothing is sent while nobody watches.

    ring (packets) or judged frames -> a backlog for each camera -> one WebSocket -> coordinator

A browser that plays no video gets stills, which are encoded on this thread: the detecting one leaves a reference.

The coordinator says which cameras are watched. A camera begins at its newest key frame; what a slow link does not take
within LATE_US is thrown away up to the next one. Reading and detecting threads leave references here and never wait.
"""

import random
import threading
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from socket import IPPROTO_TCP, TCP_NOTSENT_LOWAT

import anyio
import anyio.to_thread
import structlog
from websockets.asyncio.client import ClientConnection
from websockets.exceptions import ConnectionClosed, WebSocketException

from contract.clock import Clock
from contract.envelope import Origin
from contract.errors import ContractError
from contract.live import (
    JPEG,
    MAX_WORD_BYTES,
    SPEAKS,
    STILLS,
    Backlog,
    Offer,
    Offered,
    PictureHead,
    WatchStills,
    pack,
    read_word,
)
from contract.site import CameraPose
from detectors.frame import Frame, ImageBgr
from edge.footage.clip import CLIP_ERRORS
from edge.footage.live_picture import FRAMES_US, Encoder, Passed, fitting, jpeg_of
from edge.footage.recording import View
from edge.footage.ring import Cut, Reel, StoredPacket
from edge.link.coordinator import Coordinator
from edge.pipeline import StepResult

MAX_BACKLOG_BYTES = 8_000_000  # of one camera: a group of pictures of 4K
NEWEST_US = 2**62
PATH = f"/api/v1/nodes/live?{SPEAKS}={STILLS}"
LOOK_S = 0.02  # at the rings, while somebody watches
OFFER_S = 1.0
SEND_S = 30.0  # a key frame of 1 MB at 300 kbit/s
FIRST_BACK_OFF_S, LONGEST_BACK_OFF_S = 0.5, 10.0
UNSENT_BYTES = 65_536
REFUSED = 1008  # RFC 6455, 7.4.1
LINK_ERRORS = (OSError, WebSocketException, TimeoutError)
log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class LiveFigures:
    """Of one camera, since the node started. dropped: pictures that the link was too slow for."""

    camera: str
    is_watched: bool
    sent: int
    sent_bytes: int
    dropped: int


@dataclass(frozen=True, slots=True)
class _Judged:
    """A frame as it was left by the detecting thread."""

    image: ImageBgr
    captured_at_us: int
    taken_at_us: int
    poses: Sequence[CameraPose]


class LiveCamera:
    """One camera. `saw` is the detecting thread's; everything else belongs to one other. `is_stills`: JPEG of judged
    frames, whatever the camera sends."""

    def __init__(self, view: View, clock: Clock, *, is_stills: bool = False) -> None:
        self.view = view
        self._clock = clock
        self._is_stills = is_stills
        self.is_watched = False
        self.codec: str | None = None
        self.sent = self.sent_bytes = 0
        self._dropped_before = 0
        self._backlog = Backlog(max_bytes=MAX_BACKLOG_BYTES)
        self._newest: _Judged | None = None
        self._next_us = 0  # when another frame may be encoded; monotonic
        self._encoder: Encoder | None = None
        self._reel: Reel | None = None  # the one that was looked at last
        self._passed: Passed | None = None
        self._cut: Cut | None = None
        self._number = 0  # of reels and encoders
        self._ahead_us: int | None = None  # of our clock before a recording's
        self._fault = ""

    def saw(self, result: StepResult, frame: Frame) -> None:
        """Keeps a reference to the newest frame, while somebody watches."""
        if not self.is_watched:
            return
        poses = [pose for pose in (self.view.pose or result.pose,) if pose is not None]
        at_us = result.captured_at_us
        self._newest = _Judged(frame.image_bgr, at_us, self._taken_us(at_us), poses)

    def watch(self, *, is_wanted: bool) -> None:
        """From the newest key frame on; or no more."""
        self.is_watched = False
        self._dropped_before += self._backlog.dropped
        self._backlog = Backlog(max_bytes=MAX_BACKLOG_BYTES)
        self._newest = self._encoder = None
        self._let_go()
        self.is_watched = is_wanted

    def offered(self) -> Offered:
        """What it sends now."""
        self._look_at_reel()
        return Offered(camera=self.view.camera, codec=self.codec, is_masked=self.view.mask is not None)

    def figures(self) -> LiveFigures:
        dropped = self._dropped_before + self._backlog.dropped
        return LiveFigures(self.view.camera, self.is_watched, self.sent, self.sent_bytes, dropped)

    def next(self) -> bytes | None:
        """The next message that is due; None while there is none."""
        if not self.is_watched:
            return None
        try:
            self._look_at_reel()
            if self._passed is not None:
                self._pass_on(self._passed)
            else:
                self._encode()
        except CLIP_ERRORS as err:
            if str(err) != self._fault:
                self._fault = str(err)
                log.warning("no live picture", camera=self.view.camera, reason=self._fault)
        return self._backlog.take()

    def was_sent(self, message: bytes) -> None:
        self.sent += 1
        self.sent_bytes += len(message)

    def _look_at_reel(self) -> None:
        """Another opening of the feed may have another codec."""
        if self._is_stills:
            return
        ring = self.view.ring
        reel = None if ring is None else ring.reel
        if reel is self._reel or reel is None or self.view.mask is not None:
            return
        self._reel = reel
        self._let_go()
        try:
            self._passed = Passed(reel)
        except CLIP_ERRORS:
            self._passed = None
        self._ahead_us = None
        self._number += 1
        self.codec = JPEG if self._passed is None else self._passed.codec

    def _pass_on(self, passed: Passed) -> None:
        """What came since the last time, as it came."""
        cut = self._current_cut()
        if cut is None:
            return
        packets = cut.take()
        if packets:
            ahead_us = self._clock.wall_us() - max(packet.captured_at_us for packet in packets)
            self._ahead_us = ahead_us if self._ahead_us is None else min(self._ahead_us, ahead_us)
        for packet in packets:
            try:
                picture = passed.annex_b(packet)
            except CLIP_ERRORS:  # as in the pipeline: a packet that makes no sense is passed over
                self._backlog.skip()
                continue
            self.codec = passed.codec
            self._put(picture, packet.captured_at_us, self._packet_taken_us(packet), is_key=packet.is_key)

    def _current_cut(self) -> Cut | None:
        ring = self.view.ring
        assert ring is not None
        if self._cut is not None and self._cut.is_over and ring.is_running:
            self._let_go()  # it was too slow: on from the newest key frame
        if self._cut is None and (ring.is_running or self.view.origin is Origin.LIVE):
            self._cut = ring.cut(NEWEST_US)
        return self._cut

    def _let_go(self) -> None:
        if self._cut is not None:
            self._cut.close()
            self._cut = None

    def _packet_taken_us(self, packet: StoredPacket) -> int:
        """A recording's pictures came when its newest did, less what lies between the two."""
        if self.view.origin is Origin.LIVE or self._ahead_us is None:
            return packet.captured_at_us
        return packet.captured_at_us + self._ahead_us

    def _taken_us(self, captured_at_us: int) -> int:
        return captured_at_us if self.view.origin is Origin.LIVE else self._clock.wall_us()

    def _encode(self) -> None:
        """The newest judged frame, where one is due."""
        judged, now_us = self._newest, self._clock.monotonic_us()
        if judged is None or now_us < self._next_us:
            return
        self._newest, self._next_us = None, now_us + FRAMES_US
        image, mask = fitting(judged.image), self.view.mask
        shown = image if mask is None else mask.painted(image, judged.poses)
        if mask is None or self._is_stills:
            self.codec = JPEG
            picture, is_key = jpeg_of(shown), True
        else:
            height_px, width_px = shown.shape[:2]
            if self._encoder is None or self._encoder.size_px != (width_px, height_px):
                self._encoder, self._number = Encoder(width_px, height_px), self._number + 1
            picture, is_key = self._encoder.encoded(shown, judged.captured_at_us)
            self.codec = self._encoder.codec
        self._put(picture, judged.captured_at_us, judged.taken_at_us, is_key=is_key)

    def _put(self, picture: bytes, captured_at_us: int, taken_at_us: int, *, is_key: bool) -> None:
        if not picture or not self.codec:
            self._backlog.skip()
            return
        head = PictureHead(
            camera=self.view.camera,
            codec=self.codec,
            is_key=is_key,
            reel=self._number,
            captured_at_us=captured_at_us,
            taken_at_us=taken_at_us,
            origin=self.view.origin,
            is_masked=self.view.mask is not None,
        )
        self._backlog.put(pack(head, picture), is_key=is_key, now_us=self._clock.monotonic_us())


class LiveView:
    """All cameras of a node; `saw` is a Keep of the lookout."""

    def __init__(self, views: Sequence[View], coordinator: Coordinator, *, clock: Clock, chance: random.Random) -> None:
        self._cameras = {view.camera: LiveCamera(view, clock) for view in views}  # exchanged whole
        self._stills = {view.camera: LiveCamera(view, clock, is_stills=True) for view in views}  # so is this
        self._clock = clock
        self._coordinator = coordinator
        self._chance = chance
        self._offer: Offer | None = None
        self._heard = anyio.Event()  # a word of the coordinator
        self.is_joined = False

    def saw(self, camera: str, result: StepResult, frame: Frame | None) -> None:
        if frame is not None:
            self._cameras[camera].saw(result, frame)
            self._stills[camera].saw(result, frame)

    def replace(self, gone: Collection[str], views: Iterable[View]) -> None:
        """Between two frames: the cameras in `gone` were closed, those of `views` begin; who watched one goes on."""
        cameras = {name: camera for name, camera in self._cameras.items() if name not in gone}
        stills = {name: camera for name, camera in self._stills.items() if name not in gone}
        for view in views:
            for now, before, is_stills in ((cameras, self._cameras, False), (stills, self._stills, True)):
                camera, was = LiveCamera(view, self._clock, is_stills=is_stills), before.get(view.camera)
                camera.watch(is_wanted=was is not None and was.is_watched)
                now[view.camera] = camera
        self._stills, self._cameras = stills, cameras

    @property
    def figures(self) -> tuple[LiveFigures, ...]:
        """Any thread may ask."""
        pairs = [(camera.figures(), self._stills[name].figures()) for name, camera in self._cameras.items()]
        return tuple(
            LiveFigures(
                video.camera,
                is_watched=video.is_watched or stills.is_watched,
                sent=video.sent + stills.sent,
                sent_bytes=video.sent_bytes + stills.sent_bytes,
                dropped=video.dropped + stills.dropped,
            )
            for video, stills in pairs
        )

    @property
    def _all(self) -> tuple[LiveCamera, ...]:
        return (*self._cameras.values(), *self._stills.values())

    def run(self, stop: threading.Event) -> None:
        """Until `stop` is set."""
        anyio.run(self._run, stop)

    async def _run(self, stop: threading.Event) -> None:
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(self._stay_joined)
            await anyio.to_thread.run_sync(stop.wait, abandon_on_cancel=True)
            tasks.cancel_scope.cancel()

    async def _stay_joined(self) -> None:
        back_off_s, told = FIRST_BACK_OFF_S, ""
        while True:
            reason, is_refused = await self._join()
            if self.is_joined:
                self.is_joined, back_off_s, told = False, FIRST_BACK_OFF_S, ""
            if is_refused:
                back_off_s = LONGEST_BACK_OFF_S
            if not told:
                told = reason
                log.warning("live view away", reason=reason)
            await anyio.sleep(back_off_s * self._chance.uniform(0.5, 1.0))
            back_off_s = min(back_off_s * 2, LONGEST_BACK_OFF_S)

    async def _join(self) -> tuple[str, bool]:
        """One connection; why it is over, and whether the coordinator will say no again."""
        try:
            async with self._coordinator.websocket(PATH, max_bytes=MAX_WORD_BYTES, silent_s=SEND_S) as socket:
                _keep_short(socket)
                try:
                    await self._talk(socket)
                finally:
                    with anyio.CancelScope(shield=True):
                        await socket.close()
                reason = socket.close_reason or f"code {socket.close_code}"
                return f"the connection is closed: {reason}", socket.close_code == REFUSED
        except LINK_ERRORS as err:
            return str(err) or type(err).__name__, False
        finally:
            for camera in self._all:
                camera.watch(is_wanted=False)

    async def _talk(self, socket: ClientConnection) -> None:
        """Until the connection breaks."""
        self._offer = None
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(self._send, socket, tasks.cancel_scope)
            try:
                async for message in socket:
                    self._hear(message)
            except ContractError as err:
                log.warning("live view: not understood", reason=str(err))
            except ConnectionClosed:
                pass  # why, the socket knows
            tasks.cancel_scope.cancel()

    def _hear(self, message: str | bytes) -> None:
        """Raises ContractError."""
        word = read_word(message if isinstance(message, str) else "")
        if isinstance(word, Offer) or word.camera not in self._cameras:
            raise ContractError(f"expected to hear of a camera of this node, got {str(message)[:80]}")
        asked = self._stills if isinstance(word, WatchStills) else self._cameras
        asked[word.camera].watch(is_wanted=word.is_wanted)
        self._heard.set()

    async def _send(self, socket: ClientConnection, scope: anyio.CancelScope) -> None:
        """One picture of each camera in turn, so that none waits for all of another's."""
        try:
            while True:
                await self._tell_offer(socket)
                is_idle = True
                for camera in self._all:
                    message = camera.next()
                    if message is not None:
                        is_idle = False
                        with anyio.fail_after(SEND_S):
                            await socket.send(message)
                        camera.was_sent(message)
                if is_idle:
                    await self._rest()
        except (ConnectionClosed, TimeoutError, OSError):
            scope.cancel()

    async def _rest(self) -> None:
        is_watched = any(camera.is_watched for camera in self._all)
        self._heard = anyio.Event()
        with anyio.move_on_after(LOOK_S if is_watched else OFFER_S):
            await self._heard.wait()

    async def _tell_offer(self, socket: ClientConnection) -> None:
        offer = Offer(cameras=tuple(camera.offered() for camera in self._cameras.values()))
        if offer != self._offer:
            self._offer = offer
            await socket.send(offer.model_dump_json())
            if not self.is_joined:
                self.is_joined = True
                log.info("live view joined", cameras=len(self._cameras))


def _keep_short(socket: ClientConnection) -> None:
    """What the kernel takes and cannot send would be old when it arrives."""
    raw = socket.transport.get_extra_info("socket")
    if raw is not None:
        raw.setsockopt(IPPROTO_TCP, TCP_NOTSENT_LOWAT, UNSENT_BYTES)
