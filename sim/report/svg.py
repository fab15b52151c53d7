"""SVG by hand: elements, axes and scales, enough for a page that needs no network and no script.

Coordinates are the picture's own, y down; every text is escaped here and nowhere else.
"""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from xml.sax.saxutils import escape, quoteattr

Place = tuple[float, float]


def element(tag: str, *content: str, **attributes: object) -> str:
    """`content` is SVG already; an attribute `stroke_width` is stroke-width, `cls` is class."""
    written = "".join(
        f" {'class' if name == 'cls' else name.replace('_', '-')}={quoteattr(_number(value))}"
        for name, value in attributes.items()
        if value is not None
    )
    return f"<{tag}{written}>{''.join(content)}</{tag}>"


def text(words: str, x: float, y: float, **attributes: object) -> str:
    return element("text", escape(words), x=x, y=y, **attributes)


def title(words: str) -> str:
    """What a pointer that rests on the element shows."""
    return element("title", escape(words))


def path(places: Iterable[Place], *content: str, is_closed: bool = False, **attributes: object) -> str:
    line = "M" + "L".join(f"{x:.1f} {y:.1f}" for x, y in places)
    return element("path", *content, d=line + ("Z" if is_closed else ""), **attributes)


def picture(width: float, height: float, *content: str, label: str) -> str:
    return element("svg", *content, viewBox=f"0 0 {width:.0f} {height:.0f}", role="img", aria_label=label)


def _number(value: object) -> str:
    return f"{value:.1f}" if isinstance(value, float) else str(value)


@dataclass(frozen=True, slots=True)
class Scale:
    """A value's place along an axis."""

    low: float
    high: float
    start: float
    end: float

    def __call__(self, value: float) -> float:
        return self.start + (value - self.low) / ((self.high - self.low) or 1.0) * (self.end - self.start)


def ticks(low: float, high: float, *, about: int = 6) -> list[float]:
    """Round values from `low` to `high`, steps of 1, 2 or 5 times a power of ten."""
    span = (high - low) or 1.0
    raw = span / about
    power = 10.0 ** math.floor(math.log10(raw))
    step = next(factor * power for factor in (1, 2, 5, 10) if factor * power >= raw * 0.999)
    first = math.ceil(low / step - 1e-9)
    return [round(k * step, 10) for k in range(first, math.floor(high / step + 1e-9) + 1)]


def time_ticks(length_s: float, *, about: int = 8) -> list[float]:
    steps = (1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 14400, 21600, 43200, 86400)
    step = next((each for each in steps if each >= length_s / about), steps[-1])
    return [float(k * step) for k in range(int(length_s // step) + 1)]


def clock(seconds: float) -> str:
    """Minutes and seconds since the scenario began; hours when there are any."""
    whole = round(seconds)
    hours, rest = divmod(whole, 3600)
    minutes, second = divmod(rest, 60)
    return f"{hours}:{minutes:02d}:{second:02d}" if hours else f"{minutes}:{second:02d}"


def bottom_axis(scale: Scale, values: Sequence[float], y: float, *, top: float, words: str) -> str:
    lines = [
        element("line", x1=scale(value), x2=scale(value), y1=top, y2=y, cls="grid")
        + text(f"{value:g}", scale(value), y + 16, cls="tick middle")
        for value in values
    ]
    return "".join(lines) + text(words, (scale.start + scale.end) / 2, y + 34, cls="axis middle")
