"""Pictures of a page as a person sees it: python docs/screenshot.py URL FILE.png@SECONDS [FILE.png@SECONDS ...]

Debian's chromium in real time (a page with a WebSocket needs that), by Playwright of the extra `dev`.
"""

import argparse
import json
from pathlib import Path

from sim.chromium import open_browser, what_is_missing


def pictures(url: str, shots: dict[Path, float], *, width: int, height: int, kept: dict[str, str]) -> None:
    """kept: what the page finds in its local storage."""
    missing = what_is_missing()
    if missing is not None:
        raise SystemExit(f"screenshot: expected {missing}")
    with open_browser() as browser:
        page = browser.new_context(viewport={"width": width, "height": height}).new_page()
        page.on("pageerror", lambda error: print(f"the page says: {error}"[:400]))
        page.on("console", lambda said: print(f"the page says: {said.text}"[:400]) if said.type == "error" else None)
        page.add_init_script(f"Object.assign(localStorage, {json.dumps(kept)})")
        page.goto(url)
        waited_s = 0.0
        for file, at_s in sorted(shots.items(), key=lambda shot: shot[1]):
            page.wait_for_timeout((at_s - waited_s) * 1000.0)
            waited_s = at_s
            page.screenshot(path=file)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("url")
    parser.add_argument("shots", nargs="+", metavar="FILE.png@SECONDS")
    parser.add_argument("--width", type=int, default=1440)
    parser.add_argument("--height", type=int, default=900)
    parser.add_argument("--theme", choices=("light", "dark"), default="dark")
    parser.add_argument("--language", choices=("en", "de"), default="en")
    given = parser.parse_args()
    shots = {Path(shot.rpartition("@")[0]): float(shot.rpartition("@")[2]) for shot in given.shots}
    # The console asks for a name once; here it is already known.
    kept = {"vedette.name": "ines.karlsson", "vedette.theme": given.theme, "vedette.language": given.language}
    pictures(given.url, shots, width=given.width, height=given.height, kept=kept)


if __name__ == "__main__":
    main()
