"""Reads on a replica: do they see what was written before, and what does the primary still do?

    python tests/benchmarks/replicas.py [pairs]

Starts a server and a standby. First each pair writes a row and reads it over ``db.reads()``, while
replay is paused and resumed at random; the row must be there. Then as many reads run over
``db.reads()``, and as many over the Database: the statements and the CPU time of the primary's
sessions are those per read.
"""

import os
import random
import sys
import threading
from collections.abc import Callable, Generator
from contextlib import contextmanager
from pathlib import Path
from time import perf_counter

from oadb import Database
from oadb.engine import dsn
from oadb.testing.control import controlled
from tests.support import pool_probes as probes
from tests.support.replication import standby_of
from tests.support.rig import Observer, config, create_tables

PAIRS = int(sys.argv[1]) if len(sys.argv) > 1 else 10_000


@contextmanager
def pausing(url: str) -> Generator[list[int]]:
    """Pause replay again and again, for up to 50 ms; give the number of pauses so far."""
    observer, over, pauses = Observer(url), threading.Event(), [0]

    def pause() -> None:
        while not over.wait(random.uniform(0.0, 0.1)):  # not secret
            observer.ask("select pg_wal_replay_pause()")
            pauses[0] += 1
            over.wait(random.uniform(0.0, 0.05))
            observer.ask("select pg_wal_replay_resume()")

    thread = threading.Thread(target=pause)
    thread.start()
    try:
        yield pauses
    finally:
        over.set()
        thread.join()


def misses_of(db: Database) -> int:
    """Write and read rows; return how many were not there, or as they had been before."""
    misses = 0
    for number in range(PAIRS):
        probes.put(db, number, "row")
        misses += probes.get(db.reads(), number) is None
    return misses


def cpu_seconds(observer: Observer) -> float:
    """Return the CPU time of the sessions of others."""
    ticks = 0
    for pid in observer.backends():
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        ticks += int(fields[11]) + int(fields[12])
    return ticks / os.sysconf("SC_CLK_TCK")


def cost(observer: Observer, read: Callable[[], object]) -> tuple[float, float, float]:
    """Return transactions and CPU microseconds of the primary, and microseconds in all, a read."""
    counted = "select xact_commit from pg_stat_database where datname = current_database()"
    observer.terminate()  # sessions tell what they did when they end
    before, cpu, began = observer.ask(counted), cpu_seconds(observer), perf_counter()
    for _ in range(PAIRS):
        read()
    seconds = perf_counter() - began
    busy = cpu_seconds(observer) - cpu
    observer.terminate()
    return (
        (observer.ask(counted) - before) / PAIRS,
        busy * 1e6 / PAIRS,
        seconds * 1e6 / PAIRS,
    )


def main() -> None:
    """Print misses, and what reads cost."""
    with controlled() as primary, standby_of(primary) as replica:
        create_tables(primary.url)
        observer = Observer(primary.url)
        hosts = dsn.parse_hosts(replica.url)
        with Database(config(primary.url, read_hosts=hosts, read_wait_seconds=0.02)) as db:
            with pausing(replica.url) as pauses:
                misses = misses_of(db)
            stats = db.read_stats()
            print(f"{misses} misses in {PAIRS} pairs, {pauses[0]} pauses of replay")
            print(f"{stats.replicas[0].reads} by the replica, {stats.primary_reads} by the primary")
            for name, reads in (("db.reads()", db.reads()), ("db", db)):
                probes.get(reads, 1)
                done = cost(observer, lambda reads=reads: probes.get(reads, 1))  # type: ignore[misc]  # as a default, it is bound now
                text = "{:.4f} transactions and {:.1f} us of CPU on the primary, {:.0f} us in all"
                print(f"{name}: {text.format(*done)} a read")


if __name__ == "__main__":
    main()
