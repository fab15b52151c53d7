"""The battery: charge counts, voltage only follows. `remaining_percent` is judged by mAh, as ArduPilot's is."""

from dataclasses import dataclass

CELLS = 4
FULL_V, EMPTY_V = 4.2 * CELLS, 3.3 * CELLS
INTERNAL_OHM = 0.015


@dataclass(slots=True)
class Battery:
    capacity_mah: float
    used_mah: float = 0.0
    current_a: float = 0.0

    def sag_to(self, frac: float) -> None:
        """Lose charge at once down to this share, if there is more."""
        self.used_mah = max(self.used_mah, (1.0 - frac) * self.capacity_mah)

    def drain(self, current_a: float, dt_s: float) -> None:
        self.current_a = current_a
        self.used_mah = min(self.capacity_mah, self.used_mah + current_a * dt_s / 3.6)

    @property
    def remaining_mah(self) -> float:
        return self.capacity_mah - self.used_mah

    @property
    def remaining_percent(self) -> int:
        return int(100 * self.remaining_mah / self.capacity_mah)

    @property
    def is_flat(self) -> bool:
        return self.used_mah >= self.capacity_mah

    @property
    def voltage_v(self) -> float:
        """Straight between full and empty, less what the internal resistance takes."""
        return EMPTY_V + (FULL_V - EMPTY_V) * self.remaining_mah / self.capacity_mah - self.current_a * INTERNAL_OHM


def copter_current_a(*, air_speed_m_s: float, climb_m_s: float) -> float:
    """A 1.5 kg quad: 15 A in hover, more against the air (its own speed and the wind's) and up, a little less down."""
    return 15.0 + 0.04 * air_speed_m_s**2 + (4.0 if climb_m_s > 0 else 1.0) * climb_m_s


def rover_current_a(*, ground_speed_m_s: float) -> float:
    """Computer and radios, then rolling resistance."""
    return 0.8 + 2.0 * abs(ground_speed_m_s)


IDLE_A = 0.5
