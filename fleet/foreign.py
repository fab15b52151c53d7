"""Devices that publish their own JSON: what of it means what, as the coordinator's configuration says. Pure."""

import json
from collections.abc import Iterator
from enum import Enum
from typing import Annotated

from pydantic import Field, ValidationError, model_validator

from contract.errors import ContractError
from contract.events import Stage
from contract.frozen import Frozen, Identifier
from contract.geo import GeoPoint, GroundFix
from contract.labels import Label
from contract.sensors import MAX_TARGETS, SensorAlarm, SensorSays, SensorTrack, Target

MAX_BYTES = 64 * 1024
Scalar = str | bool | int | float
FieldPath = Annotated[
    str, Field(min_length=1, max_length=200, description="where in the JSON: keys and indices with dots between")
]


class Unit(str, Enum):
    S = "s"
    MS = "ms"
    US = "us"


_US = {Unit.S: 1_000_000, Unit.MS: 1_000, Unit.US: 1}


class ForeignTargets(Frozen):
    """A list of things that a radar follows; paths within each."""

    path: Annotated[FieldPath | None, Field(description="of the list; none: the payload is it")] = None
    track: FieldPath
    lat_deg: FieldPath
    lon_deg: FieldPath
    sigma_m: Annotated[float, Field(gt=0, le=1000, description="one standard deviation of its places")]
    label: Annotated[Label, Field(description="what it takes them for")] = Label.OTHER


class ForeignTopic(Frozen):
    """One topic of one device: `value` decides what a message says, `targets` lists what it follows."""

    topic: Annotated[
        str,
        Field(min_length=1, max_length=200, pattern=r"^[^+#\x00]+$", description="on the site's broker, no wildcard"),
    ]
    sensor: Annotated[Identifier, Field(description="the site file's sensor that it is of")]
    value: Annotated[FieldPath | None, Field(description="what is compared; none: the whole payload")] = None
    alarm_when: Annotated[tuple[Scalar, ...], Field(description="values that begin an alarm, or go on with it")] = ()
    clear_when: Annotated[tuple[Scalar, ...], Field(description="values that end it")] = ()
    at: Annotated[FieldPath | None, Field(description="its own time; none: when it came")] = None
    at_unit: Annotated[Unit, Field(description="of that, since 1970")] = Unit.S
    text: Annotated[FieldPath | None, Field(description="words for the timeline")] = None
    alarm: Annotated[FieldPath | None, Field(description="its own name for the alarm, where several last at once")] = (
        None
    )
    targets: Annotated[ForeignTargets | None, Field(description="what a radar follows")] = None

    @model_validator(mode="after")
    def _means_something(self) -> "ForeignTopic":
        if not self.alarm_when and self.targets is None:
            raise ValueError(f"topic '{self.topic}': expected alarm_when or targets")
        both = set(map(repr, self.alarm_when)) & set(map(repr, self.clear_when))
        if both:
            raise ValueError(f"topic '{self.topic}': {min(both)} begins an alarm and ends it")
        return self

    def read(self, payload: bytes) -> Iterator[SensorSays]:
        """What the message says; nothing for a value that is neither. Raises ContractError."""
        what = f"topic '{self.topic}'"
        if len(payload) > MAX_BYTES:
            raise ContractError(f"{what}: expected at most {MAX_BYTES} bytes, got {len(payload)}")
        try:
            document: object = json.loads(payload)
        except (ValueError, RecursionError):
            try:
                document = payload.decode().strip()
            except UnicodeDecodeError as err:
                raise ContractError(f"{what}: expected JSON or text") from err
        try:
            at_us = None if self.at is None else round(_number(document, self.at, what) * _US[self.at_unit])
            stage = self._stage(_at(document, self.value, what) if self.alarm_when else None)
            if stage is not None:
                text = "" if self.text is None else str(_at(document, self.text, what))[:200]
                name = "alarm" if self.alarm is None else str(_at(document, self.alarm, what))
                yield SensorSays(body=SensorAlarm(alarm=name, stage=stage, text=text), at_us=at_us)
            if self.targets is not None:
                yield SensorSays(body=SensorTrack(targets=self._targets(document, what)), at_us=at_us)
        except ContractError:
            raise
        except (ValueError, OverflowError) as err:
            first = err.errors(include_url=False)[0]["msg"] if isinstance(err, ValidationError) else str(err)
            raise ContractError(f"{what}: {first}") from err

    def _stage(self, value: object) -> Stage | None:
        if any(_is_same(value, each) for each in self.alarm_when):
            return Stage.START
        return Stage.END if any(_is_same(value, each) for each in self.clear_when) else None

    def _targets(self, document: object, what: str) -> tuple[Target, ...]:
        assert self.targets is not None
        listed = _at(document, self.targets.path, what)
        if not isinstance(listed, list) or len(listed) > MAX_TARGETS:
            raise ContractError(f"{what}: expected a list of at most {MAX_TARGETS} at '{self.targets.path or ''}'")
        variance = self.targets.sigma_m**2
        return tuple(
            Target(
                track=str(_at(each, self.targets.track, what)),
                ground=GroundFix(
                    point=GeoPoint(
                        lat_deg=_number(each, self.targets.lat_deg, what),
                        lon_deg=_number(each, self.targets.lon_deg, what),
                    ),
                    var_east_m2=variance,
                    cov_east_north_m2=0.0,
                    var_north_m2=variance,
                ),
                label=self.targets.label,
            )
            for each in listed
        )


def _is_same(value: object, wanted: Scalar) -> bool:
    """True is no 1."""
    return value == wanted and isinstance(value, bool) == isinstance(wanted, bool)


def _at(document: object, path: str | None, what: str) -> object:
    found = document
    for part in path.split(".") if path else ():
        if isinstance(found, dict) and part in found:
            found = found[part]
        elif isinstance(found, list) and part.isdecimal() and int(part) < len(found):
            found = found[int(part)]
        else:
            raise ContractError(f"{what}: found nothing at '{path}'")
    return found


def _number(document: object, path: str, what: str) -> float:
    found = _at(document, path, what)
    if isinstance(found, bool) or not isinstance(found, int | float):
        raise ContractError(f"{what}: expected a number at '{path}', got {str(found)[:40]!r}")
    return found
