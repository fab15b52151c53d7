"""Orders that people give a vehicle by hand, and what the coordinator foresees of them."""

from typing import Annotated, Literal

from pydantic import Field

from contract.frozen import Frozen, Identifier, TimeUs
from contract.geo import GeoPoint
from fleet.api.dispatch_views import WayStopView
from fleet.api.models import By


class GoAndLook(By):
    """The vehicle goes where the point is seen from, never to the point itself."""

    what: Literal["go_and_look"]
    point: GeoPoint


class OrbitPoint(By):
    """Round the point, looking at it, as many whole turns as come nearest to duration_s."""

    what: Literal["orbit"]
    point: GeoPoint
    radius_m: Annotated[float, Field(ge=5.0, le=200.0, allow_inf_nan=False)]
    duration_s: Annotated[float, Field(ge=1.0, le=3600.0, allow_inf_nan=False)] = 60.0


class LookThere(By):
    """The copter stays where it is in the air and turns to the point."""

    what: Literal["look"]
    point: GeoPoint


class ComeToRest(By):
    what: Literal["hold", "return", "land"]


SendOrder = Annotated[GoAndLook | OrbitPoint | LookThere, Field(discriminator="what")]
SendQuestion = Annotated[GoAndLook | OrbitPoint | LookThere | ComeToRest, Field(discriminator="what")]


class Foresight(Frozen):
    """What the gate answers now; the order itself is judged anew when it is given, and at each step of it.

    reasons: why not. clipped: what would be done instead of what was asked for. notes: worth knowing, and no reason
    against it. way: the path with heights above home; of a refusal the straight one that must not be taken, or empty.
    *_frac: shares of a full battery that would be left; null is unknown."""

    vehicle: Identifier
    what: Literal["go_and_look", "orbit", "look", "hold", "return", "land"]
    at_us: TimeUs
    verdict: Literal["approve", "clip", "refuse"]
    reasons: tuple[str, ...]
    clipped: tuple[str, ...]
    notes: tuple[str, ...]
    way: tuple[WayStopView, ...]
    altitude_frame: Literal["above_home"] = "above_home"
    stand_off: GeoPoint | None
    above_home_m: float | None
    radius_m: float | None
    turns: int | None
    length_m: float | None
    arrives_in_s: float | None
    lasts_s: float | None
    battery_frac: float | None
    battery_there_frac: float | None
    battery_home_frac: float | None
    reserve_frac: float


class SendableView(Frozen):
    """Why a vehicle would not be sent anywhere now, by hand or by an alarm; no reasons: it may be sent."""

    vehicle: Identifier
    reasons: tuple[str, ...]


class SeenGround(Frozen):
    """The point of the ground that a pixel of a fixed camera's picture shows."""

    camera: Identifier
    point: GeoPoint
