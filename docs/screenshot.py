"""Pictures of a page as a person sees it: python docs/screenshot.py URL FILE.png@SECONDS [FILE.png@SECONDS ...]

Drives Debian's chromium over its own debugging protocol, in real time (a page with a WebSocket needs that).
"""

import argparse
import asyncio
import base64
import json
import shutil
import subprocess
import tempfile
from itertools import count
from pathlib import Path

import httpx
import websockets

FLAGS = (
    "--headless=new --no-sandbox --use-gl=angle --use-angle=swiftshader --enable-unsafe-swiftshader --hide-scrollbars "
    "--no-first-run --disable-background-networking --disable-component-update --disable-sync --disable-quic"
)


def pictures(
    url: str, shots: dict[Path, float], *, width: int, height: int, port: int, kept: dict[str, str] | None = None
) -> None:
    chromium = shutil.which("chromium")
    if chromium is None:
        raise SystemExit("screenshot: expected chromium on the PATH (apt-get install chromium)")
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as profile:
        arguments = [*FLAGS.split(), f"--remote-debugging-port={port}", f"--user-data-dir={profile}"]
        arguments += [f"--window-size={width},{height}", "about:blank"]
        browser = subprocess.Popen([chromium, *arguments], stderr=subprocess.DEVNULL)  # noqa: S603
        try:
            asyncio.run(_shoot(url, shots, port=port, size=(width, height), kept=kept or {}))
        finally:
            browser.terminate()
            browser.wait(10)


async def _shoot(url: str, shots: dict[Path, float], *, port: int, size: tuple[int, int], kept: dict[str, str]) -> None:
    async with websockets.connect(await _page(port), max_size=None) as socket:
        numbers = count(1)

        async def call(method: str, **parameters: object) -> dict[str, str]:
            number = next(numbers)
            await socket.send(json.dumps({"id": number, "method": method, "params": parameters}))
            while True:
                answer = json.loads(await socket.recv())
                if answer.get("method") in ("Runtime.exceptionThrown", "Log.entryAdded"):
                    print(f"the page says: {json.dumps(answer['params'])[:400]}")
                if answer.get("id") == number:
                    result: dict[str, str] = answer.get("result", {})
                    return result

        await call(
            "Emulation.setDeviceMetricsOverride", width=size[0], height=size[1], deviceScaleFactor=1, mobile=False
        )
        for domain in ("Page", "Runtime", "Log"):
            await call(f"{domain}.enable")
        # The console asks for a name once; here it is already known.
        choices = {"vedette.name": "ines.karlsson", **kept}
        script = "".join(f"localStorage.setItem({json.dumps(k)}, {json.dumps(v)});" for k, v in choices.items())
        await call("Page.addScriptToEvaluateOnNewDocument", source=script)
        await call("Page.navigate", url=url)
        waited_s = 0.0
        for file, at_s in sorted(shots.items(), key=lambda shot: shot[1]):
            await asyncio.sleep(at_s - waited_s)
            waited_s = at_s
            shot = await call("Page.captureScreenshot", format="png")
            await asyncio.to_thread(file.write_bytes, base64.b64decode(shot["data"]))


async def _page(port: int) -> str:
    """The debugging address of the first page, once the browser is up."""
    async with httpx.AsyncClient() as http:
        for _ in range(100):
            try:
                pages = (await http.get(f"http://127.0.0.1:{port}/json/list")).json()
            except httpx.HTTPError:
                await asyncio.sleep(0.1)
                continue
            return str(next(page["webSocketDebuggerUrl"] for page in pages if page["type"] == "page"))
    raise SystemExit("screenshot: chromium did not start")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("url")
    parser.add_argument("shots", nargs="+", metavar="FILE.png@SECONDS")
    parser.add_argument("--width", type=int, default=1440)
    parser.add_argument("--height", type=int, default=900)
    parser.add_argument("--port", type=int, default=9333)
    parser.add_argument("--theme", choices=("light", "dark"), default="dark")
    parser.add_argument("--language", choices=("en", "de"), default="en")
    given = parser.parse_args()
    shots = {Path(shot.rpartition("@")[0]): float(shot.rpartition("@")[2]) for shot in given.shots}
    kept = {"vedette.theme": given.theme, "vedette.language": given.language}
    pictures(given.url, shots, width=given.width, height=given.height, port=given.port, kept=kept)


if __name__ == "__main__":
    main()
