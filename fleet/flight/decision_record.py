"""A gate decision as JSON and back: what was judged, by which limits and code, and what came of it (SAFETY 14).

The site file itself is named by id and digest, never copied: to judge again, bring the site that was in force. Numbers
keep every digit here, unlike on the wire, or a decision at a limit would judge differently the second time.
"""

import dataclasses
import hashlib
import json
import uuid
from collections.abc import Mapping
from datetime import time
from enum import Enum
from functools import cache
from typing import TypeVar

from pydantic import BaseModel, TypeAdapter

from contract.site import Site
from fleet.flight.airspace import Airspace
from fleet.flight.dock import DockState
from fleet.flight.gate import GATE_REVISION, Approved, Decision, GateParameters, RefusedOrder, judge
from fleet.flight.journal import JsonValue
from fleet.flight.orders import (
    Disarm,
    FlyMission,
    GoTo,
    Hold,
    Land,
    Launch,
    LookAt,
    Orbit,
    Order,
    ReturnHome,
    ToDock,
    UploadSafety,
)
from fleet.flight.traffic import Aircraft
from fleet.flight.vehicle import VehicleState
from fleet.flight.world import Consent, Course, Evidence, TrackedPerson, World

_ORDERS: dict[str, type[Order]] = {
    kind.__name__: kind
    for kind in (UploadSafety, Launch, GoTo, LookAt, Orbit, FlyMission, Hold, ReturnHome, ToDock, Land, Disarm)
}
Value = TypeVar("Value")


def site_digest(site: Site) -> str:
    return hashlib.sha256(site.model_dump_json().encode()).hexdigest()


def record_of(decision: Decision) -> dict[str, JsonValue]:
    """Everything the decision was made of, and its outcome."""
    inputs = decision.inputs
    approved = decision if isinstance(decision, Approved) else None
    return {
        "gate_revision": GATE_REVISION,
        "decision_id": str(inputs.decision_id),
        "now_us": inputs.now_us,
        "order": order_json(inputs.order),
        "vehicle": _plain(inputs.vehicle),
        "evidence": _plain(inputs.evidence),
        "consent": _plain(inputs.consent),
        "parameters": _plain(inputs.parameters),
        "site": {"id": inputs.world.site.id, "sha256": site_digest(inputs.world.site)},
        "vehicles": _plain(inputs.world.vehicles),
        "people": _plain(inputs.world.people),
        "local_time": inputs.world.local_time.isoformat(),
        "wind_m_s": inputs.world.wind_m_s,
        "traffic": _plain(inputs.world.traffic),
        "courses": _plain(inputs.world.courses),
        "docks": _plain(inputs.world.docks),
        "approved": order_json(approved.approval.order) if approved else None,
        "clipped": _plain(approved.clipped) if approved else [],
        "reasons": _plain(decision.reasons) if isinstance(decision, RefusedOrder) else [],
    }


def judge_again(record: Mapping[str, JsonValue], site: Site) -> Decision:
    """The same question to today's gate. Raises ValueError when `site` is not the one of the record."""
    expected = _mapping(record["site"])["sha256"]
    if site_digest(site) != expected:
        raise ValueError(f"decision {record['decision_id']}: expected the site of digest {expected}, got another")
    order = _mapping(record["order"])
    kind = _ORDERS[str(order["order"])]
    world = World(
        site=site,
        airspace=Airspace(site),
        vehicles=_read(tuple[VehicleState, ...], record["vehicles"]),
        people=_read(tuple[TrackedPerson, ...], record["people"]),
        local_time=time.fromisoformat(str(record["local_time"])),
        wind_m_s=_read(float | None, record["wind_m_s"]),  # type: ignore[arg-type]
        traffic=_read(tuple[Aircraft, ...], record.get("traffic", [])),  # older records have none
        courses=_read(tuple[Course, ...], record.get("courses", [])),
        docks=_read(tuple[DockState, ...], record.get("docks", [])),
    )
    return judge(
        _read(kind, {key: value for key, value in order.items() if key != "order"}),
        vehicle=_read(VehicleState, record["vehicle"]),
        world=world,
        evidence=_read(Evidence, record["evidence"]),
        consent=_read(Consent, record["consent"]),
        parameters=_read(GateParameters, record["parameters"]),
        now_us=_read(int, record["now_us"]),
        decision_id=uuid.UUID(str(record["decision_id"])),
    )


def order_json(order: Order) -> dict[str, JsonValue]:
    """An order with its kind: several kinds have no fields."""
    return {"order": type(order).__name__, **_mapping(_plain(order))}


def _mapping(value: JsonValue) -> dict[str, JsonValue]:
    assert isinstance(value, dict)
    return value


def _read(kind: type[Value], value: JsonValue) -> Value:
    return TypeAdapter(kind).validate_json(json.dumps(value))


def _plain(value: object) -> JsonValue:
    """Dataclasses and models as JSON values, floats exact. Every decision of a large fleet holds all its vehicles, so
    the leaves, which are most of it, come first."""
    kind = type(value)
    if value is None or kind in _LEAVES:
        return value  # type: ignore[return-value]  # a leaf is JSON
    if isinstance(value, BaseModel):
        return {key: _plain(item) for key, item in value.model_dump().items()}
    if dataclasses.is_dataclass(kind):
        return {name: _plain(getattr(value, name)) for name in _field_names(kind)}
    if isinstance(value, tuple | list):
        return [_plain(item) for item in value]
    if isinstance(value, Enum):
        return str(value.value)
    if isinstance(value, uuid.UUID):
        return str(value)
    if isinstance(value, bool | int | float | str):
        return value
    raise TypeError(f"expected a value of a decision, got {kind.__name__}")


_LEAVES = frozenset((bool, int, float, str))


@cache
def _field_names(kind: type) -> tuple[str, ...]:
    return tuple(field.name for field in dataclasses.fields(kind))
