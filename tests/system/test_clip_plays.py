"""A clip of the node plays in a real browser, from its first picture to its last."""

import json
import queue
import shutil
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from contract.evidence import EvidenceKind
from edge.area import PrivacyMask
from tests.conftest import need
from tests.edge.footage.kept import film_yard, play

pytestmark = pytest.mark.system
FLAGS = (
    "--headless=new --no-sandbox --disable-gpu --no-first-run --disable-background-networking --disable-sync "
    "--disable-component-update --autoplay-policy=no-user-gesture-required"
)
PAGE = b"""<!doctype html><video id=v muted></video><script>
const v = document.getElementById("v");
const say = (how) => fetch("/said", {method: "POST", body: JSON.stringify({
  how, duration_s: v.duration, at_s: v.currentTime, width: v.videoWidth, height: v.videoHeight,
  pictures: v.getVideoPlaybackQuality().totalVideoFrames, error: v.error && v.error.message})});
v.onended = () => say("ended");
v.onerror = () => say("error");
v.playbackRate = 4;
fetch("/clip").then((answer) => answer.blob()).then((clip) => { v.src = URL.createObjectURL(clip); return v.play(); })
  .catch(() => say("refused"));
</script>"""


@contextmanager
def serving(clip: Path) -> Iterator[tuple[str, "queue.Queue[dict[str, object]]"]]:
    """The page and its clip, on loopback; what the page says comes into the queue."""
    said: queue.Queue[dict[str, object]] = queue.Queue()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            is_clip = self.path == "/clip"
            self.send_response(200)
            self.send_header("Content-Type", "video/mp4" if is_clip else "text/html")
            self.end_headers()
            self.wfile.write(clip.read_bytes() if is_clip else PAGE)

        def do_POST(self) -> None:
            said.put(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
            self.send_response(204)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/", said
    finally:
        server.shutdown()
        thread.join(5)
        server.server_close()


def played_in_chromium(clip: Path, profile: Path) -> dict[str, object]:
    """What the page said at the end."""
    chromium = shutil.which("chromium")
    need(chromium, "chromium")
    assert chromium is not None
    with serving(clip) as (url, said):
        browser = subprocess.Popen(
            [chromium, *FLAGS.split(), f"--user-data-dir={profile}", url], stderr=subprocess.DEVNULL
        )
        try:
            return said.get(timeout=60)
        finally:
            browser.terminate()
            browser.wait(10)


@pytest.mark.parametrize("masked", [False, True], ids=["as it came", "masked"])
def test_a_clip_plays_in_chromium_from_its_first_picture_to_its_last(tmp_path: Path, masked: bool) -> None:
    window = PrivacyMask(id="window", image_px=((0, 0), (100, 0), (100, 100), (0, 100)))
    played = play(tmp_path, film_yard(tmp_path / "yard.mp4"), masks=(window,) if masked else ())
    manifest = played.of(EvidenceKind.CLIP)
    assert manifest.plays_in_browser
    said = played_in_chromium(played.file(EvidenceKind.CLIP), tmp_path / "profile")
    assert (said["how"], said["error"]) == ("ended", None)
    assert (said["width"], said["height"]) == (640, 480)
    length_s = (manifest.end_us - manifest.start_us) / 1e6
    assert said["duration_s"] == pytest.approx(length_s, abs=0.25)  # and how long the last picture stands
    assert isinstance(said["pictures"], int)
    assert said["pictures"] > 10
