"""The command ``oadb stats``: traffic and latency of a window, as tables and histograms."""

from collections.abc import Iterator, Sequence
from datetime import timedelta
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from oadb.engine.database import Database
from oadb.logs import latency, rollups, traffic
from oadb.tools import catalog
from oadb.tools.commands import options, spans
from oadb.tools.commands.json_output import AsJson, print_json
from oadb.tools.commands.options import DatabaseUrl
from oadb.tools.commands.spans import Span

app = options.command()

_MOST_ENDPOINTS, _MOST_BARS = 20, 10

# The width of output that does not go to a terminal.
_PIPED_WIDTH = 120

_UNLIMITED_WIDTH = 1000

_LONGEST_BAR, _BAR_LABEL_WIDTH = 40, 32

_USUAL_LAG = timedelta(hours=1)

_DAY = spans.parse("24h")


@app.command()
def run_stats(
    last: Annotated[
        Span,
        typer.Option(parser=spans.parse, metavar="SPAN", help="The window: this long until now."),
    ] = _DAY,
    as_json: AsJson = False,
    _url: DatabaseUrl = None,
) -> None:
    """Show traffic and latency until now.

    Counts, shares, averages, percentiles and histograms.
    """
    with Database.from_env() as db:
        until = catalog.describe_server(db).clock
        since = until - last.length
        requests = traffic.statistics(db, since=since, until=until)
        calls = latency.statistics(db, since=since, until=until)
        backlog = rollups.list_backlog(db)
    if as_json:
        window = {"since": since, "until": until}
        print_json({**window, "traffic": requests, "latency": calls, "backlog": backlog})
        return
    console = Console(highlight=False, markup=False)
    if not console.is_terminal:
        console.width = _PIPED_WIDTH
    _show_traffic(console, requests, last)
    _show_latency(console, calls, last)
    for waiting in backlog:
        if until - waiting.first_at > _USUAL_LAG:
            console.print(_backlog_advice(waiting))


def _backlog_advice(waiting: rollups.Backlog) -> str:
    return (
        f"{waiting.table_name}: {_counted(waiting.batches, 'batch', 'batches')} since "
        f"{waiting.first_at:%Y-%m-%d %H:%M %Z} not in rollups, so statistics are slower; "
        "run oadb maintain"
    )


def _show_traffic(console: Console, found: traffic.TrafficStatistics, last: Span) -> None:
    console.print(f"Traffic, last {last}: {_counted(found.total.requests, 'request', 'requests')}")
    if not found.total.requests:
        return
    shown = found.endpoints[:_MOST_ENDPOINTS]
    _show_rows(
        console,
        ("endpoint", "requests", "errors", "average", "p50", "p95", "p99"),
        [
            ("all", *_requests(found.total)),
            *((each.endpoint or "(no route)", *_requests(each)) for each in shown),
        ],
    )
    if len(found.endpoints) > len(shown):
        console.print(f"and {len(found.endpoints) - len(shown):,} more endpoints")
    _show_bars(console, found.total.bins, found.total.counts)


def _requests(summary: traffic.EndpointTraffic) -> Iterator[str]:
    yield f"{summary.requests:,}"
    yield f"{summary.errors / summary.requests:.1%}"
    yield from map(_time, (summary.average_ms, summary.p50_ms, summary.p95_ms, summary.p99_ms))


def _show_latency(console: Console, found: latency.LatencyStatistics, last: Span) -> None:
    console.print(f"Latency, last {last}: {_counted(found.total.total.calls, 'call', 'calls')}")
    if not found.total.total.calls:
        return
    summaries = {"all": found.total} | {
        each.total.broker or "(unknown)": each for each in found.brokers
    }
    _show_rows(
        console,
        ("broker", "calls", "failed", "<100 ms", "<150 ms", "<200 ms"),
        [(name, *_calls(each.total)) for name, each in summaries.items()],
    )
    _show_rows(
        console,
        ("broker", "average", "p50", "p95", "p99", "rtt p50", "rtt p99"),
        [(name, *_times(each)) for name, each in summaries.items()],
    )
    _show_bars(console, found.total.total.bins, found.total.total.counts)


def _calls(total: latency.PartLatency) -> Iterator[str]:
    yield f"{total.calls:,}"
    for count in (total.failed, total.under_100_ms, total.under_150_ms, total.under_200_ms):
        share = total.share(count)
        yield "-" if share is None else f"{share:.1%}"


def _times(summary: latency.BrokerLatency) -> Iterator[str]:
    total, rtt = summary.total, summary.rtt
    times = (total.average_ms, total.p50_ms, total.p95_ms, total.p99_ms, rtt.p50_ms, rtt.p99_ms)
    yield from map(_time, times)


def _show_bars(console: Console, bins: Sequence[int], counts: Sequence[int]) -> None:
    """Print a histogram of durations; if there are many bins, several share a bar."""
    bars = [*_bars(bins, counts)]
    longest = max(count for _, count in bars)
    width = max(min(_LONGEST_BAR, console.width - _BAR_LABEL_WIDTH), 1)
    for limit, count in bars:
        bar = "#" * -(-count * width // longest)
        console.print(f"  up to {_time(limit):>9} {count:>12,} {bar}".rstrip(), no_wrap=True)


def _bars(bins: Sequence[int], counts: Sequence[int]) -> Iterator[tuple[float, int]]:
    """Yield the upper limit of each bar in milliseconds, and its count."""
    width = -(-(bins[-1] - bins[0] + 1) // _MOST_BARS)
    for first in range(bins[0], bins[-1] + 1, width):
        inside = (n for b, n in zip(bins, counts, strict=True) if first <= b < first + width)
        yield rollups.bin_edges(min(first + width - 1, bins[-1]))[1], sum(inside)


def _show_rows(console: Console, head: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Print a table; if it is wider than the console, one figure per line."""
    table = Table(box=None, pad_edge=False)
    for number, name in enumerate(head):
        table.add_column(name, justify="right" if number else "left", no_wrap=True)
    for row in rows:
        table.add_row(*row)
    if (
        console.measure(table, options=console.options.update(width=_UNLIMITED_WIDTH)).minimum
        <= console.width
    ):
        console.print(table)
        return
    for first, *figures in rows:
        console.print(first, overflow="fold")
        for name, figure in zip(head[1:], figures, strict=True):
            console.print(f"  {name:<9} {figure}")


def _counted(count: int, one: str, many: str) -> str:
    number = f"{count:,}" if count else "no"
    return f"{number} {one if count == 1 else many}"


def _time(milliseconds: float | None) -> str:
    if milliseconds is None:
        return "-"
    if abs(milliseconds) >= 10_000:
        return f"{milliseconds / 1000:,.0f} s"
    return f"{milliseconds:.0f} ms" if abs(milliseconds) >= 100 else f"{milliseconds:.3g} ms"
