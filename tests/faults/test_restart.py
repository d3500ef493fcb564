"""The server restarts, crashes or loses a process, with idle pools and under traffic."""

import os
import signal
from pathlib import Path
from time import monotonic
from typing import Literal

import pytest

from oadb.testing.control import ServerControl
from tests.faults.traffic import Traffic
from tests.support import pool_probes as probes
from tests.support.rig import Connect, Observer, eventually

pytestmark = pytest.mark.fault


@pytest.mark.parametrize("mode", ["fast", "immediate"])
@pytest.mark.holds("F1", "I4", "I5")
def test_the_first_call_after_a_restart_is_quick_for_forty_idle_connections(
    connect: Connect, victim: ServerControl, mode: Literal["fast", "immediate"]
) -> None:
    db = connect(pool_size=40, max_overflow=0)
    db.open()
    eventually(lambda: db.stats().idle == 40)
    victim.restart(mode)
    started = monotonic()

    assert probes.put(db, 1, "a write is not retried, so it met no dead connection") == 1
    assert monotonic() - started < 1
    eventually(lambda: db.stats().idle == 40)


@pytest.mark.parametrize("mode", ["fast", "immediate"])
@pytest.mark.holds("F2", "F3", "I1", "I2", "I4", "I5", "I7")
def test_reads_and_transact_do_not_notice_restarts(
    connect: Connect,
    victim: ServerControl,
    observer: Observer,
    mode: Literal["fast", "immediate"],
) -> None:
    db = connect(pool_size=16, max_overflow=0)
    traffic = Traffic(db)
    with traffic.running(readers=6, transactors=6, writers=4):
        for _ in range(3 if mode == "fast" else 1):
            victim.restart(mode)
            traffic.flows()

    traffic.set_aside_lost_commits()
    traffic.check(observer)
    assert traffic.slowest < 8
    traffic.settles(16)
    observer.keeps(16)


@pytest.mark.holds("F4", "I1", "I2", "I4", "I5", "I7")
def test_reads_and_transact_do_not_notice_a_killed_backend(
    connect: Connect, observer: Observer
) -> None:
    db = connect(pool_size=8, max_overflow=0)
    traffic = Traffic(db)
    with traffic.running(readers=6, transactors=6, writers=4):
        killed, other, *_ = observer.backends()
        os.kill(killed, signal.SIGKILL)
        # The server ends all sessions when one of them crashes.
        eventually(lambda: not Path(f"/proc/{other}").exists())
        traffic.flows()

    traffic.set_aside_lost_commits()
    traffic.check(observer)
    traffic.settles(8)
    observer.keeps(8)
