from fleet.app import Heart
from tests.fleet.office import open_office


def test_no_heartbeat_before_gate_and_monitor_have_completed_a_cycle() -> None:
    with open_office() as office:
        heart = Heart(office.clock)
        assert not heart.is_alive()
        heart.monitor, heart.tasking = office.fleet.monitor, office.fleet.tasking
        office.fleet.monitor.cycle()
        assert not heart.is_alive()
        office.fleet.tasking._desks["kestrel"].ticked_at_us = office.clock.monotonic_us()
        assert heart.is_alive()


def test_the_heartbeat_stops_a_second_after_either_of_them_hangs() -> None:
    with open_office() as office:
        heart = Heart(office.clock)
        heart.monitor, heart.tasking = office.fleet.monitor, office.fleet.tasking
        office.fleet.monitor.cycle()
        office.fleet.tasking._desks["kestrel"].ticked_at_us = office.clock.monotonic_us()
        office.clock.advance(1.0)
        assert heart.is_alive()
        office.fleet.monitor.cycle()
        office.clock.advance(0.1)
        assert not heart.is_alive()
