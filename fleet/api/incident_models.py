"""Bodies of what people order about incidents, bypasses and walk tests."""

import uuid
from typing import Annotated

from pydantic import Field

from contract.frozen import Identifier
from fleet.api.models import By, Note, PersonName
from fleet.picture.exempt import BYPASS_AT_MOST_US, WALK_TEST_AT_MOST_US

Reason = Annotated[str, Field(min_length=3, max_length=500, pattern=r"\S", description="why, in words")]


class Merging(By):
    other: Annotated[uuid.UUID, Field(description="the incident that becomes part of this one, with alarms and tasks")]


class Splitting(By):
    alarms: Annotated[
        tuple[uuid.UUID, ...], Field(min_length=1, max_length=500, description="those of an incident of their own")
    ]
    why: Annotated[Note, Field(description="in words")] = ""


class Assigning(By):
    to: Annotated[PersonName, Field(description="who is to see to it")]


class Noting(By):
    text: Annotated[Note, Field(min_length=1, description="a line of the timeline")]


class Escalating(By):
    to: Annotated[PersonName, Field(description="who is asked")]
    why: Reason


class StepAnswer(By):
    visit: Annotated[int, Field(ge=1, lt=2**31, description="of the step that is answered, as it was shown")]


class StepVeto(StepAnswer):
    why: Reason


class ProcedureStop(By):
    why: Reason


class BypassOrder(By):
    """Of exactly one of zone and camera."""

    zone: Annotated[Identifier | None, Field(description="zone or line")] = None
    camera: Annotated[Identifier | None, Field(description="in all its zones")] = None
    reason: Reason
    minutes: Annotated[float, Field(gt=0, le=BYPASS_AT_MOST_US / 60e6, description="it ends by itself after so many")]


class WalkTestOrder(By):
    zones: Annotated[
        tuple[Identifier, ...], Field(max_length=500, description="zones and lines; none: the whole site")
    ] = ()
    reason: Reason
    minutes: Annotated[
        float, Field(gt=0, le=WALK_TEST_AT_MOST_US / 60e6, description="it ends by itself after so many")
    ]
