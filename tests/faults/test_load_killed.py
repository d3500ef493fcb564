"""A load is killed at any point: the old set stays whole, and the next load succeeds."""

import os
import random
import subprocess
import sys
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import psycopg
import pytest

from oadb import Database
from oadb.market import brokers, loads
from oadb.market.loads import LoadReport, LoadStatus
from tests.conftest import configured
from tests.market.brokers.samples import written
from tests.support.rig import Observer, eventually

pytestmark = pytest.mark.fault

ROWS = 3000

# One number and one checksum over every column of every row.
_WHOLE = (
    "select count(*) || ' ' || md5(string_agg(i::text, E'\\n' order by exchange, symbol)) "
    "from oadb.instruments as i"
)
_STARTED = "select count(*) from oadb.instrument_loads where outcome = 'started'"
_SECONDS = (
    "select extract(epoch from ended_at - started_at)::float8 from oadb.instrument_loads "
    "order by load_id desc"
)
_STAGED = "select count(*) from oadb.instrument_staging"


def lines(name: str, first: int) -> list[str]:
    return [
        f"{n},{n},S{n},{name} {n},0.0,,0.0,0.05,1,EQ,NSE,NSE" for n in range(first, first + ROWS)
    ]


@dataclass(frozen=True, slots=True)
class Ground:
    """A database with the old set, and the files of the old and the new one."""

    url: str
    old: Path
    new: Path

    def load(self, file: Path) -> LoadReport:
        with Database(configured(self.url)) as db:
            return loads.load(db, "zerodha", brokers.read("zerodha", file), force=True)

    def status(self) -> LoadStatus:
        with Database(configured(self.url)) as db:
            found = loads.get_status(db, "zerodha")
        assert found is not None
        return found

    def start(self) -> subprocess.Popen[bytes]:
        """Start a loader of the new set; return when its load has begun."""
        process = subprocess.Popen(
            [
                *(sys.executable, "-m", "oadb", "instruments", "load"),
                *(str(self.new), "--broker", "zerodha", "--force"),
            ],
            env={**os.environ, "DATABASE_URL": self.url},
            stdout=subprocess.DEVNULL,
        )
        with psycopg.connect(self.url, autocommit=True) as connection:
            before = connection.execute(_STARTED).fetchone()
            eventually(lambda: connection.execute(_STARTED).fetchone() != before, 60)
        return process


@pytest.fixture
def ground(oadb_database_url: str, tmp_path: Path) -> Ground:
    """Give a database with the old set. The new set has other rows, and half of its symbols."""
    old = written(tmp_path / "old.csv", *lines("OLD", 0))
    new = written(tmp_path / "new.csv", *lines("NEW", ROWS // 2))
    ground = Ground(oadb_database_url, old, new)
    assert ground.load(old).inserted == ROWS
    return ground


def kill_at_random_points(ground: Ground, kills: int) -> None:
    """Kill loads at points spread over the time of a load; check the database each time.

    If the kill follows the COMMIT, the database has the whole new set, and its record says so.
    """
    observer, half, killed, tried = Observer(ground.url), ROWS // 2, 0, 0
    before = observer.ask(_WHOLE)
    with ground.start() as process:
        assert process.wait() == 0
    after, seconds = observer.ask(_WHOLE), observer.ask(_SECONDS)
    ground.load(ground.old)
    while killed < kills:
        tried += 1
        assert tried <= 5 * kills, "most loads ended before they were killed"
        with ground.start() as process:
            with suppress(subprocess.TimeoutExpired):
                process.wait((killed + random.random()) / kills * seconds)
            process.kill()
        eventually(lambda: not observer.backends())  # the server has noticed
        status = ground.status()
        undone = status.outcome == "started"
        killed += undone

        assert (status.outcome, status.is_running) == ("started" if undone else "loaded", False)
        assert observer.ask(_WHOLE) == (before if undone else after)
        assert observer.ask(_STAGED) == 0
        report = ground.load(ground.old)
        done = (report.unchanged, report.inserted, report.updated, report.deleted)
        assert done == ((ROWS, 0, 0, 0) if undone else (0, half, half, half))
        assert observer.ask(_WHOLE) == before

    report = ground.load(ground.new)
    assert (report.inserted, report.updated, report.deleted) == (half, half, half)
    assert observer.ask(_WHOLE) == after


@pytest.mark.holds("F23", "F25")
def test_a_loader_killed_at_3_random_points_leaves_the_old_set_whole(ground: Ground) -> None:
    kill_at_random_points(ground, 3)


@pytest.mark.slow
@pytest.mark.holds("F23", "F25")
def test_a_loader_killed_at_20_random_points_leaves_the_old_set_whole(ground: Ground) -> None:
    kill_at_random_points(ground, 20)
