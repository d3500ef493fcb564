"""What the documents say of a trading day."""

import json
from collections.abc import Iterator, Sequence
from html import escape
from math import log10
from pathlib import Path
from statistics import median
from typing import TypedDict

from tests.benchmarks.contest.pages import table, written
from tests.benchmarks.contest.pictures import shown

COMMAND = "python tests/benchmarks/day.py"
PICTURE = "day.svg"

_NAMES, _BARS, _LINE, _TOP = 300, 360, 22, 44


class Kept(TypedDict):
    """A part as it is kept: a figure of each side for each round."""

    key: str
    what: str
    unit: str
    is_rate: bool
    ours: list[float]
    theirs: list[float]


class Day(TypedDict):
    """A run as it is kept."""

    made: str
    revision: str
    machine: list[str]
    ours: str
    theirs: str
    parts: list[Kept]


def read(folder: Path) -> Day:
    """Return the run that is kept."""
    found: Day = json.loads((folder / "day.json").read_text())
    return found


def render(docs: Path) -> None:
    """Write the documents anew."""
    day = read(docs / "figures")
    page, readme = docs / "performance.md", docs.parent / "README.md"
    page.write_text(written(page.read_text(), "day", performance(day)))
    readme.write_text(written(readme.read_text(), "headline", headline(day)))
    (docs / "figures" / PICTURE).write_text(picture(day))


def performance(day: Day) -> str:
    """Return the part of docs/performance.md."""
    rounds = len(day["parts"][0]["ours"])
    head = (
        f"Run of {day['made']}, revision {day['revision']}, by `{COMMAND}`: medians of {rounds} "
        f"rounds in turn, with the least and the greatest ratio. {day['machine'][0]}. "
        f"oadb: {day['ours']}. The other side: {day['theirs']}."
    )
    shape = f"![How many times as well oadb does, by part of the day](figures/{PICTURE})"
    return f"{head}\n\n{shape}\n\n{_table(day)}"


def headline(day: Day) -> str:
    """Return the sentence of the README."""
    parts = {part["key"]: part for part in day["parts"]}
    orders, eight = (_times(parts[key])[0] for key in ("orders", "orders-8"))
    first, log, asked = (_times(parts[key])[0] for key in ("first", "requests", "dashboard"))
    misses = [median(each) for each in (parts["misses"]["ours"], parts["misses"]["theirs"])]
    return (
        f"**How fast.** On a trading day, beside SQLAlchemy on SQLite as OpenAlgo uses it: "
        f"{shown(orders)} times the orders a second with one thread and {shown(eight)} with eight, "
        f"a process's first order {shown(first)} times as fast, {shown(log)} times the log, "
        f"statistics {shown(asked)} times as fast, and of 100 lookups in the database during a "
        f"reload {misses[0]:.0f} miss where {misses[1]:.0f} do; oadb commits to the disk, SQLite "
        f"there does not. Run of {day['made']}."
    )


def _table(day: Day) -> str:
    def rows() -> Iterator[Sequence[str]]:
        for part in day["parts"]:
            both = (part["ours"], part["theirs"])
            ours, theirs = (f"{shown(median(each))} {part['unit']}" for each in both)
            middle, low, high = _times(part)
            ratio = f"{shown(middle)} [{shown(low)}, {shown(high)}]" if middle else ""
            yield [part["what"], ours, theirs, ratio]

    return table(["what", "oadb", "SQLAlchemy on SQLite", "times as good"], rows())


def _times(part: Kept) -> tuple[float, float, float]:
    """Return how many times as well oadb does: median, least and most; zeros where it cannot be."""
    pairs = list(zip(part["ours"], part["theirs"], strict=True))
    if not all(one and other for one, other in pairs):
        return 0.0, 0.0, 0.0
    ratios = [one / other if part["is_rate"] else other / one for one, other in pairs]
    return median(ratios), min(ratios), max(ratios)


def picture(day: Day) -> str:
    """Draw the ratios, by powers of ten: to the right of the line oadb does better."""
    found = [(part["what"], *_times(part)) for part in day["parts"] if _times(part)[0]]
    reach = max(abs(log10(end)) for _, *ends in found for end in ends) or 1.0
    middle, scale = _NAMES + _BARS / 2, _BARS / 2 / reach
    height = _TOP + _LINE * len(found) + 10
    size = f'viewBox="0 0 {_NAMES + _BARS + 90} {height}" font-family="sans-serif"'
    title = "A trading day: times as good as SQLAlchemy on SQLite"
    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" {size} font-size="12" role="img">',
        '<rect width="100%" height="100%" fill="#fff"/>',
        f'<text x="10" y="18" font-size="14" font-weight="bold">{title}</text>',
        '<text x="10" y="34" fill="#555">by powers of ten; right of the line oadb is better</text>',
    ]
    for number, (what, ratio, low, high) in enumerate(found):
        top, end = _TOP + _LINE * number, middle + log10(ratio) * scale
        colour = "#08a08a" if ratio >= 1 else "#c05a2e"
        left, right = (middle + log10(each) * scale for each in (low, high))
        width = f'width="{abs(end - middle):.1f}" height="{_LINE - 6}"'
        lines += [
            f'<text x="{_NAMES - 8}" y="{top + 14}" text-anchor="end">{escape(what)}</text>',
            f'<rect x="{min(middle, end):.1f}" y="{top + 2}" {width} fill="{colour}"/>',
            f'<path d="M{left:.1f} {top + 10}H{right:.1f}" stroke="#111" stroke-width="1.5"/>',
            f'<text x="{max(right, end, middle) + 6:.1f}" y="{top + 14}">{shown(ratio)}</text>',
        ]
    line = f'<path d="M{middle:.1f} {_TOP - 4}V{height - 6}" stroke="#777"/>'
    return "\n".join((*lines, line, "</svg>\n"))
