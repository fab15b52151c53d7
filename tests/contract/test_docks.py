"""Docks of a site file: open ground, or a machine whose copter always has somewhere else to land."""

import pytest

from contract.errors import DocumentError
from contract.site import Site, parse_site
from tests.fleet.messages import SITE_TEXT

PAD = "  - {id: pad, position: {lat_deg: 51.9995, lon_deg: 13.0}}\n"
MACHINE = PAD.replace("}}", "}, kind: http_json, connection: 'http://127.0.0.1:1', alternate: rally}")
SECOND = """  - id: heron
    kind: ardupilot_copter
    connection: "udpin:127.0.0.1:0"
    system_id: 2
    simulated: true
    dock: DOCK
    cruise_speed_m_s: 8
    return_altitude_m: 35
"""


def site(docks: str, *, more: str = "") -> Site:
    return parse_site(SITE_TEXT.replace(PAD, docks) + more, source="site.yaml")


def test_a_dock_is_open_ground_or_a_machine() -> None:
    assert site(PAD).dock_of("kestrel") is None
    machine = site(MACHINE).dock_of("kestrel")
    assert machine is not None
    assert (machine.id, machine.alternate, machine.max_wind_m_s, machine.max_rain_mm_h) == ("pad", "rally", 10.0, 0.5)
    assert site(MACHINE).dock_of("nobody") is None


@pytest.mark.parametrize(
    ("docks", "more", "says"),
    [
        (MACHINE.replace(", alternate: rally", ""), "", "dock 'pad': its copter needs an alternate"),
        (MACHINE.replace("alternate: rally", "alternate: roof"), "", "expected a rally point of this site, got 'roof'"),
        (PAD.replace("}}", "}, alternate: rally}"), "", "an alternate is for a dock with a kind"),
        (PAD.replace("}}", "}, kind: http_json}"), "", "dock 'pad': expected both of kind and connection"),
        (MACHINE.replace("http_json", "gas_lift"), "", "kind"),
        (MACHINE, SECOND.replace("DOCK", "pad"), "dock 'pad': expected one vehicle, got kestrel, heron"),
        (
            MACHINE + MACHINE.replace("id: pad", "id: shed"),
            SECOND.replace("DOCK", "shed"),
            "dock 'shed': expected an alternate of its own, got 'rally' of 'pad'",
        ),
    ],
)
def test_one_without_a_way_out_is_one_clear_line(docks: str, more: str, says: str) -> None:
    with pytest.raises(DocumentError) as refused:
        site(docks, more=more)
    assert says in str(refused.value)
    assert "\n" not in str(refused.value)
