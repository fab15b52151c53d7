"""What a console shows around the site's own plan: a photograph of the ground, and where the other sites are."""

import math
from pathlib import Path
from typing import Annotated
from urllib.parse import urlsplit

from PIL import Image, UnidentifiedImageError
from pydantic import Field, field_validator, model_validator

from contract.frozen import Frozen
from contract.geo import GeoPoint, LocalFrame
from fleet.broker_settings import is_loopback
from fleet.errors import SetUpError

MAX_PHOTO_BYTES = 50_000_000
MAX_PHOTO_PX = 8192  # a side: what browsers draw
MEDIA = {"JPEG": "image/jpeg", "PNG": "image/png", "WEBP": "image/webp"}


class Orthophoto(Frozen):
    """Seen straight from above; it lies under zones, fences and vehicles."""

    file: Annotated[Path, Field(description="JPEG, PNG or WebP, at most 8192 pixels a side and 50 MB")]
    corners: Annotated[
        tuple[GeoPoint, GeoPoint, GeoPoint, GeoPoint],
        Field(description="where its corners lie: top left, top right, bottom right, bottom left"),
    ]

    @model_validator(mode="after")
    def _is_a_rectangle_of_sorts(self) -> "Orthophoto":
        frame = LocalFrame(self.corners[0], ground_amsl_m=0.0)
        points = [frame.to_enu(corner) for corner in self.corners]
        turns = []
        for here, then, last in zip(points, [*points[1:], points[0]], [*points[2:], *points[:2]], strict=True):
            one = (then.east_m - here.east_m, then.north_m - here.north_m)
            other = (last.east_m - then.east_m, last.north_m - then.north_m)
            turns.append(one[0] * other[1] - one[1] * other[0])
        if not all(turn < 0.0 for turn in turns) or not math.isfinite(sum(turns)):
            raise ValueError("orthophoto: expected corners clockwise from the picture's top left, not crossed")
        return self


class OtherSite(Frozen):
    """A console of another coordinator; people sign in there by themselves."""

    name: Annotated[str, Field(min_length=1, max_length=80)]
    url: Annotated[str, Field(max_length=500, description="https; only loopback goes without")]

    @field_validator("url")
    @classmethod
    def _is_a_page(cls, url: str) -> str:
        parts = urlsplit(url)
        host = parts.hostname or ""
        if not host or parts.username or parts.scheme not in ("https", "http"):
            raise ValueError(f"expected https://HOST/, got '{url}'")
        if parts.scheme == "http" and not is_loopback(host):
            raise ValueError(f"expected https, got '{url}'; only loopback goes without")
        return url


class ConsoleSettings(Frozen):
    """What the console shows besides its own site."""

    orthophoto: Annotated[Orthophoto | None, Field(description="under the plan; none: the plan alone")] = None
    other_sites: Annotated[tuple[OtherSite, ...], Field(max_length=50, description="beside the site's name")] = ()


def media_type_of(photo: Orthophoto) -> str:
    """Raises SetUpError for what no browser would draw."""
    try:
        size = photo.file.stat().st_size
        if size > MAX_PHOTO_BYTES:
            raise SetUpError(f"orthophoto {photo.file}: expected at most {MAX_PHOTO_BYTES} bytes, got {size}")
        with Image.open(photo.file, formats=tuple(MEDIA)) as picture:
            if max(picture.size) > MAX_PHOTO_PX:
                width, height = picture.size
                raise SetUpError(
                    f"orthophoto {photo.file}: expected at most {MAX_PHOTO_PX} pixels a side, got {width}x{height}"
                )
            return MEDIA[str(picture.format)]
    except UnidentifiedImageError as err:
        raise SetUpError(f"orthophoto {photo.file}: expected a picture, JPEG, PNG or WebP") from err
    except (OSError, Image.DecompressionBombError) as err:
        raise SetUpError(f"orthophoto {photo.file}: {getattr(err, 'strerror', None) or err}") from err
