"""What somebody who wants harm, or a broken radio, may send to a ground station: seeded, endless, never the same twice.

Most of it is well-formed MAVLink with its checksum right: what is not, falls out at the door. Payloads are made byte by
byte, so every field of every message gets NaN, infinity, its ends and nonsense.
"""

import random
import struct
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from pymavlink.dialects.v20 import ardupilotmega as mavlink

from contract.clock import Clock
from fleet.flight.mavlink_codec import OUR_COMPONENT_ID, OUR_SYSTEM_ID
from fleet.flight.mavlink_frames import MAVLINK_1, MAVLINK_2, SIGNED, encode
from fleet.flight.mavlink_signing import Signing

REMEMBERED_FRAMES = 200  # that were heard, and may be replayed
_KINDS = [mavlink.mavlink_map[number] for number in sorted(mavlink.mavlink_map)]
_NAN, _INFINITE = struct.pack("<f", float("nan")), struct.pack("<f", float("inf"))
_FILLS = (b"\xff", b"\x00", b"\x7f", b"\x80", _NAN, _INFINITE, struct.pack("<f", -1e38), struct.pack("<i", 910_000_000))
_E7 = (910_000_000, -910_000_000, 1_810_000_000, 2**31 - 1, -(2**31), 0, 520_000_000)
_US = (OUR_SYSTEM_ID, OUR_COMPONENT_ID)


@dataclass(slots=True)
class Hostile:
    """`vehicles`: system ids it speaks for. `overhear` what they truly say, and it says it again."""

    chance: random.Random
    vehicles: Sequence[int]
    clock: Clock
    _heard: deque[bytes] = field(default_factory=lambda: deque(maxlen=REMEMBERED_FRAMES))

    def overhear(self, frame: bytes) -> None:
        self._heard.append(frame)

    def attack(self) -> bytes:
        """One datagram, or a piece of a stream."""
        kinds, weights = zip(*_ATTACKS, strict=True)
        make: Callable[[Hostile], bytes] = self.chance.choices(kinds, weights)[0]
        return make(self)

    # Not MAVLink

    def _garbage(self) -> bytes:
        return self.chance.randbytes(self.chance.randint(0, 300))

    def _text(self) -> bytes:
        return b"\r\nInit ArduCopter V4.7\r\n" * self.chance.randint(1, 3)

    def _burst(self) -> bytes:
        """Markers by the thousand: each might begin a frame."""
        return bytes(self.chance.choices((MAVLINK_1, MAVLINK_2, 0, 255), k=self.chance.randint(1_000, 8_000)))

    def _truncated(self) -> bytes:
        whole = self._any_message()
        return whole[: self.chance.randint(1, len(whole) - 1)]

    def _wrong_checksum(self) -> bytes:
        whole = bytearray(self._any_message())
        whole[self.chance.randrange(1, len(whole))] ^= 1 << self.chance.randrange(8)
        return bytes(whole)

    def _huge_length(self) -> bytes:
        whole = bytearray(self._any_message())
        whole[1] = 255
        return bytes(whole)

    # MAVLink, and a lie

    def _any_message(self) -> bytes:
        kind: Any = self.chance.choice(_KINDS)
        size = kind.unpacker.size
        fill = self.chance.choice(_FILLS)
        payload = self.chance.randbytes(size) if self.chance.random() < 0.4 else (fill * size)[:size]
        return self._framed(kind, payload)

    def _framed(self, kind: Any, payload: bytes) -> bytes:
        system, component, sequence = self._system(), self._component(), self.chance.randrange(256)
        if kind.id < 256 and self.chance.random() < 0.1:
            body = bytes((MAVLINK_1, len(payload), sequence, system, component, kind.id)) + payload
        else:
            payload = payload.rstrip(b"\0") or b"\0"
            number = int(kind.id).to_bytes(3, "little")
            body = bytes((MAVLINK_2, len(payload), 0, 0, sequence, system, component)) + number + payload
        crc = mavlink.x25crc(body[1:] + bytes((kind.crc_extra,))).crc
        return body + bytes((crc & 0xFF, crc >> 8))

    def _system(self) -> int:
        return self.chance.choice((*self.vehicles, *self.vehicles, *self.vehicles, 0, 9, OUR_SYSTEM_ID, 255))

    def _component(self) -> int:
        return 1 if self.chance.random() < 0.8 else self.chance.choice((0, 100, 154, 190, 191, 255))

    def _message(self, message: Any, *, flags: int = 0) -> bytes:
        return encode(
            message,
            sequence=self.chance.randrange(256),
            system_id=self._system(),
            component_id=self._component(),
            flags=flags,
        )

    def _absurd_state(self) -> bytes:
        """What our side reads, with what cannot be."""
        pick, bits = self.chance.choice, self.chance.getrandbits
        lat, lon = pick(_E7), pick(_E7)
        odd = pick((float("nan"), float("inf"), float("-inf"), 1e38, -1.0))
        return self._message(
            pick(
                (
                    mavlink.MAVLink_heartbeat_message(bits(5), pick((3, 12, 255)), bits(8), bits(6), bits(8), 3),
                    mavlink.MAVLink_global_position_int_message(
                        bits(32), lat, lon, pick(_E7), pick(_E7), -32_768, 32_767, 0, bits(16)
                    ),
                    mavlink.MAVLink_home_position_message(lat, lon, 0, odd, odd, odd, [odd] * 4, odd, odd, odd),
                    mavlink.MAVLink_position_target_global_int_message(
                        bits(32), 6, 0, lat, lon, odd, odd, odd, odd, odd, odd, odd, odd, odd
                    ),
                    mavlink.MAVLink_wind_message(odd, odd, odd),
                    mavlink.MAVLink_gps_raw_int_message(
                        bits(63), bits(8), lat, lon, 0, 0, 0, 0, 0, 0, 0, bits(32), 0, 0, 0
                    ),
                    mavlink.MAVLink_sys_status_message(
                        bits(32), bits(32), bits(32), 0, 0, 0, self.chance.randint(-128, 127), 0, 0, 0, 0, 0, 0
                    ),
                    mavlink.MAVLink_mission_current_message(bits(16), bits(16), bits(8)),
                    mavlink.MAVLink_statustext_message(
                        bits(8), self.chance.randbytes(50), bits(16) & pick((0, 3)), bits(8)
                    ),
                    mavlink.MAVLink_autopilot_version_message(
                        bits(63), bits(32), 0, 0, 0, [bits(8)] * 8, [0] * 8, [0] * 8, 0, 0, bits(63)
                    ),
                )
            )
        )

    def _absurd_protocol(self) -> bytes:
        """Answers that nobody asked for, requests beyond the end, in no order."""
        pick, bits = self.chance.choice, self.chance.getrandbits
        to = pick((_US, _US, _US, (255, 190), (0, 0), (1, 1)))
        kind, seq = bits(2), pick((0, 1, 2, 3, 700, 65_535))
        odd = pick((float("nan"), float("inf"), 0.0, 4.0))
        return self._message(
            pick(
                (
                    mavlink.MAVLink_command_ack_message(
                        pick((11, 22, 176, 192, 207, 400, bits(16))), bits(3), 0, 0, *to
                    ),
                    mavlink.MAVLink_mission_request_message(*to, seq, kind),
                    mavlink.MAVLink_mission_request_int_message(*to, seq, kind),
                    mavlink.MAVLink_mission_ack_message(*to, bits(4), kind),
                    mavlink.MAVLink_mission_count_message(*to, seq, kind),
                    mavlink.MAVLink_mission_item_int_message(
                        *to,
                        seq,
                        3,
                        pick((16, 5001, 5100, 21)),
                        0,
                        1,
                        odd,
                        odd,
                        odd,
                        odd,
                        pick(_E7),
                        pick(_E7),
                        odd,
                        kind,
                    ),
                    mavlink.MAVLink_param_value_message(
                        pick((b"FENCE_ENABLE", b"RTL_ALT", b"SYSID_MYGCS", b"\xff" * 16)),
                        odd,
                        bits(4),
                        bits(16),
                        bits(16),
                    ),
                    mavlink.MAVLink_timesync_message(pick((0, bits(63))), bits(63)),
                    mavlink.MAVLink_command_long_message(
                        *to, pick((176, 400, 22, 192)), 0, odd, odd, odd, odd, odd, odd, odd
                    ),
                    mavlink.MAVLink_command_int_message(
                        *to, 6, 192, 0, 0, odd, odd, odd, odd, pick(_E7), pick(_E7), odd
                    ),
                    mavlink.MAVLink_setup_signing_message(*to, [0] * 32, 0),
                    mavlink.MAVLink_set_mode_message(pick((1, OUR_SYSTEM_ID)), 1, bits(5)),
                )
            )
        )

    # Signatures

    def _replayed(self) -> bytes:
        return self.chance.choice(self._heard) if self._heard else self._garbage()

    def _replayed_with_a_bit_turned(self) -> bytes:
        whole = bytearray(self._replayed() or b"\0")
        whole[self.chance.randrange(len(whole))] ^= 1 << self.chance.randrange(8)
        return bytes(whole)

    def _wrong_key(self) -> bytes:
        signing = Signing(self.chance.randbytes(32), clock=self.clock)
        beat = mavlink.MAVLink_heartbeat_message(2, 3, 128, 4, 4, 3)
        return signing.sign(self._message(beat, flags=SIGNED))

    def _invented_signature(self) -> bytes:
        beat = mavlink.MAVLink_heartbeat_message(2, 3, 128, 4, 4, 3)
        return self._message(beat, flags=SIGNED) + self.chance.randbytes(13)

    def _several(self) -> bytes:
        """In one datagram."""
        return b"".join((self._any_message(), self._absurd_state(), self._garbage(), self._absurd_protocol()))


_ATTACKS: tuple[tuple[Callable[[Hostile], bytes], float], ...] = (
    (Hostile._garbage, 5),
    (Hostile._text, 1),
    (Hostile._burst, 0.2),
    (Hostile._truncated, 6),
    (Hostile._wrong_checksum, 6),
    (Hostile._huge_length, 4),
    (Hostile._any_message, 20),
    (Hostile._absurd_state, 20),
    (Hostile._absurd_protocol, 20),
    (Hostile._replayed, 6),
    (Hostile._replayed_with_a_bit_turned, 4),
    (Hostile._wrong_key, 3),
    (Hostile._invented_signature, 3),
    (Hostile._several, 2),
)
