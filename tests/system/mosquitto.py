"""The real mosquitto on a free loopback port, with the project's own configuration file or a plain one."""

import shutil
import socket
import subprocess
import time
from pathlib import Path

from sim.embedded_broker import free_port
from sim.mosquitto import find_mosquitto
from tests.conftest import ROOT, need

START_TIMEOUT_S = 5.0


class Mosquitto:
    """Start, kill as a crash would, start again: its configuration and its data stay in `folder`."""

    def __init__(self, folder: Path, *, certificates: Path | None = None) -> None:
        binary = find_mosquitto()
        need(binary, "the mosquitto binary (apt-get install mosquitto)")
        self._command = [str(binary), "-c", str(folder / "mosquitto.conf")]
        self._process: subprocess.Popen[bytes] | None = None
        self.port = free_port()
        (folder / "data").mkdir(exist_ok=True)
        text = self._plain(folder) if certificates is None else self._deployed(folder, certificates)
        (folder / "mosquitto.conf").write_text(text)

    def _plain(self, folder: Path) -> str:
        lines = [f"listener {self.port} 127.0.0.1", "allow_anonymous true", "persistence true", "user root"]
        return "\n".join([*lines, f"persistence_location {folder}/data/", "log_type none"]) + "\n"

    def _deployed(self, folder: Path, certificates: Path) -> str:
        """deploy/mosquitto/mosquitto.conf itself, with this machine's paths and port."""
        text = (ROOT / "deploy/mosquitto/mosquitto.conf").read_text()
        text = text.replace("listener 8883", f"listener {self.port} 127.0.0.1")
        text = text.replace("/mosquitto/certs/", f"{certificates}/")
        text = text.replace("/mosquitto/config/acl", str(folder / "acl"))
        text = text.replace("/mosquitto/data/", f"{folder}/data/")
        shutil.copy(ROOT / "deploy/mosquitto/acl", folder / "acl")
        (folder / "acl").chmod(0o600)
        return text + "user root\n"

    def start(self) -> None:
        self._process = subprocess.Popen(self._command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        deadline_s = time.monotonic() + START_TIMEOUT_S
        while time.monotonic() < deadline_s:
            try:
                socket.create_connection(("127.0.0.1", self.port), timeout=0.2).close()
            except OSError:
                time.sleep(0.02)
            else:
                return
        raise RuntimeError(f"mosquitto did not listen on {self.port} within {START_TIMEOUT_S} s")

    def kill(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None

    def __enter__(self) -> "Mosquitto":
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.kill()
