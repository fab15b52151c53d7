"""A recording of which only the packets matter: gravel that shifts, encoded once and then repeated."""

from fractions import Fraction
from pathlib import Path

import av
import numpy as np


def write_gravel(
    path: Path,
    frames: int,
    *,
    size_px: tuple[int, int],
    frames_per_s: int,
    stone_px: int,
    pictures: int,
    pictures_a_key: int,
    seed: int = 1,
) -> None:
    """H.264. `pictures` are encoded, of which each `pictures_a_key`-th is a key frame, and then repeated."""
    chance = np.random.default_rng(seed)
    width_px, height_px = size_px
    stones = chance.integers(90, 160, (-(-height_px // stone_px), -(-width_px // stone_px)), np.uint8)
    grain = stones.repeat(stone_px, axis=0).repeat(stone_px, axis=1)[:height_px, :width_px]
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=frames_per_s)
        stream.width, stream.height, stream.pix_fmt = width_px, height_px, "yuv420p"
        stream.gop_size, stream.max_b_frames = pictures_a_key, 0
        stream.options = {"crf": "38", "preset": "ultrafast"}
        loop = []
        for index in range(pictures):
            shifted = np.roll(grain, 3 * index, axis=1)
            picture = av.VideoFrame.from_ndarray(np.repeat(shifted[:, :, None], 3, axis=2), format="bgr24")
            picture.time_base, picture.pts = Fraction(1, frames_per_s), index
            loop += stream.encode(picture)
        loop += stream.encode(None)
        pieces = [(bytes(packet), packet.is_keyframe) for packet in loop]
        for index in range(frames):
            content, is_key = pieces[index % pictures]
            packet = av.Packet(content)
            packet.stream, packet.time_base, packet.is_keyframe = stream, Fraction(1, frames_per_s), is_key
            packet.pts = packet.dts = index
            container.mux(packet)
