"""Downloads of models: the only file of this room that opens a socket.

What arrived of a broken download stays beside the target as `.part` and is continued; the target is never half there.
"""

from collections.abc import Callable
from pathlib import Path
from threading import Event, Thread

import httpx

from detectors.errors import DetectorError, DownloadError, ModelError
from detectors.manifest import Manifest
from detectors.registry import sha256_of

CONNECT_S = 3.0  # one try, then the caller's fallback
READ_S = 10.0

Progress = Callable[[int, int], None]


def download(manifest: Manifest, target: Path, *, on_progress: Progress = lambda done, total: None) -> None:
    """Fetch a model to `target`: continued, checked, moved into place at once. `on_progress` gets bytes done, in all.

    Raises DownloadError when the address does not deliver, ModelError when what it delivers is something else.
    """
    if manifest.url is None:
        raise DownloadError(f"model '{manifest.name}': its manifest has no address to fetch it from")
    part = target.with_name(target.name + ".part")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        if _size(part) < manifest.size_bytes:
            _Transfer(manifest.url, part, size_bytes=manifest.size_bytes, on_progress=on_progress).run_in_time()
        got = sha256_of(part)
        if got != manifest.sha256:
            part.unlink()
            raise ModelError(f"{manifest.url}: expected sha256 {manifest.sha256}, got {got}")
        part.replace(target)
    except OSError as err:
        raise DownloadError(f"{target}: {err.strerror or err}") from err


class _Transfer:
    """One try, on a thread that can be left behind: httpx's time-outs bound neither a resolver that is cut off nor a
    peer that sends its answer byte by byte."""

    def __init__(self, url: str, part: Path, *, size_bytes: int, on_progress: Progress) -> None:
        self._url = url
        self._part = part
        self._size_bytes = size_bytes
        self._on_progress = on_progress
        self._moved, self._ended, self._left_behind = Event(), Event(), Event()
        self._failure: Exception | None = None

    def run_in_time(self) -> None:
        Thread(target=self._run, name="download", daemon=True).start()
        limit_s = CONNECT_S
        while not self._ended.is_set():
            if not self._moved.wait(limit_s):
                self._left_behind.set()
                raise DownloadError(f"{self._url}: no answer within {limit_s:g} s")
            self._moved.clear()
            limit_s = READ_S
        if self._failure:
            raise self._failure

    def _run(self) -> None:
        try:
            self._receive()
        except (DetectorError, OSError) as err:
            self._failure = err
        except (httpx.HTTPError, httpx.InvalidURL) as err:
            self._failure = DownloadError(f"{self._url}: {str(err) or type(err).__name__}")
        finally:
            self._ended.set()
            self._moved.set()

    def _receive(self) -> None:
        have = _size(self._part)
        headers = {"Accept-Encoding": "identity", **({"Range": f"bytes={have}-"} if have else {})}
        timeout = httpx.Timeout(READ_S, connect=CONNECT_S)
        with (
            httpx.Client(timeout=timeout, follow_redirects=True) as client,
            client.stream("GET", self._url, headers=headers, extensions={"trace": self._trace}) as response,
        ):
            if response.status_code == httpx.codes.REQUESTED_RANGE_NOT_SATISFIABLE:
                self._part.unlink()
            if not response.is_success:
                raise DownloadError(f"{self._url}: expected the file, got HTTP {response.status_code}")
            continued = response.headers.get("Content-Range", "").startswith(f"bytes {have}-")
            done = self._write(response, have if continued else 0)
        if done > self._size_bytes:
            self._part.unlink()
            raise ModelError(f"{self._url}: expected {self._size_bytes} bytes, got more")
        if done < self._size_bytes:
            raise DownloadError(
                f"{self._url}: expected {self._size_bytes} bytes, got {done}; another try continues there"
            )

    def _write(self, response: httpx.Response, done: int) -> int:
        with self._part.open("ab" if done else "wb") as file:
            for chunk in response.iter_raw():
                done += len(chunk)
                if done > self._size_bytes or self._left_behind.is_set():
                    break
                file.write(chunk)
                self._moved.set()
                self._on_progress(done, self._size_bytes)
        return done

    def _trace(self, event: str, _: object) -> None:
        """httpcore tells its steps."""
        if event.endswith("connect_tcp.complete"):
            self._moved.set()


def _size(path: Path) -> int:
    return path.stat().st_size if path.is_file() else 0
