"""A picture of a question: a bar for each library, the dark part of which is CPU time."""

from collections.abc import Iterator, Sequence
from html import escape

from tests.benchmarks.contest.recorded import Measured

_NAMES, _BARS, _FIGURES, _LINE, _TOP = 430, 380, 110, 20, 44
_OURS, _THEIRS = ("#08a08a", "#04564a"), ("#9db4d8", "#4d6a9c")


def unit(seconds: float) -> tuple[float, str]:
    """Return by what to multiply seconds of this size, and the name of what that gives."""
    return (1e6, "us") if seconds < 1e-3 else (1e3, "ms")


def shown(value: float) -> str:
    """Return a figure with three digits."""
    return f"{value:,.0f}" if value >= 100 else f"{value:.1f}" if value >= 10 else f"{value:.2f}"


def bars(title: str, entrants: Sequence[Measured]) -> str:
    """Draw the median time of each, with its interval as a line."""
    longest = max(each.clock.high for each in entrants)
    factor, name = unit(min(each.clock.middle for each in entrants))
    height = _TOP + _LINE * len(entrants) + 10
    size = f'viewBox="0 0 {_NAMES + _BARS + _FIGURES} {height}" font-family="sans-serif"'
    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" {size} font-size="12" role="img">',
        '<rect width="100%" height="100%" fill="#fff"/>',
        f'<text x="10" y="18" font-size="14" font-weight="bold">{escape(title)}</text>',
        f'<text x="10" y="34" fill="#555">{name} of one call; dark: CPU time of the client</text>',
    ]
    for number, each in enumerate(entrants):
        lines += _bar(each, _TOP + _LINE * number, _BARS / longest, factor)
    return "\n".join((*lines, "</svg>\n"))


def _bar(each: Measured, top: int, scale: float, factor: float) -> Iterator[str]:
    light, dark = _OURS if each.name.startswith("oadb") else _THEIRS
    weight = ' font-weight="bold"' if each.name.startswith("oadb") else ""
    name = escape(f"{each.name} ({each.how})")
    yield f'<text x="{_NAMES - 8}" y="{top + 13}" text-anchor="end"{weight}>{name}</text>'
    for seconds, colour in ((each.clock.middle, light), (each.cpu.middle, dark)):
        width = min(seconds, each.clock.middle) * scale
        yield (
            f'<rect x="{_NAMES}" y="{top + 2}" width="{width:.1f}" height="{_LINE - 5}" '
            f'fill="{colour}"/>'
        )
    low, high = (_NAMES + end * scale for end in (each.clock.low, each.clock.high))
    middle = top + _LINE // 2
    yield f'<path d="M{low:.1f} {middle}H{high:.1f}" stroke="#111" stroke-width="1.5"/>'
    yield f'<text x="{high + 6:.1f}" y="{top + 13}">{shown(each.clock.middle * factor)}</text>'
