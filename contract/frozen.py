"""The one base of every message and configuration model: immutable, closed to unknown keys, finite numbers only."""

from functools import partial
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, PlainSerializer


class Frozen(BaseModel):
    """Validated once at the door, trusted inside."""

    model_config = ConfigDict(
        frozen=True,
        extra="forbid",
        allow_inf_nan=False,
        ser_json_inf_nan="null",
        cache_strings="keys",  # values are mostly ids, of which none comes twice: 16 000 of them would be kept
    )


def _quantised(digits: int) -> PlainSerializer:
    return PlainSerializer(partial(round, ndigits=digits), return_type=float, when_used="json")


# What is logged or sent is quantised, so that two runs compare byte for byte; inside, numbers stay exact.
Degrees7 = Annotated[float, _quantised(7)]  # 1e-7 deg = 11 mm, MAVLink's own unit
Metres3 = Annotated[float, _quantised(3)]  # 1 mm
Pixels1 = Annotated[float, _quantised(1)]  # 0.1 px
Ratio4 = Annotated[float, Field(ge=0.0, le=1.0), _quantised(4)]

Identifier = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9_-]{0,62}$")]
Sha256 = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
TraceId = Annotated[str, Field(pattern=r"^[0-9a-f]{32}$")]
TimeUs = Annotated[int, Field(ge=0, lt=2**53)]  # microseconds since the Unix epoch, UTC; fits a JavaScript number
