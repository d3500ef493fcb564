"""The benchmarks run without an error; their figures are taken by hand."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from oadb.testing.servers import Server

pytest.importorskip("sqlalchemy", reason="the peers are in the extra 'bench'")

FOLDER = Path(__file__).parent


SMALL = {
    "OADB_BENCH_INSTRUMENTS": "2000",
    "OADB_BENCH_LOGS": "2000",
    "OADB_BENCH_SECONDS": "1",
    "OADB_BENCH_LOG_ROWS": "20000",
}


def run(command: str, *parts: str, **environ: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, FOLDER / command, *parts],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, **SMALL, **environ},
    )


@pytest.mark.slow
@pytest.mark.parametrize(
    ("part", "shown"),
    [
        ("loads", "a day's change"),
        ("readers", "| missed | 0 | 0 |"),
        ("search", "the mix"),
        ("index", "get_token"),
    ],
)
def test_each_part_of_the_benchmark_of_instruments_runs(
    part: str, shown: str, oadb_server: Server
) -> None:
    done = run("instruments.py", part, DATABASE_URL=oadb_server.url("postgres"))

    assert done.returncode == 0, done.stderr
    assert shown in done.stdout


@pytest.mark.slow
def test_the_benchmark_of_changes_runs(oadb_server: Server) -> None:
    done = run("changes.py", DATABASE_URL=oadb_server.url("postgres"), OADB_BENCH_ROUNDS="1")

    assert done.returncode == 0, done.stderr
    assert "the same from a LiveCache" in done.stdout


@pytest.mark.slow
def test_two_revisions_are_compared(oadb_server: Server) -> None:
    once = {"OADB_BENCH_STARTS": "1", "OADB_BENCH_ROUNDS": "2"}
    done = run("regress.py", "HEAD", "100 rows", DATABASE_URL=oadb_server.url("postgres"), **once)

    assert "| 100 rows |" in done.stdout, done.stderr


@pytest.mark.slow
@pytest.mark.parametrize(
    ("part", "shown"),
    [("writer", "counted in log_drops"), ("statistics", "| the backlog of a month |")],
)
def test_each_part_of_the_benchmark_of_logs_runs(
    part: str, shown: str, oadb_server: Server
) -> None:
    done = run("logs.py", part, DATABASE_URL=oadb_server.url("postgres"))

    assert done.returncode == 0, done.stderr
    assert shown in done.stdout


@pytest.mark.slow
def test_the_benchmark_of_sweeps_runs(oadb_server: Server) -> None:
    done = run("sweeps.py", "2000", DATABASE_URL=oadb_server.url("postgres"))

    assert done.returncode == 0, done.stderr
    assert "| 2,000, beside a snapshot |" in done.stdout


def test_the_benchmark_of_redaction_runs() -> None:
    done = run("logs.py", "redaction", OADB_BENCH_ROUNDS="1")

    assert done.returncode == 0, done.stderr
    assert "an order with its answer" in done.stdout


def test_the_error_for_an_unknown_part_lists_the_known_ones() -> None:
    assert run("instruments.py", "load").stderr == (
        "no part load; there are loads, readers, search, index\n"
    )


@pytest.mark.slow
def test_the_benchmark_of_strategies_runs(oadb_server: Server) -> None:
    done = run("strategies.py", DATABASE_URL=oadb_server.url("postgres"), OADB_BENCH_ROUNDS="1")

    assert done.returncode == 0, done.stderr
    assert "strategies.verify_webhook" in done.stdout
    assert "list_by_user, one statement" in done.stdout


@pytest.mark.slow
@pytest.mark.parametrize(
    ("part", "shown"),
    [
        ("many", "oadb, many, in its form with arrays"),
        ("batches", "five in a batch / one lookup"),
        ("variants", "the choice of one"),
        ("package", "oadb check of 300 queries"),
    ],
)
def test_each_part_of_the_benchmark_of_own_statements_runs(part: str, shown: str) -> None:
    done = run("own_tables.py", part, OADB_BENCH_OWN_ROWS="200", OADB_BENCH_OWN_ROUNDS="2")

    assert done.returncode == 0, done.stderr
    assert shown in done.stdout


@pytest.mark.slow
def test_the_comparison_of_simulated_and_real_plans_runs() -> None:
    done = run("plan_sizes.py", "10000")

    assert done.returncode == 0, done.stderr
    assert done.stdout.count(" alike, of which ") == 3
    assert "from an export with values" in done.stdout


@pytest.mark.slow
@pytest.mark.parametrize("part", ["threads", "tasks"])
def test_the_benchmark_of_crowds_runs(part: str, oadb_server: Server) -> None:
    short = {"OADB_BENCH_SECONDS": "0.05", "OADB_BENCH_ROUNDS": "2"}
    done = run("crowds.py", part, DATABASE_URL=oadb_server.url("postgres"), **short)

    assert done.returncode == 0, done.stderr
    assert "| 64 | " in done.stdout
