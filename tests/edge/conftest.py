"""A small real video, made on the spot, and logging as it was."""

from collections.abc import Callable, Iterator
from pathlib import Path

import av
import numpy as np
import pytest
import structlog

MakeVideo = Callable[..., Path]


@pytest.fixture(autouse=True)
def _own_logging() -> Iterator[None]:
    """`main` sets up logging to a stderr that ends with the test."""
    yield
    structlog.reset_defaults()


@pytest.fixture(scope="session")
def make_video(tmp_path_factory: pytest.TempPathFactory) -> MakeVideo:
    """A bright square that moves 4 px a frame from (8, 8) to the right; `name` chooses the container."""

    def make(name: str = "square.mp4", *, frames: int = 20, fps: int = 10, **options: str) -> Path:
        path = tmp_path_factory.mktemp("video") / name
        with av.open(str(path), "w", options=options) as container:
            stream = container.add_stream("libx264" if path.suffix != ".avi" else "mpeg4", rate=fps)
            stream.width, stream.height, stream.pix_fmt = 160, 120, "yuv420p"
            stream.gop_size = 5
            for index in range(frames):
                image = np.zeros((120, 160, 3), np.uint8)
                image[8:40, 8 + 4 * index : 40 + 4 * index] = 255
                frame = av.VideoFrame.from_ndarray(image, format="bgr24")
                container.mux(stream.encode(frame))
            container.mux(stream.encode())
        return path

    return make
