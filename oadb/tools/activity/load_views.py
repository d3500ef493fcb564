"""A report of the load of statements, as a table for readers and as JSON for programs."""

from collections.abc import Iterator
from datetime import timedelta

from rich.console import Group, JustifyMethod
from rich.table import Table
from rich.text import Text

from oadb.tools.activity.quantities import duration, size
from oadb.tools.activity.statement_load import CostReport, StatementCost

_HEADS = (
    "statement", "calls", "time", "mean", "share", "rows", "hits", "reads", "WAL", "temp", "where",
)  # fmt: skip  # a list

# The first columns, which every terminal shows, and the least width of labels for it.
_NEEDED, _SHORTEST = 5, 22

# Lines of a table beside its statements: the title, the heads, the rest and the others.
_BESIDE = 4

# Bytes.
_BLOCK = 8192


def screen(report: CostReport, most: int, *, width: int, height: int) -> Group:
    """Return a table of what was counted a second, with as many lines as a terminal shows.

    Statements give way: what the remarks say must be seen.
    """
    remarked = sum(-(-len(each) // width) for each in report.remarks)
    fitting = min(most, max(1, height - _BESIDE - remarked))
    return table(report, fitting, width=width, rates=True)


def table(report: CostReport, most: int, *, width: int, rates: bool) -> Group:
    """Return a title, a line for each of *most* statements, one for the others, and remarks.

    Args:
        width: of the terminal. The last columns are left out if it is too narrow for them; a long
            label is cut before calls, time and share are.
        rates: whether calls, time, rows, reads, WAL and temp are those of a second.
    """
    rows = [*_rows(report, most, max(report.seconds, 0.001) if rates else 1.0)]
    widths = [max(len(row[place]) for row in rows) + 2 for place in range(len(_HEADS))]
    widths[0] = min(widths[0], max(_SHORTEST, width + 2 - sum(widths[1:_NEEDED])))
    shown = [place for place in range(len(_HEADS)) if sum(widths[: place + 1]) <= width + 2]
    lines = Table(box=None, pad_edge=False, show_header=False)
    for place in shown:
        justify: JustifyMethod = "right" if 0 < place < len(_HEADS) - 1 else "left"
        lines.add_column(justify=justify, no_wrap=True, max_width=widths[place] - 2)
    for row in rows:
        lines.add_row(*(row[place] for place in shown))
    title = f"Statements of the last {duration(timedelta(seconds=report.seconds))}"
    title += ", per second" if rates else ""
    return Group(Text(title), lines, *map(Text, report.remarks))


def _rows(report: CostReport, most: int, seconds: float) -> Iterator[tuple[str, ...]]:
    """Yield the heads, and a text for each head of each line."""
    yield _HEADS
    for load in report.loads[:most]:
        yield (load.label, *_figures(load.cost, report.total, seconds), str(load.place))
    if len(report.loads) > most:
        yield (f"{len(report.loads) - most:,} more", *[""] * (len(_HEADS) - 1))
    yield ("other", *_figures(report.other, report.total, seconds), "")


def document(report: CostReport, most: int) -> dict[str, object]:
    """Return the same for a program; times are in milliseconds, WAL and temp in bytes."""
    return {
        "seconds": report.seconds,
        "statements": [
            {
                "label": load.label,
                "file": load.place.path,
                "line": load.place.line,
                **_numbers(load.cost, report.total),
            }
            for load in report.loads[:most]
        ],
        "other": _numbers(report.other, report.total),
        "hidden": _numbers(report.hidden, report.total),
        "total": _numbers(report.total, report.total),
        "remarks": report.remarks,
    }


def _figures(cost: StatementCost, total: StatementCost, seconds: float) -> Iterator[str]:
    yield _count(cost.calls / seconds)
    yield _time(cost.total_ms / seconds)
    yield _time(cost.mean_ms)
    yield f"{_share(cost, total):.1%}"
    yield _count(cost.rows / seconds)
    yield "-" if cost.hit_share is None else f"{cost.hit_share:.1%}"
    yield _count(cost.reads / seconds)
    yield size(cost.wal_bytes / seconds)
    yield size(cost.temporary_blocks * _BLOCK / seconds)


def _numbers(cost: StatementCost, total: StatementCost) -> dict[str, float]:
    return {
        "calls": cost.calls,
        "total_ms": cost.total_ms,
        "mean_ms": cost.mean_ms,
        "rows": cost.rows,
        "share": _share(cost, total),
        "blocks_hit": cost.hits,
        "blocks_read": cost.reads,
        "wal_bytes": cost.wal_bytes,
        "temp_bytes": cost.temporary_blocks * _BLOCK,
    }


def _share(cost: StatementCost, total: StatementCost) -> float:
    return cost.total_ms / total.total_ms if total.total_ms else 0.0


def _count(number: float) -> str:
    return f"{number:,.0f}" if number >= 10 or number == int(number) else f"{number:.1f}"


def _time(milliseconds: float) -> str:
    if milliseconds >= 10_000:
        return f"{milliseconds / 1000:,.0f} s"
    return f"{milliseconds:.0f} ms" if milliseconds >= 100 else f"{milliseconds:.3g} ms"
