"""The benchmarks of record run in small, with every library and both sides."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from oadb.testing.servers import Server

pytest.importorskip("psqlpy", reason="the peers are in the extra 'bench'")

from tests.benchmarks.contest import day_pages, recorded
from tests.benchmarks.contest.questions import QUESTIONS

BENCHMARKS = Path(__file__).parent


def run(
    folder: Path, server: Server, command: str, *parts: str
) -> subprocess.CompletedProcess[str]:
    small = {
        "OADB_BENCH_SMALL": "1",
        "OADB_BENCH_ROUNDS": "1",
        "OADB_BENCH_FIGURES": str(folder),
        "OADB_BENCH_INSTRUMENTS": "1000",
        "OADB_TEST_BROKER_FILES": str(folder),  # without the real ones, which are many
    }
    return subprocess.run(
        [sys.executable, BENCHMARKS / command, *parts],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, **small, "DATABASE_URL": server.url("postgres")},
    )


@pytest.mark.slow
def test_a_run_is_kept_for_every_question(oadb_server: Server, tmp_path: Path) -> None:
    done = run(tmp_path, oadb_server, "expert.py")

    assert done.returncode == 0, done.stderr
    for question in QUESTIONS:
        kept = json.loads((tmp_path / f"calls-{question.key}.json").read_text())
        assert kept["passes"].keys() == {recorded.PINNED, recorded.FREE}


@pytest.mark.long("imports and connects all libraries")
def test_every_library_answers_every_question(oadb_server: Server, tmp_path: Path) -> None:
    done = run(tmp_path, oadb_server, "contest/one_pass.py")

    assert done.returncode == 0, done.stderr
    for question, entrants in json.loads(done.stdout)["questions"].items():
        assert any(each["name"].startswith("oadb") for each in entrants), question
        assert all(each["clock"][0] > 0 for each in entrants), question


@pytest.mark.long("works through a day of ten orders, with both sides")
def test_a_trading_day_is_worked_through_by_both_sides(oadb_server: Server, tmp_path: Path) -> None:
    done = run(tmp_path, oadb_server, "day.py")

    assert done.returncode == 0, done.stderr
    for part in day_pages.read(tmp_path)["parts"]:
        assert len(part["ours"]) == len(part["theirs"]) == 1, part["what"]


def test_an_unknown_question_is_refused_with_the_known_ones(
    oadb_server: Server, tmp_path: Path
) -> None:
    done = run(tmp_path, oadb_server, "expert.py", "lookups")

    assert done.stderr == (
        "no question lookups; there are lookup, transaction, update, rows-100, rows-many, copy, "
        "arrays\n"
    )
