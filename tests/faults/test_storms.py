"""Storms in their short form; each is a program that runs as long as one likes."""

import asyncio
import subprocess
import sys
from collections.abc import Callable

import pytest

from tests.faults import cancellations, soak

pytestmark = pytest.mark.fault

_SECONDS = 4.0


def _cancel_tasks(url: str) -> int:
    return asyncio.run(cancellations.cancel_tasks(url, _SECONDS, seed=7))["cancelled"]


def _interrupt_threads(url: str) -> int:
    return cancellations.interrupt_threads(url, _SECONDS, seed=7)["interrupted"]


@pytest.mark.parametrize("storm", [_cancel_tasks, _interrupt_threads])
@pytest.mark.holds("F45", "I5")
def test_a_storm_of_interruptions_loses_no_connection(
    url: str, storm: Callable[[str], int]
) -> None:
    assert storm(url) > 100


@pytest.mark.holds("F28")
def test_streams_left_open_in_reference_cycles_do_not_crash_the_interpreter() -> None:
    command = [sys.executable, "-m", "tests.faults.leaked_streams", "--seconds", str(_SECONDS)]
    ran = subprocess.run(command, capture_output=True, text=True, check=False, timeout=90)
    assert ran.returncode == 0, ran.stderr
    assert ran.stdout.count("leaked by") == 2


def test_a_soak_under_faults_loses_nothing_and_ends_with_every_connection(
    capsys: pytest.CaptureFixture[str],
) -> None:
    soak.soak(0.1)
    assert "writes acknowledged" in capsys.readouterr().out
