"""ByteTrack of `trackers` over recorded boxes, again and again; started by sim/benchmarks/tracking.py.

Runs by its path in an interpreter that has trackers (it wants an OpenCV that would overwrite ours) and need not have
Vedette. Says "ready", then for each line on stdin tracks everything once and says how many ms of processor time a
frame took.
"""

import sys
import time

import numpy as np


def main() -> None:
    import supervision  # type: ignore[import-not-found, unused-ignore]  # noqa: PLC0415 - not in our environment
    from trackers import ByteTrackTracker  # type: ignore[import-not-found, unused-ignore]  # noqa: PLC0415

    with np.load(sys.argv[1]) as boxes:
        xyxy, score, kind, ends = (boxes[name] for name in ("xyxy_px", "score", "class_index", "ends"))
    frames = [
        supervision.Detections(xyxy=xyxy[first:end], confidence=score[first:end], class_id=kind[first:end])
        for first, end in zip([0, *ends[:-1].tolist()], ends.tolist(), strict=True)
    ]
    print("ready", flush=True)
    for _ in sys.stdin:
        tracker = ByteTrackTracker()
        before_ns = time.process_time_ns()
        for found in frames:
            tracker.update(found)
        print((time.process_time_ns() - before_ns) / len(frames) / 1e6, flush=True)


if __name__ == "__main__":
    main()
