"""The twenty statements that a trading service calls most, and why; their curve, and its page."""

import json
from collections.abc import Iterator, Mapping
from math import log10
from pathlib import Path

HOT = {
    "every request": [
        "sessions._find_by_digest",
        "api_keys._find_by_digest",
        "users.get",
        "user_settings._find",
        "live_bans._get_state",
        "ip_bans._find_active",
        "traffic._insert",
    ],
    "every order": ["instruments.get", "api_logs._insert", "latency._insert"],
    "a sign-in": ["users.find_by_username", "stored_passwords._find_password"],
    "pages that people open": [
        "sessions.list_by_user",
        "api_logs.get",
        "api_logs.list_calls +user_id",
        "traffic.get",
        "traffic._list_requests",
        "users.list_all",
        "users.estimate_count",
        "ip_bans.count_up_to",
    ],
}

LABELS = [label for labels in HOT.values() for label in labels]

FIGURES = Path(__file__).parents[2] / "docs/figures"
PAGE = FIGURES.parent / "scale.md"

Found = Mapping[str, Mapping[int, float]]
"""Of each label, by the rows of the largest tables: microseconds of a call."""


def load() -> Found:
    """Return what the run has found that the documents show."""
    raw = json.loads((FIGURES / "growth.json").read_text())
    return {
        label: {int(size): microseconds for size, microseconds in sizes.items()}
        for label, sizes in raw["microseconds"].items()
    }


def table(found: Found) -> str:
    """Return the table of a run, in Markdown."""
    sizes = list(found[LABELS[0]])
    head = "".join(f" 10^{log10(size):.0f} rows, us |" for size in sizes)
    lines = [
        f"| called by | statement |{head} times |",
        f"| --- | --- |{' ---: |' * len(sizes)} ---: |",
    ]
    for reason, labels in HOT.items():
        for label in labels:
            first, *_, last = found[label].values()
            cells = "".join(f" {each:.0f} |" for each in found[label].values())
            lines.append(f"| {reason} | `{label}` |{cells} {last / first:.1f} |")
    return "\n".join(lines) + "\n"


# The picture: both axes by powers of ten ------------------------------------------------------

_WIDTH, _HEIGHT, _LEFT, _TOP, _RIGHT, _LINE = 520, 400, 60, 20, 270, 19
_COLOURS = ("#0b6", "#06c", "#c30", "#90c", "#c80", "#088", "#666", "#c06", "#4a0", "#00a")


def picture(found: Found) -> str:
    """Draw the microseconds of each statement against the rows of the largest tables."""
    every = [log10(each) for sized in found.values() for each in sized.values()]
    low, high = int(min(every)), int(max(every)) + 1
    sizes = [log10(size) for size in found[LABELS[0]]]

    def across(size: float) -> float:
        return _LEFT + (size - sizes[0]) / (sizes[-1] - sizes[0]) * (_WIDTH - _LEFT)

    def up(power: float) -> float:
        return _HEIGHT - (power - low) / (high - low) * (_HEIGHT - _TOP)

    def lines() -> Iterator[str]:
        for size in sizes:
            x = across(size)
            yield f'<text x="{x:.0f}" y="{_HEIGHT + 18}" text-anchor="middle">10^{size:.0f}</text>'
        for power in range(low, high + 1):
            y, shown = up(power), f"{10**power:,} us"
            yield f'<text x="{_LEFT - 6}" y="{y + 4:.0f}" text-anchor="end">{shown}</text>'
            yield f'<path d="M{_LEFT} {y:.0f}H{_WIDTH}" stroke="#ddd"/>'
        for number, (label, sized) in enumerate(found.items()):
            colour = _COLOURS[number % len(_COLOURS)]
            dashes = ' stroke-dasharray="5 3"' if number >= len(_COLOURS) else ""
            points = " ".join(
                f"{across(log10(size)):.0f},{up(log10(each)):.0f}" for size, each in sized.items()
            )
            yield f'<polyline points="{points}" fill="none" stroke="{colour}"{dashes}/>'
            place = f'x="{_WIDTH + 15}" y="{_TOP + _LINE * number}"'
            yield f'<text {place} fill="{colour}">{label}</text>'

    size = f'viewBox="0 0 {_WIDTH + _RIGHT} {_HEIGHT + 30}" font-family="sans-serif"'
    head = f'<svg xmlns="http://www.w3.org/2000/svg" {size} font-size="12">'
    return "\n".join((head, '<rect width="100%" height="100%" fill="#fff"/>', *lines(), "</svg>\n"))
