import pytest

from contract.envelope import Origin
from contract.events import FeedState, FeedStatus, Health, NodeFault, NodeFaultKind, NodeState, Status
from contract.kinds import Severity
from fleet.picture.coverage import Coverage, Trouble
from tests.fleet.messages import NOW_US, make_site

ALL = {"north-fence", "middle"}
CAMERAS = {"gate-1": "cam-north", "gate-2": "cam-south"}


def make_coverage(**feeds: FeedState) -> Coverage:
    """Both nodes heard at 0 s; feeds OK but those given (by node name with _)."""
    coverage = Coverage(make_site(), started_at_us=0)
    for node, camera in CAMERAS.items():
        coverage.heard(node, origin=Origin.LIVE, boot=1, at_us=0)
        state = feeds.get(node.replace("-", "_"), FeedState.OK)
        feed = FeedStatus(camera=camera, state=state, since_us=NOW_US)
        coverage.on_status(node, Status(state=NodeState.ONLINE, software="1", feeds=(feed,)), at_us=0)
    return coverage


def told(troubles: tuple[Trouble, ...]) -> list[tuple[str, tuple[str, ...], Severity]]:
    return [(trouble.subject, trouble.uncovered_zones, trouble.severity) for trouble in troubles]


def test_two_good_nodes_are_no_trouble() -> None:
    assert make_coverage().troubles(zones_set=ALL, now_us=8_000_000) == ()


@pytest.mark.parametrize("state", [FeedState.LOST, FeedState.STALLED, FeedState.DETECTOR_FAILED, FeedState.ENDED])
def test_a_feed_that_is_not_ok_names_the_zones_nobody_watches_now(state: FeedState) -> None:
    troubles = make_coverage(gate_1=state).troubles(zones_set=ALL, now_us=1)
    assert told(troubles) == [("feed:cam-north", ("north-fence",), Severity.HIGH)]


def test_losing_one_of_two_cameras_of_a_zone_is_a_lesser_trouble() -> None:
    troubles = make_coverage(gate_2=FeedState.LOST).troubles(zones_set=ALL, now_us=1)
    assert told(troubles) == [("feed:cam-south", (), Severity.MEDIUM)]


def test_a_silent_node_is_trouble_after_8_s() -> None:
    coverage = make_coverage()
    coverage.heard("gate-2", origin=Origin.LIVE, boot=1, at_us=5_000_000)
    assert told(coverage.troubles(zones_set=ALL, now_us=8_000_001)) == [
        ("node:gate-1", ("north-fence",), Severity.HIGH)
    ]


def test_a_node_never_heard_is_trouble_and_names_every_zone_when_all_are_silent() -> None:
    troubles = Coverage(make_site(), started_at_us=0).troubles(zones_set=ALL, now_us=8_000_001)
    assert told(troubles) == [
        ("node:gate-1", ("north-fence", "middle"), Severity.HIGH),
        ("node:gate-2", ("middle",), Severity.HIGH),
    ]


def test_the_last_will_is_trouble_at_once() -> None:
    coverage = make_coverage()
    coverage.on_status("gate-1", Status(state=NodeState.OFFLINE, software="1"), at_us=1)
    assert told(coverage.troubles(zones_set=ALL, now_us=1))[0][0] == "node:gate-1"


def test_nothing_set_is_nothing_uncovered() -> None:
    assert make_coverage(gate_1=FeedState.LOST).troubles(zones_set=set(), now_us=60_000_000) == ()


def test_a_feed_may_start_for_8_s_and_no_longer() -> None:
    coverage = make_coverage(gate_1=FeedState.STARTING)
    assert coverage.troubles(zones_set=ALL, now_us=8_000_000) == ()
    coverage.heard("gate-1", origin=Origin.LIVE, boot=1, at_us=9_000_000)
    coverage.heard("gate-2", origin=Origin.LIVE, boot=1, at_us=9_000_000)
    assert told(coverage.troubles(zones_set=ALL, now_us=9_000_000))[0][0] == "feed:cam-north"


def test_a_camera_its_node_does_not_mention_is_not_watched() -> None:
    coverage = make_coverage()
    coverage.on_status("gate-1", Status(state=NodeState.ONLINE, software="1"), at_us=1)
    assert told(coverage.troubles(zones_set=ALL, now_us=1))[0][:2] == ("feed:cam-north", ("north-fence",))


def test_a_new_boot_is_noticed() -> None:
    coverage = make_coverage()
    assert not coverage.heard("gate-1", origin=Origin.LIVE, boot=1, at_us=1)
    assert coverage.heard("gate-1", origin=Origin.LIVE, boot=2, at_us=2)


def test_health_is_kept_for_the_console() -> None:
    coverage = make_coverage()
    coverage.on_health("gate-1", Health(feeds=(), outbox_rows=3))
    health = coverage.nodes["gate-1"].health
    assert health is not None
    assert health.outbox_rows == 3


def test_a_wrong_clock_is_trouble_that_uncovers_nothing_until_the_node_says_it_is_over() -> None:
    coverage = make_coverage()
    fault = NodeFault(kind=NodeFaultKind.CLOCK, since_us=NOW_US, detail="frames are stamped 4 s behind the coordinator")
    feeds = (FeedStatus(camera="cam-north", state=FeedState.OK, since_us=NOW_US),)
    wrong = Status(state=NodeState.ONLINE, software="1", feeds=feeds, faults=(fault,))

    coverage.on_status("gate-1", wrong, at_us=1)
    (trouble,) = coverage.troubles(zones_set=ALL, now_us=1)
    coverage.on_status("gate-1", wrong.model_copy(update={"faults": ()}), at_us=2)

    assert (trouble.subject, trouble.uncovered_zones, trouble.severity) == ("device:gate-1:clock", (), Severity.MEDIUM)
    assert trouble.title == "node gate-1: clock: frames are stamped 4 s behind the coordinator"
    assert coverage.troubles(zones_set=ALL, now_us=2) == ()


def test_a_node_that_is_gone_has_no_other_fault() -> None:
    coverage = make_coverage()
    fault = NodeFault(kind=NodeFaultKind.HOT, since_us=NOW_US, detail="cpu 96 °C of 95")
    coverage.on_status("gate-1", Status(state=NodeState.ONLINE, software="1", faults=(fault,)), at_us=1)

    troubles = coverage.troubles(zones_set=set(), now_us=8_000_001)

    assert troubles == ()
