"""A node's configuration as a whole: what the coordinator wants it to be, and what the node says it is.

Both are states and stay with the broker (retained). A node takes a whole new one or none of it, and never an older one.
"""

import hashlib
import json
from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import Field, model_validator

from contract.frozen import Frozen, Sha256, TimeUs
from contract.site import Site

Version = Annotated[int, Field(ge=1, lt=2**53)]  # given by the coordinator; each new configuration has a higher one
JsonObject = dict[str, Any]


class DesiredConfiguration(Frozen):
    """What a node should run. settings: what it watches, and how (edge/settings.py: WatchSettings); site: the site file
    as an object; sha256: `digest` of both."""

    type: Literal["desired"] = "desired"
    version: Version
    sha256: Sha256
    settings: JsonObject
    site: JsonObject

    @model_validator(mode="after")
    def _is_whole(self) -> "DesiredConfiguration":
        found = digest(settings=self.settings, site=self.site)
        if found != self.sha256:
            raise ValueError(f"configuration {self.version}: expected sha256 {self.sha256}, got {found}")
        return self


class ConfigurationRefused(Frozen):
    """A version that the node does not run, and why in one line."""

    version: Version
    reason: str
    at_us: TimeUs


class ReportedConfiguration(Frozen):
    """What a node runs. version, sha256: of the configuration that came from the coordinator; None: its own file.

    site_sha256: `site_digest` of its site. refused: the last one that it did not take, until it takes another.
    remark: what a person should know, such as a remembered configuration that could not be read.
    """

    type: Literal["reported"] = "reported"
    version: Version | None
    sha256: Sha256 | None
    site_sha256: Sha256
    since_us: TimeUs
    refused: ConfigurationRefused | None = None
    remark: str = ""


def desired_of(*, version: int, settings: Mapping[str, Any], site: Mapping[str, Any]) -> DesiredConfiguration:
    return DesiredConfiguration(
        version=version, sha256=digest(settings=settings, site=site), settings=dict(settings), site=dict(site)
    )


def digest(*, settings: Mapping[str, Any], site: Mapping[str, Any]) -> str:
    """sha256 of both, the same for equal objects however their keys are ordered. Raises ValueError for NaN."""
    return _sha256({"settings": settings, "site": site})


def site_digest(site: Site) -> str:
    """Equal where both sides work on one map. How vehicles are reached is the coordinator's alone, and left out."""
    apart = {"vehicles": {"__all__": {"connection"}}}
    return _sha256(site.model_dump(mode="json", exclude_defaults=True, exclude=apart))


def _sha256(value: object) -> str:
    text = json.dumps(value, sort_keys=True, separators=(",", ":"), allow_nan=False)
    return hashlib.sha256(text.encode(errors="surrogatepass")).hexdigest()
