"""An approval of the gate, for parts that are tried without tasking: to stand still, which is never refused."""

import uuid
from datetime import time

from contract.envelope import Origin
from contract.site import Site
from fleet.flight.airspace import Airspace
from fleet.flight.gate import Approved, GateParameters, judge
from fleet.flight.mavlink_codec import OUR_SYSTEM_ID
from fleet.flight.orders import Approval, Hold
from fleet.flight.vehicle import VehicleState
from fleet.flight.world import Consent, Evidence, World


def approved_hold(state: VehicleState, site: Site, now_us: int) -> Approval:
    decision = judge(
        Hold(),
        vehicle=state,
        world=World(site, Airspace(site), (state,), (), time(12)),
        evidence=Evidence(Origin.SIMULATED, now_us, 0.0),
        consent=Consent(),
        parameters=GateParameters(code_version="sim", ground_station_system_id=OUR_SYSTEM_ID),
        now_us=now_us,
        decision_id=uuid.UUID(int=1),
    )
    assert isinstance(decision, Approved)
    return decision.approval
