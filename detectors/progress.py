"""A download with a bar, for a person who waits."""

from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn, TransferSpeedColumn

from detectors.fetch import download
from detectors.manifest import Manifest
from detectors.registry import Downloader


def download_with_bar(console: Console) -> Downloader:
    """A Downloader that draws on `console`."""

    def fetch(manifest: Manifest, target: Path) -> None:
        columns = (
            TextColumn("{task.description}"),
            BarColumn(),
            DownloadColumn(),
            TransferSpeedColumn(),
            TimeRemainingColumn(),
        )
        with Progress(*columns, console=console, transient=True) as bar:
            task = bar.add_task(f"downloading {manifest.name}", total=manifest.size_bytes)
            download(manifest, target, on_progress=lambda done, total: bar.update(task, completed=done, total=total))

    return fetch
