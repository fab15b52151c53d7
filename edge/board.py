"""What the board tells of itself: temperature, throttling, power, as files under /sys and /proc.

Nothing is assumed to be there: what a board does not tell is None. Files of Linux's thermal and hwmon classes, of
NVIDIA's nvpmodel and INA3221, of the Raspberry Pi's firmware.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from enum import IntEnum
from pathlib import Path

MARGIN_C = 8.0  # below the point where the kernel slows the board down: time to do less by choice
DEFAULT_LIMIT_C = 95.0  # of a zone that names no such point; Jetson modules slow down at 95 to 99
CRITICAL_MARGIN_C = 10.0  # before a point that shuts the board down
PLAUSIBLE_C = (-60.0, 150.0)  # sensors that are off read 0 K or 255
SLOWS_DOWN = ("cpufreq", "devfreq", "processor", "cpu", "gpu")  # cooling devices that are not fans
PI_THROTTLED = 0b1110  # get_throttled: frequency capped, throttled, soft limit; now, not since boot
PI_UNDER_VOLTAGE = 0b1


class Heat(IntEnum):
    """How much of its work a node should leave."""

    COOL = 0
    WARM = 1  # near the limit
    HOT = 2  # at the limit, or the board is slowed down already


@dataclass(frozen=True, slots=True)
class BoardReading:
    """temperature_c: of the zone nearest to its limit, `limit_c`. is_throttled: the board runs slower than it could.

    detail: what is wrong, in words; empty when nothing is.
    """

    temperature_c: float | None = None
    limit_c: float | None = None
    is_throttled: bool | None = None
    power_w: float | None = None
    power_mode: str | None = None
    detail: str = ""

    @property
    def heat(self) -> Heat:
        """COOL where the board tells nothing."""
        if self.is_throttled:
            return Heat.HOT
        if self.temperature_c is None or self.limit_c is None:
            return Heat.COOL
        if self.temperature_c >= self.limit_c:
            return Heat.HOT
        return Heat.WARM if self.temperature_c >= self.limit_c - MARGIN_C else Heat.COOL


def read_board(root: Path = Path("/")) -> BoardReading:
    """The board now. `root` is where /sys and /var stand."""
    zones = sorted(_zones(root), key=lambda zone: zone[0] - zone[1])
    temperature_c, limit_c, zone = zones[-1] if zones else (None, None, "")
    slowed = [kind for kind, state in _cooling(root) if state > 0]
    pi = _pi_throttled(root)
    is_throttled = None if pi is None and not list(_cooling(root)) else bool(slowed or (pi or 0) & PI_THROTTLED)
    words = []
    if temperature_c is not None and limit_c is not None and temperature_c >= limit_c - MARGIN_C:
        words.append(f"{zone} {temperature_c:.0f} °C of {limit_c:.0f}")
    if is_throttled:
        words.append(f"slowed down by {', '.join(sorted(set(slowed))) or 'its firmware'}")
    if pi is not None and pi & PI_UNDER_VOLTAGE:
        words.append("under-voltage")
    return BoardReading(temperature_c, limit_c, is_throttled, _power_w(root), _power_mode(root), "; ".join(words))


def _zones(root: Path) -> Iterator[tuple[float, float, str]]:
    """Temperature, limit and name of each thermal zone."""
    for folder in sorted((root / "sys/class/thermal").glob("thermal_zone*")):
        milli_c = _number(folder / "temp")
        if milli_c is None or not PLAUSIBLE_C[0] < milli_c / 1e3 < PLAUSIBLE_C[1] or milli_c == 0:
            continue
        yield milli_c / 1e3, _limit_c(folder), _words(folder / "type") or folder.name


def _limit_c(zone: Path) -> float:
    """Where the kernel begins to slow down (the lowest passive point), else well before it shuts down."""
    points: dict[str, list[float]] = {}
    for path in zone.glob("trip_point_*_type"):
        milli_c = _number(path.with_name(path.name.replace("_type", "_temp")))
        if milli_c is not None and milli_c > 0:
            points.setdefault(_words(path) or "", []).append(milli_c / 1e3)
    if points.get("passive"):
        return min(points["passive"])
    last = points.get("hot", []) + points.get("critical", [])
    return min([*(point - CRITICAL_MARGIN_C for point in last), DEFAULT_LIMIT_C])


def _cooling(root: Path) -> Iterator[tuple[str, int]]:
    """Kind and state (0: full speed) of what slows the board down."""
    for folder in sorted((root / "sys/class/thermal").glob("cooling_device*")):
        kind = _words(folder / "type") or ""
        state = _number(folder / "cur_state")
        if state is not None and any(word in kind.lower() for word in SLOWS_DOWN):
            yield kind, round(state)


def _pi_throttled(root: Path) -> int | None:
    text = _words(root / "sys/devices/platform/soc/soc:firmware/get_throttled")
    try:
        return None if text is None else int(text, 16)
    except ValueError:
        return None


def _power_w(root: Path) -> float | None:
    """Of the whole module: the INA3221 channel that is labelled VDD_IN, volts times amperes."""
    for label in sorted((root / "sys/class/hwmon").glob("hwmon*/in*_label")):
        if _words(label) != "VDD_IN":
            continue
        channel = label.name.removeprefix("in").removesuffix("_label")
        milli_v, milli_a = (_number(label.with_name(f"{kind}{channel}_input")) for kind in ("in", "curr"))
        if milli_v is not None and milli_a is not None:
            return milli_v * milli_a / 1e6
    return None


def _power_mode(root: Path) -> str | None:
    """nvpmodel's, by number and name: `2 MODE_30W`; elsewhere the governor of the first core."""
    status = _words(root / "var/lib/nvpmodel/status")
    if status is not None and status.startswith("pmode:"):
        number = status.removeprefix("pmode:").split()[0].lstrip("0") or "0"
        table = _words(root / "etc/nvpmodel.conf") or ""
        marks = (line for line in table.splitlines() if line.startswith("< POWER_MODEL ") and f"ID={number} " in line)
        named = next((line.split("NAME=")[1].split()[0] for line in marks if "NAME=" in line), "")
        return f"{number} {named}".strip()
    return _words(root / "sys/devices/system/cpu/cpu0/cpufreq/scaling_governor")


def _number(path: Path) -> float | None:
    text = _words(path)
    try:
        return None if text is None else float(text)
    except ValueError:
        return None


def _words(path: Path) -> str | None:
    """None for what is not there; drivers answer a read with any error."""
    try:
        return path.read_text(encoding="utf-8", errors="replace").strip()
    except OSError:
        return None
