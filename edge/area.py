"""A place in a camera's view, drawn on the ground or in its picture."""

from typing import Annotated, ClassVar

from pydantic import Field, model_validator
from shapely.geometry import Polygon

from contract.frozen import Frozen, Identifier
from contract.geo import GeoPolygon
from contract.labels import Label


class DrawnArea(Frozen):
    """Drawn on the ground or, where the camera does not move, in its picture."""

    what: ClassVar[str]  # what errors call it

    id: Identifier
    ground: Annotated[GeoPolygon | None, Field(description="corners on the ground")] = None
    image_px: Annotated[
        tuple[tuple[float, float], ...] | None, Field(min_length=3, description="corners x, y, px of the full frame")
    ] = None

    @model_validator(mode="after")
    def _is_one_polygon(self) -> "DrawnArea":
        polygons = (self.ground is not None) + (self.image_px is not None)
        if polygons > 1 or (polygons == 0 and not self.may_be_everywhere):
            raise ValueError(f"{self.what} '{self.id}': expected exactly one of ground and image_px")
        if self.image_px is not None and not Polygon(self.image_px).is_valid:
            raise ValueError(f"{self.what} '{self.id}': image_px must not cross itself")
        return self

    @property
    def may_be_everywhere(self) -> bool:
        """Without a polygon it is the whole view."""
        return False


class PrivacyMask(DrawnArea):
    """What is never stored. Over a ground area, everything up to `height_m` is painted over: who stands in it too. With
    `labels` only those tracked objects are, from their feet in the area to their heads, and without an area all of
    them."""

    what: ClassVar[str] = "mask"

    labels: Annotated[
        tuple[Label, ...] | None,
        Field(min_length=1, description="only what is tracked as one of these; none: all that is in the area"),
    ] = None
    height_m: Annotated[float, Field(ge=0, le=50, description="of what stands on a ground area, metres")] = 2.5

    @property
    def may_be_everywhere(self) -> bool:
        return self.labels is not None
