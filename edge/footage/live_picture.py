"""Pictures for a browser out of what a node has anyway: packets as the camera sent them, or frames encoded anew.

Nothing here decodes. What a camera sends as H.264 or H.265 passes as it came, in Annex B; what it sends otherwise, and
whatever a mask covers, is made of frames that were judged.
"""

import io
from fractions import Fraction

import av
import cv2
import numpy as np
from av.bitstream import BitStreamFilterContext
from av.packet import Packet
from av.video.codeccontext import VideoCodecContext
from av.video.frame import PictureType, VideoFrame

from detectors.frame import ImageBgr
from edge.footage.clip import MASKED_FPS, MASKED_HEIGHT_PX, MILLISECOND
from edge.footage.ring import Reel, StoredPacket

PASSED = {"h264": "h264_mp4toannexb", "hevc": "hevc_mp4toannexb"}  # codec to what makes Annex B of it
START_CODE = b"\x00\x00\x01"
H264_SPS, HEVC_SPS = 7, 33  # types of sequence parameter sets: ISO/IEC 14496-10 table 7-1, 23008-2 table 7-1
FRAMES_US = 1_000_000 // MASKED_FPS
KEY_EACH_US = 2_000_000  # of what is encoded here: who lost pictures waits no longer
JPEG_QUALITY = 80


class Passed:
    """The packets of one reel, from a key frame on. Raises ValueError where they are not H.264 or H.265."""

    def __init__(self, reel: Reel) -> None:
        with av.open(io.BytesIO(reel.seed), format="nut") as seed:
            stream = seed.streams.video[0]
            self._name = stream.codec_context.name
            if self._name not in PASSED:
                raise ValueError(f"expected one of {', '.join(PASSED)}, got {self._name}")
            extra = stream.codec_context.extradata or b""
            self._parameters = extra if START_CODE in extra[:4] else b""
            self._filter = BitStreamFilterContext(PASSED[self._name], stream)
            first = next(seed.demux(stream))
            self.codec = ""  # as WebCodecs names it, of the newest key frame
            self.annex_b(StoredPacket(bytes(first), 0, 0, is_key=True, captured_at_us=0))

    def annex_b(self, packet: StoredPacket) -> bytes:
        """A key frame has its parameter sets before it. Raises FFmpegError for bytes that are none."""
        copy = Packet(packet.data)
        copy.pts, copy.dts, copy.is_keyframe = packet.pts, packet.dts, packet.is_key
        picture = b"".join(bytes(each) for each in self._filter.filter(copy))
        if packet.is_key:
            codec = codec_of(picture, self._name)
            if codec is None:
                picture = self._parameters + picture
                codec = codec_of(picture, self._name)
            self.codec = codec or self.codec
        return picture


def codec_of(picture: bytes, name: str) -> str | None:
    """What WebCodecs calls the codec of a key frame in Annex B; None where it has no sequence parameter set."""
    unit = _parameter_set(picture, name)
    if unit is None:
        return None
    plain = unit.replace(b"\x00\x00\x03", b"\x00\x00")  # emulation prevention
    if name == "h264":
        return f"avc1.{plain[1:4].hex().upper()}" if len(plain) > 4 else None
    return _hevc_codec(plain[3:15]) if len(plain) > 15 else None


def _parameter_set(picture: bytes, name: str) -> bytes | None:
    """The beginning of the sequence parameter set, with its header of one byte (H.264) or two (H.265)."""
    at = picture.find(START_CODE)
    while at >= 0:
        begin = at + len(START_CODE)
        unit = picture[begin : begin + 64]
        if unit and (unit[0] & 0x1F == H264_SPS if name == "h264" else unit[0] >> 1 & 0x3F == HEVC_SPS):
            return unit
        at = picture.find(START_CODE, begin)
    return None


def _hevc_codec(profile: bytes) -> str:
    """profile: the first 12 bytes of profile_tier_level; the words are those of ISO/IEC 14496-15 annex E."""
    space, tier, number = profile[0] >> 6, profile[0] >> 5 & 1, profile[0] & 0x1F
    compatible = int(f"{int.from_bytes(profile[1:5], 'big'):032b}"[::-1], 2)
    constraints = "".join(f".{byte:X}" for byte in profile[5:11].rstrip(b"\x00"))
    return f"hev1.{('', 'A', 'B', 'C')[space]}{number}.{compatible:X}.{'LH'[tier]}{profile[11]}{constraints}"


def fitting(image: ImageBgr) -> ImageBgr:
    """At most 720 lines, its sides even."""
    height_px, width_px = image.shape[:2]
    scale = min(1.0, MASKED_HEIGHT_PX / height_px)
    size = (max(round(width_px * scale) // 2 * 2, 2), max(round(height_px * scale) // 2 * 2, 2))
    return image if size == (width_px, height_px) else np.asarray(cv2.resize(image, size), np.uint8)


def jpeg_of(image: ImageBgr) -> bytes:
    """Raises ValueError for a picture that cannot be encoded."""
    done, encoded = cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY])
    if not done:
        raise ValueError("the picture cannot be encoded")
    return encoded.tobytes()


class Encoder:
    """Pictures of one size to H.264 in Annex B, each at once, with a key frame at least each KEY_EACH_US."""

    def __init__(self, width_px: int, height_px: int) -> None:
        self.size_px = (width_px, height_px)
        context = av.CodecContext.create("libx264", "w")
        assert isinstance(context, VideoCodecContext)
        context.width, context.height, context.pix_fmt = width_px, height_px, "yuv420p"
        context.time_base, context.framerate = MILLISECOND, Fraction(MASKED_FPS)
        context.thread_count = 1
        context.options = {"preset": "ultrafast", "tune": "zerolatency"}
        self._context = context
        self._began_us: int | None = None
        self._key_us = 0
        self.codec = ""  # as WebCodecs names it, of the newest key frame

    def encoded(self, image: ImageBgr, captured_at_us: int) -> tuple[bytes, bool]:
        """The picture and whether it is a key frame. Raises FFmpegError."""
        is_first = self._began_us is None
        began_us = self._began_us = captured_at_us if self._began_us is None else self._began_us
        frame = VideoFrame.from_ndarray(image, format="bgr24")
        frame.pts, frame.time_base = round((captured_at_us - began_us) / 1000), MILLISECOND
        if is_first or captured_at_us - self._key_us >= KEY_EACH_US:
            frame.pict_type, self._key_us = PictureType.I, captured_at_us
        packets = self._context.encode(frame)
        encoded, is_key = b"".join(bytes(each) for each in packets), any(each.is_keyframe for each in packets)
        self.codec = (codec_of(encoded, "h264") if is_key else None) or self.codec
        return encoded, is_key
