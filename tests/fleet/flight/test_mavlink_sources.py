"""Moved, or two at once?"""

from fleet.flight.mavlink_sources import Address, SourceWatch, Verdict

OLD: Address = ("10.0.0.1", 1000)
NEW: Address = ("10.0.0.1", 2000)
S = 1_000_000


def heard(watch: SourceWatch, *events: tuple[float, Address]) -> list[Verdict]:
    return [watch.hear(address, round(at_s * S)) for at_s, address in events]


def test_a_rebooted_vehicle_on_a_new_port_is_followed_once_the_old_one_is_silent() -> None:
    watch = SourceWatch()
    verdicts = heard(watch, (0, OLD), (1, OLD), (6, NEW), (7, NEW))
    assert verdicts == [Verdict.USE, Verdict.USE, Verdict.MOVED, Verdict.USE]
    assert watch.address == NEW


def test_a_newcomer_is_not_listened_to_while_the_old_address_may_still_speak() -> None:
    watch = SourceWatch()
    assert heard(watch, (0, OLD), (0.1, NEW), (1.0, NEW), (2.1, NEW)) == [
        *(Verdict.USE, Verdict.IGNORE, Verdict.IGNORE, Verdict.MOVED),
    ]


def test_two_addresses_that_alternate_quarantine_the_id() -> None:
    watch = SourceWatch()
    verdicts = heard(watch, (0, OLD), (0.1, NEW), (0.2, OLD), (0.3, NEW), (0.4, OLD))
    assert verdicts == [Verdict.USE, Verdict.IGNORE, Verdict.USE, Verdict.IGNORE, Verdict.CONFLICT]
    assert heard(watch, (0.5, OLD), (0.6, NEW)) == [Verdict.IGNORE, Verdict.IGNORE]
    assert watch.quarantined


def test_one_late_datagram_of_the_old_address_is_no_conflict() -> None:
    watch = SourceWatch()
    assert heard(watch, (0, OLD), (1, NEW), (1.001, OLD), (4, NEW)) == [
        *(Verdict.USE, Verdict.IGNORE, Verdict.USE, Verdict.MOVED),
    ]
    assert not watch.quarantined


def test_strays_far_apart_are_forgotten() -> None:
    watch = SourceWatch()
    events = [(float(t), OLD) for t in range(60)] + [(10.5, NEW), (30.5, NEW), (50.5, NEW)]
    assert Verdict.CONFLICT not in heard(watch, *sorted(events))


def test_a_quarantine_ends_when_one_address_alone_was_heard_for_half_a_minute() -> None:
    watch = SourceWatch()
    heard(watch, (0, OLD), (0.1, NEW), (0.2, OLD), (0.3, NEW), (0.4, OLD))
    assert heard(watch, (20, NEW), (40, NEW), (51, NEW)) == [Verdict.IGNORE, Verdict.MOVED, Verdict.USE]
    assert watch.address == NEW


def test_addresses_without_end_cost_no_more_than_a_few() -> None:
    watch = SourceWatch()
    heard(watch, (0, OLD), *((0.0001 * n, ("192.0.2.9", n)) for n in range(1, 500)), (0.1, OLD))
    assert len(watch._heard_us) < 20
    assert watch.address == OLD
