"""The gate's geometry a second time, slowly and by other means: points walked along a way, rectangles by their sides.

It shares no code with fleet/flight and knows the test site: its fence, its no-fly square, its hall, all axis-parallel.
"""

import math
from collections.abc import Iterator

Point = tuple[float, float]
SIZE_M = 300.0  # the fence: 0..300 east and north
HOSPITAL = (200.0, 60.0, 30.0)  # south-west corner, side
HALL = (200.0, 200.0, 20.0)
STEP_M = 1.5
BACK_STEP_M = 6.0


def within_fence_m(point: Point) -> float:
    """Distance to the nearest side; negative outside (then it is not a distance)."""
    x, y = point
    return min(x, SIZE_M - x, y, SIZE_M - y)


def to_square_m(point: Point, square: tuple[float, float, float]) -> float:
    x, y, side = square
    return math.hypot(max(x - point[0], 0.0, point[0] - x - side), max(y - point[1], 0.0, point[1] - y - side))


def walk(a: Point, b: Point, step_m: float = STEP_M) -> Iterator[Point]:
    steps = max(1, math.ceil(math.dist(a, b) / step_m))
    for step in range(steps + 1):
        yield (a[0] + step / steps * (b[0] - a[0]), a[1] + step / steps * (b[1] - a[1]))


def objections(
    a: Point, b: Point, home: Point, *, lowest_m: float, margin_m: float, error_m: float, slack_m: float
) -> list[str]:
    """Why a copter must not go from `a` to `b`. Positive slack overlooks small violations, negative objects early."""
    said = []
    if min(within_fence_m(a), within_fence_m(b)) < -slack_m:
        return ["outside"]
    if within_fence_m(b) < margin_m - slack_m:
        said.append("destination near the fence")
    for point in walk(a, b):
        if within_fence_m(point) < min(margin_m, within_fence_m(a)) - slack_m:
            said.append("near the fence")
        for name, square, clears in (("hospital", HOSPITAL, False), ("hall", HALL, lowest_m - 5.0 >= 8.0)):
            gap_m = to_square_m(point, square)
            if not clears and (gap_m == 0.0 or gap_m < min(margin_m, to_square_m(a, square)) - slack_m):
                said.append(f"near {name}")
    for point in walk(a, b, BACK_STEP_M):
        for back in walk(point, home):
            # the hall is 8 m high and the drone returns at 30 m: only the hospital is in the way
            gap_m = to_square_m(back, HOSPITAL)
            if gap_m == 0.0 or gap_m < min(error_m, to_square_m(home, HOSPITAL)) - slack_m:
                said.append("no way home")
    return said
