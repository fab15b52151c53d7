"""MAVLink 2 signing (FACTS: Signing)."""

import hashlib
from typing import Any

import pytest
from pymavlink.dialects.v20 import ardupilotmega as mavlink

from sim.autopilot.autopilot import Autopilot
from tests.sim.autopilot.station import Station, spec

KEY = bytes(range(1, 33))
NOW = 347_155_200 * 100_000  # 2026-01-01 in units of 10 us since 2015
MINUTE = 60 * 100_000


class Signer(Station):
    """A ground station with a key. `stamp` is what it signs the next frame with; None: not at all."""

    def __init__(self, autopilot: Autopilot, *, own_link_id: int = 7, **who: Any) -> None:
        super().__init__(autopilot, **who)
        self.stamp: int | None = None
        self.key = KEY
        self.own_link_id = own_link_id
        self.beats = False

    def send(self, message: Any) -> None:
        self._codec.signing.sign_outgoing = self.stamp is not None
        if self.stamp is not None:
            self._codec.signing.secret_key = self.key
            self._codec.signing.link_id = self.own_link_id
            self._codec.signing.timestamp = self.stamp
            self.stamp += 1
        super().send(message)

    def is_heard(self) -> bool:
        """Whether a command is answered."""
        before = len(self.all("COMMAND_ACK"))
        self.send(mavlink.MAVLink_command_long_message(1, 1, 31000, 0, 0, 0, 0, 0, 0, 0, 0))
        return len(self.all("COMMAND_ACK")) > before

    def newest_heard(self) -> int:
        """The last time stamp of the vehicle."""
        self.run(1.2)
        return int.from_bytes(self.last("HEARTBEAT").get_msgbuf()[-12:-6], "little")


def signed(**who: Any) -> Signer:
    """A vehicle that has the key, and a station that stamps as the specification says."""
    station = Signer(Autopilot(spec()), **who)
    station.send(mavlink.MAVLink_setup_signing_message(1, 1, list(KEY), NOW))
    station.stamp = max(NOW, station.newest_heard() + 1)
    return station


def test_setup_signing_has_no_ack_and_from_then_on_13_bytes_more_are_sent_with_every_frame() -> None:
    station = Signer(Autopilot(spec()))
    station.run(1.2)
    plain = len(station.last("HEARTBEAT").get_msgbuf())
    heard = len(station.heard)
    station.send(mavlink.MAVLink_setup_signing_message(1, 1, list(KEY), NOW))
    station.listen()
    assert len(station.heard) == heard
    station.run(1.2)
    assert len(station.last("HEARTBEAT").get_msgbuf()) == plain + 13


def test_setup_signing_is_for_disarmed_vehicles_only() -> None:
    station = Signer(Autopilot(spec())).airborne(10)
    station.send(mavlink.MAVLink_setup_signing_message(1, 1, list(KEY), NOW))
    station.run(1.2)
    assert station.last("HEARTBEAT").get_header().incompat_flags == 0
    assert station.command(31000) == 3


def test_a_signature_is_the_first_6_bytes_of_sha256_over_key_and_frame() -> None:
    station = signed()
    raw = bytes(station.last("HEARTBEAT").get_msgbuf())
    assert raw[-6:] == hashlib.sha256(KEY + raw[:-6]).digest()[:6]


def test_pymavlink_accepts_what_the_vehicle_signs() -> None:
    station = signed()
    theirs = mavlink.MAVLink(None)
    theirs.signing.secret_key = KEY
    theirs.signing.timestamp = NOW
    for message in station.all("HEARTBEAT"):
        raw = bytearray(message.get_msgbuf())
        if raw[2] & 1:
            assert theirs.decode(raw).get_signed()
    assert theirs.signing.goodsig_count > 0


def test_unsigned_and_wrongly_signed_frames_are_ignored_in_silence() -> None:
    station = signed()
    assert station.is_heard()
    stamp, station.stamp = station.stamp, None
    heard = len(station.heard)
    assert not station.is_heard()
    station.stamp, station.key = stamp, bytes(32)
    assert not station.is_heard()
    station.send(mavlink.MAVLink_setup_signing_message(1, 1, [0] * 32, 0))
    assert len(station.heard) == heard
    station.key = KEY
    assert station.is_heard()


def test_the_vehicles_stamp_runs_60_to_100_s_ahead_and_keeps_its_own_time() -> None:
    ahead = []
    for seed in range(12):
        station = Signer(Autopilot(spec(seed=seed)))
        station.send(mavlink.MAVLink_setup_signing_message(1, 1, list(KEY), NOW))
        began_s = station.machine.now_s
        first = station.newest_heard()
        ahead.append((first - NOW) / 1e5 - (station.machine.now_s - began_s))
        station.run(30)
        assert (station.newest_heard() - first) / 1e5 == pytest.approx(31.2, abs=1.1)
    assert 58.5 < min(ahead) < 75
    assert 85 < max(ahead) < 101


def test_a_new_stream_more_than_60_s_behind_is_ignored_so_stamps_follow_the_vehicles() -> None:
    station = signed()
    newest = station.newest_heard()
    station.stamp = newest - MINUTE - 100_000
    assert not station.is_heard()
    station.stamp = newest + 1  # what the specification says: at least the last one received, and one
    assert station.is_heard()
    late = Signer(station.autopilot, system_id=255)
    late.stamp = newest - MINUTE + 500_000
    assert late.is_heard()


def test_a_frame_played_again_is_ignored() -> None:
    station = signed()
    assert station.is_heard()
    assert station.stamp is not None
    station.stamp -= 1
    assert not station.is_heard()


def test_each_client_needs_a_link_id_of_its_own() -> None:
    station = signed()
    assert station.stamp is not None
    same, other = Signer(station.autopilot), Signer(station.autopilot, own_link_id=8)
    same.stamp = other.stamp = station.stamp
    station.stamp += 1_000_000  # ten seconds ahead of the others
    assert station.is_heard()
    assert not same.is_heard()
    assert other.is_heard()


def test_the_key_outlasts_a_reboot_and_a_key_of_zeros_turns_signing_off() -> None:
    station = signed()
    newest = station.newest_heard()
    assert station.command(246, 1) == 0
    station.run(3)
    assert station.newest_heard() > newest
    assert station.is_heard()
    station.send(mavlink.MAVLink_setup_signing_message(1, 1, [0] * 32, 0))
    station.stamp = None
    assert station.is_heard()
