"""Debian's Chromium without a screen, driven by Playwright; WebGL is drawn in software: a map costs what it is large.

Playwright brings no browser of its own here: what is tested is the one that the distribution keeps patched.
"""

import importlib.util
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

FLAGS = (
    "--no-sandbox",  # of a container, where root runs it
    "--use-gl=angle",
    "--use-angle=swiftshader",
    "--enable-unsafe-swiftshader",
    "--autoplay-policy=no-user-gesture-required",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-quic",
)
LOOK_EACH_MS = 20.0
START_WITHIN_MS = 90_000.0  # on a machine with much else to do


def what_is_missing() -> str | None:
    """For a browser to be opened, in words; None: nothing."""
    if shutil.which("chromium") is None:
        return "chromium (apt-get install chromium)"
    if importlib.util.find_spec("playwright") is None:
        return "playwright (pip install -e '.[dev]')"
    return None


@contextmanager
def open_browser() -> Iterator["Browser"]:
    """Until the block ends. Needs what `what_is_missing` names."""
    from playwright.sync_api import sync_playwright  # noqa: PLC0415 - of the extra `dev`

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=shutil.which("chromium"), args=list(FLAGS), timeout=START_WITHIN_MS
        )
        try:
            yield browser
        finally:
            browser.close()


def wait_for(page: "Page", expression: str, *, timeout_s: float) -> None:
    """Until it is true on the page. Playwright's own wait would have the page evaluate text, which its policy forbids.

    Raises TimeoutError.
    """
    for _ in range(round(timeout_s * 1000.0 / LOOK_EACH_MS)):
        if page.evaluate(expression):
            return
        page.wait_for_timeout(LOOK_EACH_MS)
    raise TimeoutError(f"not true on the page within {timeout_s:.0f} s: {expression}")
