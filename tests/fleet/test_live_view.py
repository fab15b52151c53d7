"""Who looks through which camera: each begins at a key frame, and the slow hold up nobody."""

from contextlib import ExitStack

import pytest

from contract.envelope import Origin
from contract.errors import ContractError
from contract.frozen import Frozen
from contract.live import JPEG, Codec, Offer, Offered, PictureHead, Showing, Watch, WatchStills, head_of, pack
from fleet.errors import NotFound, Refused
from fleet.live_view import BURST_BYTES, MAX_VIEWERS, MAX_WATCHED, MESSAGE_BYTES, Link, LiveViews, Outlet
from fleet.metrics import Metrics
from tests.conftest import ManualClock
from tests.fleet.messages import make_site

CAMERA, OTHERS = "cam-north", "cam-south"


def picture(number: int, *, is_key: bool = False, camera: str = CAMERA, codec: Codec = "avc1.64001F") -> bytes:
    head = PictureHead(
        camera=camera,
        codec=codec,
        is_key=is_key,
        reel=1,
        captured_at_us=number,
        taken_at_us=number,
        origin=Origin.LIVE,
    )
    return pack(head, b"picture")


def send(link: Link, *numbers: int) -> None:
    """Each tenth is a key frame."""
    for number in numbers:
        link.hear(picture(number, is_key=number % 10 == 0))


def got(viewer: Outlet) -> list[int]:
    """The pictures that wait for a viewer."""
    return [head_of(message).captured_at_us for message in iter(viewer.backlog.take, None)]


def told(outlet: Outlet) -> list[str]:
    """The words that wait for a connection."""
    words, outlet._words = list(outlet._words.values()), {}
    return words


def word(said: Frozen) -> str:
    return said.model_dump_json()


@pytest.fixture
def views(clock: ManualClock) -> LiveViews:
    return LiveViews(make_site(), clock=clock, metrics=Metrics())


def test_a_node_is_asked_while_somebody_looks_and_no_longer(views: LiveViews) -> None:
    with views.joined("gate-1") as link:
        assert told(link) == []
        with views.viewing(CAMERA):
            assert told(link) == [word(Watch(camera=CAMERA, is_wanted=True))]
            with views.viewing(CAMERA):
                pass
            assert told(link) == []
        assert told(link) == [word(Watch(camera=CAMERA, is_wanted=False))]


def test_a_node_that_joins_late_is_asked_for_what_people_look_through(views: LiveViews) -> None:
    with views.viewing(CAMERA), views.joined("gate-1") as link:
        assert told(link) == [word(Watch(camera=CAMERA, is_wanted=True))]


def test_who_comes_second_begins_at_once_with_the_last_key_frame(views: LiveViews) -> None:
    with views.joined("gate-1") as link, views.viewing(CAMERA) as first:
        send(link, 8, 9, 10, 11, 20, 21, 22)
        with views.viewing(CAMERA) as second:
            send(link, 23)
            assert got(second) == [20, 21, 22, 23]
    assert got(first) == [10, 11, 20, 21, 22, 23]


def test_a_slow_viewer_goes_on_at_the_next_key_frame_and_nobody_else_notices(
    views: LiveViews, clock: ManualClock
) -> None:
    quick_got = []
    with views.joined("gate-1") as link, views.viewing(CAMERA) as slow, views.viewing(CAMERA) as quick:
        for number in range(10, 45):
            send(link, number)
            quick_got += got(quick)
            clock.advance(0.1)
    assert quick_got == list(range(10, 45))
    assert got(slow) == [40, 41, 42, 43, 44]  # 10 was late when 31 came


def test_what_nobody_looks_at_any_more_is_let_go(views: LiveViews) -> None:
    with views.joined("gate-1") as link:
        with views.viewing(CAMERA):
            send(link, 10, 11)
        send(link, 12)
        with views.viewing(CAMERA) as later:
            send(link, 13)
            assert got(later) == []


def test_a_person_is_told_whether_the_node_is_there_and_what_it_sends(views: LiveViews, clock: ManualClock) -> None:
    def showing(*, is_node_here: bool, codec: Codec | None = None) -> list[str]:
        now_us = clock.wall_us()
        said = Showing(camera=CAMERA, is_node_here=is_node_here, codec=codec, now_us=now_us, most_cameras=MAX_WATCHED)
        return [word(said)]

    with views.viewing(CAMERA) as viewer:
        assert told(viewer) == showing(is_node_here=False)
        with views.joined("gate-1") as link:
            assert told(viewer) == showing(is_node_here=True)
            link.hear(word(Offer(cameras=(Offered(camera=CAMERA, codec=JPEG),))))
            assert told(viewer) == showing(is_node_here=True, codec=JPEG)
        assert told(viewer) == showing(is_node_here=False)


def test_who_plays_no_video_gets_stills_and_nobody_else_does(views: LiveViews) -> None:
    with views.joined("gate-1", has_stills=True) as link, views.viewing(CAMERA) as one:
        link.hear(word(Offer(cameras=(Offered(camera=CAMERA, codec="avc1.64001F"),))))
        assert told(link) == [word(Watch(camera=CAMERA, is_wanted=True))]
        with views.viewing(CAMERA, as_stills=True) as other:
            assert told(link) == [word(WatchStills(camera=CAMERA, is_wanted=True))]
            send(link, 10, 11)
            link.hear(picture(12, is_key=True, codec=JPEG))
            assert (got(one), got(other)) == ([10, 11], [12])
        assert told(link) == [word(WatchStills(camera=CAMERA, is_wanted=False))]
        with views.viewing(CAMERA) as second:
            assert got(second) == [10, 11]


def test_a_camera_that_sends_jpeg_anyway_shows_it_to_both(views: LiveViews) -> None:
    with views.joined("gate-1", has_stills=True) as link, views.viewing(CAMERA) as one:
        link.hear(word(Offer(cameras=(Offered(camera=CAMERA, codec=JPEG),))))
        with views.viewing(CAMERA, as_stills=True) as other:
            link.hear(picture(12, is_key=True, codec=JPEG))
            assert (got(one), got(other)) == ([12], [12])


def test_a_node_that_knows_no_stills_is_never_asked_for_them(views: LiveViews) -> None:
    with views.joined("gate-1") as link:
        with views.viewing(CAMERA, as_stills=True) as viewer:
            assert told(link) == [word(Watch(camera=CAMERA, is_wanted=True))]
            send(link, 10)
            assert got(viewer) == [10]
            with views.viewing(CAMERA):
                pass
            assert told(link) == [word(Watch(camera=CAMERA, is_wanted=True))]
        assert told(link) == [word(Watch(camera=CAMERA, is_wanted=False))]


@pytest.mark.parametrize(
    ("message", "reason"),
    [
        pytest.param(picture(0, camera=OTHERS), "expected a camera of node 'gate-1', got 'cam-south'", id="another's"),
        pytest.param(picture(0, camera="nowhere"), "expected a camera of node 'gate-1', got 'nowhere'", id="nobody's"),
        pytest.param(
            word(Offer(cameras=(Offered(camera=OTHERS),))), "expected a camera of node 'gate-1'", id="offers another's"
        ),
        pytest.param(word(Watch(camera=CAMERA, is_wanted=True)), "expected an offer, got watch", id="orders"),
        pytest.param(b"nonsense", "expected a head", id="no picture"),
        pytest.param(picture(1, codec=JPEG), "expected each jpeg to be a key frame", id="a jpeg between"),
    ],
)
def test_a_node_that_lies_is_refused(views: LiveViews, message: str | bytes, reason: str) -> None:
    with views.viewing(CAMERA), views.joined("gate-1") as link, pytest.raises(ContractError, match=reason):
        link.hear(message)


def test_a_node_that_sends_too_much_is_slowed_down(views: LiveViews, clock: ManualClock) -> None:
    with views.joined("gate-1") as link:
        rests_s = [link.hear(picture(n)) for n in range(BURST_BYTES // MESSAGE_BYTES + 100)]
        assert rests_s[0] == 0.0
        assert 0.0 < rests_s[-1] < 0.2
        clock.advance(10.0)
        assert link.hear(picture(1)) == 0.0


def test_a_node_that_joins_again_takes_the_place_of_its_dead_connection(views: LiveViews) -> None:
    with views.joined("gate-1") as dead, views.viewing(CAMERA) as viewer, views.joined("gate-1") as link:
        assert dead.is_over
        send(dead, 10)
        send(link, 20)
        assert got(viewer) == [20]


def test_there_is_an_end_to_viewers_and_cameras_are_of_the_site(views: LiveViews) -> None:
    with pytest.raises(NotFound, match="expected a camera of the site, got 'cellar'"), views.viewing("cellar"):
        pass
    with ExitStack() as people:
        for _ in range(MAX_VIEWERS):
            people.enter_context(views.viewing(CAMERA))
        with pytest.raises(Refused, match="32 people look already"), views.viewing(CAMERA):
            pass
    with views.viewing(CAMERA):
        pass
