"""No tool or follower that waits, or holds a claim, keeps a snapshot meanwhile.

VACUUM keeps every row that the oldest snapshot of a database may see: one that is held for as long
as maintenance runs makes its own sweeps read again all that they have deleted. The claim of
migrations is tried in tests/tools/migrations/test_run_lock.py.
"""

from contextlib import ExitStack
from datetime import timedelta
from pathlib import Path

import pytest

from oadb import Config, Database
from oadb.bans.live_bans import LiveBans
from oadb.changes.live_cache import LiveCache
from oadb.importing import runs, sources
from oadb.market.live_index import LiveIndex
from oadb.security import keyring_file
from oadb.tools import key_rotation, maintenance, retention
from tests.conftest import configured
from tests.importing.openalgo import ENVIRON, Installation
from tests.support.log_rows import INSERTS, LONG_AGO, insert
from tests.support.rig import Observer, eventually
from tests.support.rotating import TABLES, Ring, with_secrets

# A session that works at this moment may have one.
PINNED = (
    "select application_name, state, query from pg_stat_activity "
    "where datname = current_database() and pid <> pg_backend_pid() "
    "and backend_xmin is not null and state <> 'active'"
)
# The claim holds its lock in a transaction without a snapshot.
WAITING = (
    "select count(*) from pg_stat_activity "
    "where datname = current_database() and state = 'idle in transaction'"
)


@pytest.fixture
def observer(oadb_database_url: str) -> Observer:
    return Observer(oadb_database_url)


def test_maintenance_pins_none_between_its_steps(
    config: Config, oadb_database_url: str, observer: Observer
) -> None:
    for table in INSERTS:
        insert(oadb_database_url, table, LONG_AGO)
    month = dict.fromkeys(retention.DEFAULT_DAYS, timedelta(days=30))
    steps = 0
    for finding in maintenance.run(config, month):
        assert finding.ok, finding
        assert observer.ask(WAITING) == 1
        assert observer.rows(PINNED) == []
        steps += 1

    assert steps > len(INSERTS)


@pytest.mark.usefixtures("cheap_hashing")
def test_a_rotation_of_root_keys_pins_none_between_its_batches(
    oadb_database_url: str, observer: Observer, tmp_path: Path
) -> None:
    ring = Ring(oadb_database_url, tmp_path / "ring.json")
    key_rotation.new(ring.path)
    with ring.open() as db:
        with_secrets(db)
    key_rotation.add(ring.path)
    with ring.open() as db:
        key_rotation.promote(db, ring.path, 2)
    found: list[list[tuple[object, ...]]] = []
    with ring.open() as db:
        keys = keyring_file.read(ring.path)
        for _ in key_rotation.rewrap(db, keys, lambda _: found.append(observer.rows(PINNED))):
            pass

    assert len(found) >= len(TABLES)
    assert not any(found)


def test_an_import_pins_none_between_its_tables(
    db: Database, observer: Observer, tmp_path: Path
) -> None:
    origin = Installation(tmp_path)
    origin.add_logs(3)
    plan = runs.Plan("openalgo", None, applies=True)
    tables = 0
    with sources.opened([origin.folder], []) as found:
        for _ in runs.run(db, found, ENVIRON, plan, lambda _rows: None):
            assert observer.rows(PINNED) == []
            tables += 1

    assert tables > 1


def test_followers_and_listeners_pin_none_while_they_wait(
    oadb_database_url: str, observer: Observer
) -> None:
    with ExitStack() as open_until_the_end:
        db = open_until_the_end.enter_context(Database(configured(oadb_database_url)))
        for follower in (
            LiveBans(db),
            LiveCache[object](db, "api_keys"),
            LiveIndex(db, "zerodha"),
            db.listen("oadb_bans"),
        ):
            open_until_the_end.enter_context(follower)

        eventually(lambda: observer.rows(PINNED) == [])
        assert len(observer.backends("idle")) > 1
