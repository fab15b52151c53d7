"""Another pipeline over the same clip, to compare with: ultralytics' own tracking, a process for each feed."""

import os
import subprocess
from contextlib import suppress
from pathlib import Path
from types import TracebackType

from detectors.licence import KEPT_QUIET, expect_shown
from edge.errors import SetUpError

SCRIPT = Path(__file__).parent / "peers" / "ultralytics_track.py"
END_S = 10.0


class Peer:
    """`python`: an interpreter that has ultralytics, which is under the AGPL and therefore not in ours; `cache`: where
    it is kept that its licence was shown."""

    def __init__(self, python: Path, video: Path, model: Path, *, feeds: int, cache: Path) -> None:
        """Raises ModelError before the licence was shown."""
        expect_shown(cache)
        self._command = [str(python), str(SCRIPT), str(video.absolute()), str(model.absolute())]
        self._feeds = feeds
        self._processes: list[subprocess.Popen[str]] = []

    def __enter__(self) -> "Peer":
        """Raises SetUpError when one of them does not come up."""
        try:
            for _ in range(self._feeds):
                self._processes.append(
                    subprocess.Popen(  # noqa: S603 - the interpreter that a person named
                        self._command,
                        stdin=subprocess.PIPE,
                        stdout=subprocess.PIPE,
                        stderr=subprocess.STDOUT,
                        text=True,
                        env={**os.environ, **KEPT_QUIET},
                    )
                )
            self._hear("ready")
        except (OSError, SetUpError) as err:
            self._end()
            raise SetUpError(f"{self._command[0]}: expected an interpreter with ultralytics: {err}") from err
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._end()

    def judge(self, frames: int) -> int:
        """At least so many frames, as many of each feed; how many. Raises SetUpError when one of them failed."""
        share = -(-frames // self._feeds)
        for process in self._processes:
            assert process.stdin is not None
            process.stdin.write(f"{share}\n")
            process.stdin.flush()
        self._hear("done")
        return share * self._feeds

    def _hear(self, word: str) -> None:
        """From all of them. What else they print is passed over, unless it was their last word."""
        for process in self._processes:
            assert process.stdout is not None
            said = "it ended without a word"
            for line in process.stdout:
                said = line.strip() or said
                if said == word:
                    break
            else:
                raise SetUpError(said)

    def _end(self) -> None:
        for process in self._processes:
            process.kill()
            with suppress(subprocess.TimeoutExpired):
                process.communicate(timeout=END_S)
