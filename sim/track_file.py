"""tracks.txt: what was followed, in MOTChallenge's rows.

frame,id,left,top,width,height,score,class,-1,-1: frames count from 1, pixels from 0, classes from 0 as COCO does.
"""

from collections.abc import Iterable
from typing import IO

from edge.perception.track import Track, TrackState

COASTED_US = 300_000  # half a step of a walking person; who is hidden for longer is followed, but not claimed


def shown(tracks: Iterable[Track], *, captured_at_us: int) -> list[Track]:
    """The tracks a person should see: believed, in the picture, and seen just now."""
    return [
        track
        for track in tracks
        if track.state is TrackState.CONFIRMED
        or (
            track.state is TrackState.COASTING
            and not track.is_away
            and captured_at_us - track.last_seen_us <= COASTED_US
        )
    ]


def write_tracks(file: IO[str], tracks: Iterable[Track], *, index: int) -> None:
    """The rows of the frame with this index, which counts from 0."""
    for track in tracks:
        left, top, right, bottom = track.xyxy_px
        file.write(
            f"{index + 1},{track.track_id},{left:.1f},{top:.1f},{right - left:.1f},{bottom - top:.1f},"
            f"{track.score:.4f},{track.class_index},-1,-1\n"
        )
