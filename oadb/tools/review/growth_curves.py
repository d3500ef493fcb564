"""Growth drawn as SVG: the cost of a plan by the rows of the largest tables, both logarithmic."""

from collections.abc import Sequence
from html import escape
from math import log10

from oadb.tools.review.text_filters import power

_WIDTH, _HEIGHT = 360, 150
_LEFT, _RIGHT, _TOP, _BOTTOM = 64, 16, 14, 30


def draw(points: Sequence[tuple[int, float]], label: str) -> str:
    """Return the drawing; *points* are rows and costs, the least rows first."""
    xs = [log10(rows) for rows, _ in points]
    ys = [log10(max(cost, 0.1)) for _, cost in points]
    low, high = min(*ys, ys[0]), max(*ys, min(ys) + 2)  # a flat curve looks flat
    places = [(_place(x, xs[0], xs[-1]), _down(y, low, high)) for x, y in zip(xs, ys, strict=True)]
    line = "L".join(f"{x:.0f} {y:.0f}" for x, y in places)
    floor = _HEIGHT - _BOTTOM
    parts = [
        f'<path class=axis d="M{_LEFT} {_TOP}V{floor}H{_WIDTH - _RIGHT}" />',
        f'<path class=curve d="M{line}" />',
    ]
    for (x, y), (rows, cost) in zip(places, points, strict=True):
        title = f"<title>{rows:,} rows: cost {cost:,.0f}</title>"
        parts += [
            f"<g>{title}<circle cx={x:.0f} cy={y:.0f} /></g>",
            _text(x, floor + 18, "middle", f"{power(rows)} rows"),
        ]
    for y, cost in ((low, 10**low), (high, 10**high)):
        parts.append(_text(_LEFT - 8, _down(y, low, high) + 4, "end", _cost(cost)))
    return (
        f'<svg class=growth role=img aria-label="{escape(label)}" '
        f'viewBox="0 0 {_WIDTH} {_HEIGHT}">{"".join(parts)}</svg>'
    )


def _text(x: float, y: float, anchor: str, text: str) -> str:
    return f"<text class=d x={x:.0f} y={y:.0f} text-anchor={anchor}>{text}</text>"


def _place(value: float, first: float, last: float) -> float:
    share = (value - first) / (last - first) if last > first else 0.5
    return _LEFT + 12 + share * (_WIDTH - _LEFT - _RIGHT - 24)


def _down(value: float, low: float, high: float) -> float:
    share = (value - low) / (high - low) if high > low else 0
    return _HEIGHT - _BOTTOM - 6 - share * (_HEIGHT - _TOP - _BOTTOM - 12)


def _cost(cost: float) -> str:
    return f"{cost:.1f}" if cost < 10 else f"{cost:,.0f}" if cost < 1e6 else f"{cost:.0e}"
