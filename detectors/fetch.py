"""Downloads of models: the only file of this room that opens a socket.

What arrived of a broken download stays beside the target as `.part` and is continued; the target is never half there.
"""

import hashlib
import socket
import threading
from collections.abc import Callable
from pathlib import Path
from urllib.request import getproxies

import httpx

from detectors.errors import DownloadError, ModelError
from detectors.manifest import Manifest

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
            _receive(manifest.url, part, size_bytes=manifest.size_bytes, on_progress=on_progress)
        got = hashlib.sha256(part.read_bytes()).hexdigest()
        if got != manifest.sha256:
            part.unlink()
            raise ModelError(f"{manifest.url}: expected sha256 {manifest.sha256}, got {got}")
        part.replace(target)
    except OSError as err:
        raise DownloadError(f"{target}: {err.strerror or err}") from err


def _receive(url: str, part: Path, *, size_bytes: int, on_progress: Progress) -> None:
    have = _size(part)
    headers = {"Accept-Encoding": "identity", **({"Range": f"bytes={have}-"} if have else {})}
    timeout = httpx.Timeout(READ_S, connect=CONNECT_S)
    try:
        _await_name(httpx.URL(url).host)
        with httpx.stream("GET", url, headers=headers, timeout=timeout, follow_redirects=True) as response:
            response.raise_for_status()
            continued = response.headers.get("Content-Range", "").startswith(f"bytes {have}-")
            done = have if response.status_code == httpx.codes.PARTIAL_CONTENT and continued else 0
            with part.open("ab" if done else "wb") as file:
                for chunk in response.iter_raw():
                    done += len(chunk)
                    if done > size_bytes:
                        break
                    file.write(chunk)
                    on_progress(done, size_bytes)
    except httpx.HTTPStatusError as err:
        if err.response.status_code == httpx.codes.REQUESTED_RANGE_NOT_SATISFIABLE:
            part.unlink()
        raise DownloadError(f"{url}: expected the file, got HTTP {err.response.status_code}") from err
    except (httpx.HTTPError, httpx.InvalidURL) as err:
        raise DownloadError(f"{url}: {str(err) or type(err).__name__}") from err
    if done > size_bytes:
        part.unlink()
        raise ModelError(f"{url}: expected {size_bytes} bytes, got more")
    if done < size_bytes:
        raise DownloadError(f"{url}: expected {size_bytes} bytes, got {done}; another try continues there")


def _await_name(host: str) -> None:
    """A resolver that is cut off gives up after half a minute and takes no time-out; a proxy resolves by itself."""
    if getproxies():
        return
    failures: list[OSError] = []

    def resolve() -> None:
        try:
            socket.getaddrinfo(host, None)
        except OSError as err:
            failures.append(err)

    asking = threading.Thread(target=resolve, name="resolve", daemon=True)
    asking.start()
    asking.join(CONNECT_S)
    if asking.is_alive() or failures:
        why = failures[0].strerror if failures else f"no answer within {CONNECT_S:g} s"
        raise DownloadError(f"{host}: the name was not resolved: {why}")


def _size(path: Path) -> int:
    return path.stat().st_size if path.is_file() else 0
