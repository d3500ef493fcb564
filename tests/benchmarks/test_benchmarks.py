"""The benchmarks run: figures are made by hand, but what makes them is kept alive."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from oadb.testing.servers import Server

pytest.importorskip("sqlalchemy", reason="the peers are in the extra 'bench'")

FOLDER = Path(__file__).parent


def run(*parts: str, **environ: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, FOLDER / "instruments.py", *parts],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "OADB_BENCH_INSTRUMENTS": "2000", **environ},
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
    done = run(part, DATABASE_URL=oadb_server.url("postgres"))

    assert done.returncode == 0, done.stderr
    assert shown in done.stdout


def test_an_unknown_part_is_named_with_those_there_are() -> None:
    assert run("load").stderr == "no part load; there are loads, readers, search, index\n"
