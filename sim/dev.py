"""`make dev`: the demo over and over, begun anew when the code changes, and the console with hot reload beside it.

Ends with Ctrl-C: each child leads a process group of its own, and the group is ended with it.
"""

import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
WATCHED = ("fleet", "contract", "edge", "sim")
LOOK_EACH_S = 1.0
STOP_TIMEOUT_S = 20.0
PORT = 8080  # where vite's proxy looks (fleet/console/vite.config.ts)


def newest_change_ns() -> int:
    return max(file.stat().st_mtime_ns for folder in WATCHED for file in (ROOT / folder).rglob("*.py"))


def begun(command: list[str], folder: Path) -> subprocess.Popen[bytes]:
    return subprocess.Popen(command, cwd=folder, start_new_session=True)  # noqa: S603 - our own commands


def ended(child: subprocess.Popen[bytes]) -> None:
    """As Ctrl-C does; by force when it does not listen."""
    if child.poll() is None:
        os.killpg(child.pid, signal.SIGINT)
        try:
            child.wait(STOP_TIMEOUT_S)
        except subprocess.TimeoutExpired:
            os.killpg(child.pid, signal.SIGKILL)
            child.wait()


def main() -> None:
    node = shutil.which("node")
    if node is None:
        raise SystemExit("make dev: expected node on the PATH (the Makefile puts it there)")
    console = ROOT / "fleet" / "console"
    demo_command = [sys.executable, "-m", "sim", "demo", "--port", str(PORT), "--headless", "--until-done"]
    vite = begun([node, str(console / "node_modules" / "vite" / "bin" / "vite.js")], console)
    demo = begun(demo_command, ROOT)
    seen_ns = newest_change_ns()
    try:
        while vite.poll() is None:
            time.sleep(LOOK_EACH_S)
            now_ns = newest_change_ns()
            if now_ns != seen_ns or demo.poll() is not None:
                seen_ns = now_ns
                ended(demo)
                demo = begun(demo_command, ROOT)
    except KeyboardInterrupt:
        pass
    finally:
        ended(demo)
        ended(vite)


if __name__ == "__main__":
    main()
