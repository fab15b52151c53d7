"""Signing: judged by pymavlink's own, which is what the tools of a site would sign and check with."""

import io
from typing import Any

import pytest
from pymavlink.dialects.v20 import ardupilotmega as mavlink

from fleet.errors import SetUpError
from fleet.flight.mavlink_codec import Encoder
from fleet.flight.mavlink_frames import SIGNED
from fleet.flight.mavlink_signing import NEW_STREAM_BEHIND, Signing, parse_key
from tests.conftest import ManualClock
from tests.fleet.flight.air import heartbeat

KEY = bytes(range(32))
MINUTE = 6_000_000


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
def signing(clock: ManualClock) -> Signing:
    return Signing(KEY, clock=clock)


def now(clock: ManualClock) -> int:
    return (clock.wall_us() - 1_420_070_400_000_000) // 10


class Peer:
    """pymavlink signs as system 1."""

    def __init__(self, stamp: int, *, key: bytes = KEY, link_id: int = 3) -> None:
        self._mav = mavlink.MAVLink(io.BytesIO(), 1, 1)
        self._mav.signing.secret_key = key
        self._mav.signing.timestamp = stamp
        self._mav.signing.link_id = link_id
        self._mav.signing.sign_outgoing = True

    def says(self, message: Any = None) -> bytes:
        return bytes((message or heartbeat()).pack(self._mav))


def test_what_a_peer_with_the_key_signs_is_accepted_and_never_twice(signing: Signing, clock: ManualClock) -> None:
    peer = Peer(now(clock))
    first, second = peer.says(), peer.says()
    assert signing.accepts(first)
    assert signing.accepts(second)
    assert not signing.accepts(first)
    assert not signing.accepts(second)


def test_a_bit_that_was_turned_another_key_and_no_signature_are_refused(signing: Signing, clock: ManualClock) -> None:
    raw = Peer(now(clock)).says()
    assert not signing.accepts(raw[:-1] + bytes((raw[-1] ^ 1,)))
    assert not signing.accepts(raw[:12] + bytes((raw[12] ^ 1,)) + raw[13:])
    assert not signing.accepts(Peer(now(clock), key=bytes(32)).says())
    assert not signing.accepts(Encoder(1, 1).encode(heartbeat()))
    assert signing.accepts(raw)


def test_a_stream_that_begins_more_than_a_minute_ago_is_a_recording(signing: Signing, clock: ManualClock) -> None:
    assert NEW_STREAM_BEHIND == MINUTE
    assert not signing.accepts(Peer(now(clock) - MINUTE).says())
    assert signing.accepts(Peer(now(clock) - MINUTE + 1).says())


def test_pymavlink_accepts_what_we_sign(signing: Signing, clock: ManualClock) -> None:
    vehicle = mavlink.MAVLink(io.BytesIO(), 1, 1)
    vehicle.signing.secret_key = KEY
    vehicle.signing.timestamp = now(clock)
    encoder = Encoder(245, 190)
    for _ in range(3):  # within one tick of the clock
        (heard,) = vehicle.parse_buffer(signing.sign(encoder.encode(heartbeat(), flags=SIGNED)))
        assert (heard.get_type(), heard.get_srcSystem(), heard.get_signed()) == ("HEARTBEAT", 245, True)


def test_our_stamps_follow_a_vehicle_that_runs_ahead(signing: Signing, clock: ManualClock) -> None:
    ahead = now(clock) + 2 * MINUTE
    assert signing.accepts(Peer(ahead).says())
    frame = signing.sign(Encoder().encode(heartbeat(), flags=SIGNED))
    assert int.from_bytes(frame[-12:-6], "little") == ahead + 1
    clock.advance(180.0)
    later = signing.sign(Encoder().encode(heartbeat(), flags=SIGNED))
    assert int.from_bytes(later[-12:-6], "little") == now(clock)


@pytest.mark.parametrize("text", ["", "00" * 32, "ab" * 31, "zz" * 32])
def test_a_key_that_is_none_is_one_line_without_the_key(text: str) -> None:
    with pytest.raises(SetUpError) as caught:
        parse_key(text, source="KESTREL_KEY")
    assert str(caught.value) == "KESTREL_KEY: expected a signing key of 64 hexadecimal digits, not all zero"
