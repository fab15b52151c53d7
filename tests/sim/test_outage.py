"""What an outage on the demo's command line means."""

import pytest

from sim.outage import BadOutage, Outage, parse_outage


def test_parts_may_fall_together() -> None:
    assert parse_outage("broker,fleet@12+20") == Outage(("broker", "fleet"), 12.0, 20.0)


@pytest.mark.parametrize("text", ["broker", "broker@12", "camera@1+2", "broker@-1+2", ""])
def test_anything_else_is_one_clear_line(text: str) -> None:
    with pytest.raises(BadOutage, match="expected") as caught:
        parse_outage(text)
    assert "\n" not in str(caught.value)
