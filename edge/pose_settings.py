"""Where a feed's poses come from, as its configuration says it: one model for each file in edge/poses."""

from typing import Annotated, Literal

from pydantic import Field, field_validator

from contract.frozen import Frozen

PositionSigma = Annotated[float, Field(gt=0, le=100, description="m, one standard deviation of where the camera is")]
AttitudeSigma = Annotated[float, Field(gt=0, le=20, description="degrees, the same of where it looks")]


class FixedPoseSettings(Frozen):
    """The pose of the site file."""

    kind: Literal["fixed"]


class RecordedPoseSettings(Frozen):
    """Lines beside a recording."""

    kind: Literal["recorded"]
    file: Annotated[str, Field(min_length=1, description="path of the JSON lines")]


class KlvPoseSettings(Frozen):
    """MISB metadata in the same stream as the pictures; needs a site lens of the sensor's field of view."""

    kind: Literal["klv"]
    position_sigma_m: PositionSigma = 10.0
    attitude_sigma_deg: AttitudeSigma = 0.5


class MountSettings(Frozen):
    """A camera fixed to its vehicle, without a gimbal."""

    heading_deg: Annotated[float, Field(ge=-180, le=360, description="clockwise from the nose")] = 0.0
    pitch_deg: Annotated[float, Field(ge=-90, le=90, description="above level; down is negative")] = 0.0
    roll_deg: Annotated[float, Field(ge=-180, le=180, description="clockwise, seen from behind the camera")] = 0.0


class MavlinkPoseSettings(Frozen):
    """What a vehicle says of itself, heard at a port; nothing is sent there. Needs the vehicle's messages
    GLOBAL_POSITION_INT, ATTITUDE and, without `mount`, GIMBAL_DEVICE_ATTITUDE_STATUS, each twice a second or more."""

    kind: Literal["mavlink"]
    listen: Annotated[str, Field(description="udpin:HOST:PORT; whoever reaches it can move what is located")]
    system_id: Annotated[int, Field(ge=1, le=255, description="the vehicle's MAVLink system id")]
    mount: Annotated[MountSettings | None, Field(description="none: it hangs on a gimbal that tells its attitude")] = (
        None
    )
    height: Annotated[
        Literal["above_home", "amsl"],
        Field(description="above_home: its home stands on the site's ground; amsl: by GNSS, metres worse"),
    ] = "above_home"
    position_sigma_m: PositionSigma = 1.5
    attitude_sigma_deg: AttitudeSigma = 1.0

    @field_validator("listen")
    @classmethod
    def _is_an_address(cls, value: str) -> str:
        _address(value)
        return value

    @property
    def address(self) -> tuple[str, int]:
        return _address(self.listen)


PoseSettings = Annotated[
    FixedPoseSettings | RecordedPoseSettings | KlvPoseSettings | MavlinkPoseSettings, Field(discriminator="kind")
]


def _address(value: str) -> tuple[str, int]:
    scheme, _, rest = value.partition(":")
    host, _, port = rest.rpartition(":")
    if scheme != "udpin" or not host or not (port.isdecimal() and 1 <= int(port) <= 65535):
        raise ValueError(f"expected udpin:HOST:PORT such as udpin:127.0.0.1:14560, got '{value}'")
    return host.strip("[]"), int(port)
