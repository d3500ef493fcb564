"""oadb stats on a terminal and in a pipe."""

import re
import subprocess
from datetime import UTC, datetime, timedelta

import pytest

from oadb import Database
from oadb.logs import latency, traffic
from oadb.logs.latency import Timing
from oadb.logs.traffic import Request
from oadb.tools.commands.stats_command import _bars
from tests.support.command_line import oadb
from tests.support.rollup_rows import put_traffic


def stats(url: str, *arguments: str, **environ: str) -> subprocess.CompletedProcess[str]:
    return oadb("stats", *arguments, url=url, **environ)


def test_empty_logs_are_reported_as_no_requests_and_no_calls(oadb_database_url: str) -> None:
    done = stats(oadb_database_url)

    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == "Traffic, last 24h: no requests\nLatency, last 24h: no calls\n"


@pytest.fixture
def logged_url(db: Database, oadb_database_url: str) -> str:
    """Give a database with a few requests and calls."""
    for number in range(30):
        status, duration_ms = 500 if number < 3 else 200, 2.0**number / 1000
        endpoint = "/api/v1/placeorder" if number % 2 else None
        traffic.record(
            db,
            Request(
                ip="203.0.113.7",
                method="GET",
                path="/",
                status=status,
                duration_ms=duration_ms,
                endpoint=endpoint,
            ),
        )
        latency.record(
            db,
            Timing(total_ms=90.0 + 5 * number, outcome="succeeded", broker="zerodha", rtt_ms=40.0),
        )
    latency.record(db, Timing(total_ms=1.0, outcome="failed"))
    return oadb_database_url


def test_traffic_and_latency_are_plain_text_in_a_pipe(logged_url: str) -> None:
    done = stats(logged_url, "--last", "2h")

    assert done.returncode == 0, done.stderr
    assert done.stdout.isascii()
    assert "\x1b" not in done.stdout
    lines = [line.split() for line in done.stdout.splitlines()]
    assert lines[0] == ["Traffic,", "last", "2h:", "30", "requests"]
    assert ["all", "30", "10.0%"] in [line[:3] for line in lines]
    assert ["/api/v1/placeorder", "15"] in [line[:2] for line in lines]
    assert ["(no", "route)", "15"] in [line[:3] for line in lines]
    assert ["Latency,", "last", "2h:", "31", "calls"] in lines
    assert ["zerodha", "30", "0.0%", "6.7%", "40.0%", "73.3%"] in [line[:6] for line in lines]
    assert ["(unknown)", "1", "100.0%"] in [line[:3] for line in lines]
    bars = [line for line in lines if line[:2] == ["up", "to"]]
    assert sum(int(line[4]) for line in bars) == 30 + 31


def test_a_narrow_terminal_gets_one_figure_per_line(logged_url: str) -> None:
    done = stats(logged_url, COLUMNS="40", FORCE_COLOR="1", TERM="xterm")

    assert done.returncode == 0, done.stderr
    lines = re.sub(r"\x1b\[[0-9;]*m", "", done.stdout).splitlines()
    assert max(len(line) for line in lines) <= 40
    assert lines[1:4] == ["all", "  requests  30", "  errors    10.0%"]


def test_a_backlog_is_reported_with_what_to_do(oadb_database_url: str) -> None:
    before = datetime.now(UTC) - timedelta(hours=2)
    put_traffic(oadb_database_url, [(before, None, 200, 1.0)])

    assert stats(oadb_database_url).stdout.splitlines()[-1] == (
        f"traffic: 1 batch since {before:%Y-%m-%d %H:%M} UTC not in rollups, "
        "so statistics are slower; run oadb maintain"
    )


def test_a_histogram_counts_every_bin_in_at_most_ten_bars() -> None:
    bins, counts = [-3, 0, 1, 50, 290], [1, 2, 3, 4, 5]
    bars = [*_bars(bins, counts)]

    assert len(bars) <= 10
    assert sum(count for _, count in bars) == 15
    assert [limit for limit, _ in bars] == sorted(limit for limit, _ in bars)
    assert [*_bars([7], [1])] == [(pytest.approx(0.001 * 1.1**7), 1)]
