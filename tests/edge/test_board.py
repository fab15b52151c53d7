"""What a board tells of itself, from files as boards have them."""

from pathlib import Path

import pytest

from edge.board import BoardReading, Heat, read_board


def write(root: Path, files: dict[str, str]) -> Path:
    for name, text in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text + "\n")
    return root


def zone(number: int, kind: str, milli_c: str, **points: int) -> dict[str, str]:
    """Trip points by their kind, milli degrees."""
    folder = f"sys/class/thermal/thermal_zone{number}"
    files = {f"{folder}/type": kind, f"{folder}/temp": milli_c}
    for n, (point, at) in enumerate(points.items()):
        files |= {f"{folder}/trip_point_{n}_type": point, f"{folder}/trip_point_{n}_temp": str(at)}
    return files


JETSON = {
    **zone(0, "cpu-thermal", "71500", active=50_000, passive=99_000, critical=104_500),
    **zone(1, "gpu-thermal", "88000", passive=95_000, critical=104_500),
    **zone(2, "pmic", "255000"),
    "sys/class/thermal/cooling_device0/type": "pwm-fan",
    "sys/class/thermal/cooling_device0/cur_state": "4",
    "sys/class/thermal/cooling_device1/type": "cpufreq-cpu0",
    "sys/class/thermal/cooling_device1/cur_state": "0",
    "sys/class/hwmon/hwmon3/in1_label": "VDD_IN",
    "sys/class/hwmon/hwmon3/in1_input": "19200",
    "sys/class/hwmon/hwmon3/curr1_input": "500",
    "var/lib/nvpmodel/status": "pmode:0002 fmode:fanNull",
    "etc/nvpmodel.conf": "< POWER_MODEL ID=0 NAME=MAXN >\n< POWER_MODEL ID=2 NAME=MODE_30W >",
}


def test_a_jetson_tells_the_zone_nearest_to_its_limit_its_power_and_its_mode(tmp_path: Path) -> None:
    board = read_board(write(tmp_path, JETSON))

    assert board == BoardReading(88.0, 95.0, False, 9.6, "2 MODE_30W", "gpu-thermal 88 °C of 95")
    assert board.heat is Heat.WARM


@pytest.mark.parametrize(
    ("files", "heat", "detail"),
    [
        pytest.param(zone(0, "cpu", "60000", passive=95_000), Heat.COOL, "", id="cool"),
        pytest.param(zone(0, "cpu", "95000", passive=95_000), Heat.HOT, "cpu 95 °C of 95", id="at its limit"),
        pytest.param(zone(0, "cpu", "91000", critical=100_000), Heat.HOT, "cpu 91 °C of 90", id="before it shuts down"),
        pytest.param(zone(0, "cpu", "90000"), Heat.WARM, "cpu 90 °C of 95", id="no point named"),
        pytest.param(zone(0, "cpu", "off"), Heat.COOL, "", id="a sensor that is off"),
        pytest.param(
            {**JETSON, "sys/class/thermal/cooling_device1/cur_state": "3"},
            Heat.HOT,
            "gpu-thermal 88 °C of 95; slowed down by cpufreq-cpu0",
            id="slowed down",
        ),
        pytest.param(
            {"sys/devices/platform/soc/soc:firmware/get_throttled": "5"},
            Heat.HOT,
            "slowed down by its firmware; under-voltage",
            id="a Raspberry Pi with a weak supply",
        ),
        pytest.param(
            {"sys/devices/platform/soc/soc:firmware/get_throttled": "50000"}, Heat.COOL, "", id="throttled once"
        ),
        pytest.param({}, Heat.COOL, "", id="a board that tells nothing"),
    ],
)
def test_heat_is_measured_against_where_the_kernel_slows_down(
    files: dict[str, str], heat: Heat, detail: str, tmp_path: Path
) -> None:
    board = read_board(write(tmp_path, files))

    assert (board.heat, board.detail) == (heat, detail)


def test_this_machine_can_be_asked() -> None:
    board = read_board()

    assert board.temperature_c is None or -60.0 < board.temperature_c < 150.0
