"""`YOLO.track` of ultralytics over a recording again and again, for a measurement; started by edge/peer.py.

Runs by its path in an interpreter that has ultralytics (AGPL-3.0) and need not have Vedette. Says "ready", then for
each line "N" on stdin judges N frames and says "done".
"""

import sys
from collections.abc import Iterator
from typing import Any


def frames(video: str, model: str) -> Iterator[object]:
    from ultralytics import YOLO  # type: ignore[import-not-found, unused-ignore]  # noqa: PLC0415 - not in our environment

    network: Any = YOLO(model, task="detect")
    while True:
        yield from network.track(source=video, stream=True, persist=True, tracker="bytetrack.yaml", verbose=False)


def main() -> None:
    judged = frames(*sys.argv[1:3])
    next(judged)
    print("ready", flush=True)
    for line in sys.stdin:
        for _ in range(int(line)):
            next(judged)
        print("done", flush=True)


if __name__ == "__main__":
    main()
