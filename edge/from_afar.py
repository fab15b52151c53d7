"""What of a configuration from the network is taken: it is hostile until it passed here.

Node, site id, data folder, broker and figures are the node's own file's. No secret comes over the wire: a feed names
the variable that holds its password, and only one that is meant for a camera, or a wrong address would be told any.
"""

import re
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from contract.configuration import DesiredConfiguration
from contract.documents import parse_object
from contract.site import Site
from edge.errors import SetUpError
from edge.settings import FeedSettings, WatchSettings

SCHEMES = ("gst+rtsp", "rtp", "rtsp", "rtsps", "udp", "v4l2")
PASSWORDS = "VEDETTE_CAMERA_"  # what a variable's name begins with that may be named from afar
_ADDRESS = re.compile(r"[!-~]{1,2000}")  # ASCII without spaces
_MODEL = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")


@dataclass(frozen=True, slots=True)
class Local:
    """What this node's own files say, and the folder that relative paths count from."""

    watch: WatchSettings
    site: Site
    folder: Path


def accepted(desired: DesiredConfiguration, local: Local) -> tuple[WatchSettings, Site]:
    """Raises DocumentError and SetUpError with one line; whether it can be opened is another question."""
    watch = parse_object(desired.settings, WatchSettings, source="settings")
    site = parse_object(desired.site, Site, source="site")
    if site.id != local.site.id:
        raise SetUpError(f"site: expected '{local.site.id}' as in the node's own file, got '{site.id}'")
    if watch.evidence.kept != local.watch.evidence.kept:
        raise SetUpError(f"evidence.kept: expected {local.watch.evidence.kept} as in the node's own file")
    _expect_registered("model.name", watch.model.name, known={local.watch.model.name})
    looks = {feed.appearance.model for feed in local.watch.feeds if feed.appearance is not None}
    known = {feed.password_env for feed in local.watch.feeds if feed.password_env is not None}
    for feed in watch.feeds:
        _expect_harmless(feed, local.folder)
        if feed.appearance is not None:
            _expect_registered(f"feed '{feed.camera}': appearance.model", feed.appearance.model, known=looks)
        name = feed.password_env
        if name is not None and name not in known and not name.startswith(PASSWORDS):
            raise SetUpError(f"feed '{feed.camera}': password_env: expected a name that begins with {PASSWORDS}")
    return watch, site


def _expect_registered(who: str, name: str | None, *, known: Collection[str | None]) -> None:
    """`known`: what the node's own file names, paths too."""
    if name is None or name in known:
        return
    if not _MODEL.fullmatch(name) or name.endswith((".onnx", ".engine")):
        raise SetUpError(f"{who}: expected the name of a model that somebody added, got a path")


def _expect_harmless(feed: FeedSettings, folder: Path) -> None:
    who = f"feed '{feed.camera}'"
    if "://" in feed.url:
        scheme = feed.url.partition("://")[0]
        if scheme not in SCHEMES or not _ADDRESS.fullmatch(feed.url):
            raise SetUpError(f"{who}: url: expected an address of {', '.join(SCHEMES)}, or a path")
        parts = urlsplit(feed.url)
        if parts.username is not None or parts.password is not None:
            raise SetUpError(f"{who}: url: expected user and password_env, got them in the address")
        if ".." in parts.path.split("/"):
            raise SetUpError(f"{who}: url: expected no '..' in an address")
    for key, path in _paths(feed):
        _expect_inside(path, folder, who=f"{who}: {key}")


def _paths(feed: FeedSettings) -> Iterator[tuple[str, str]]:
    if "://" not in feed.url:
        yield "url", feed.url
    if feed.detections is not None:
        yield "detections", feed.detections
    poses = feed.poses
    if poses.kind == "recorded":
        yield "pose", poses.file


def _expect_inside(path: str, folder: Path, *, who: str) -> None:
    """A file of the folder, also once links are followed."""
    try:
        found = (folder / path).resolve()
        is_there = found.is_relative_to(folder.resolve()) and found.is_file()
    except (OSError, ValueError, RuntimeError):  # too long, a NUL in it, a loop of links
        is_there = False
    if not is_there:
        raise SetUpError(f"{who}: expected a file in the folder of the node's configuration")
