"""Reads of changes: none is missed, however late it commits; when in doubt, everything changed."""

from collections.abc import Callable, Generator
from dataclasses import replace
from datetime import timedelta

import pytest

from oadb import Database
from oadb.changes import announcements, snapshots
from oadb.changes.announcements import Change
from oadb.changes.snapshots import Everything, Reading
from oadb.engine.binding.operations import operation
from oadb.testing.servers import Server
from tests.conftest import configured
from tests.support.notifications import read
from tests.support.prepared_servers import MIGRATED, Prepared
from tests.support.replication import standby_of
from tests.support.rig import Observer, config, eventually
from tests.support.roles import Connection, connect
from tests.support.user_rows import database

INSERT = "insert into oadb.changes (table_name, user_id, key) values ('users', %s, '')"
PREPARED = {"max_prepared_transactions": "4"}
sweep = operation(announcements.delete_expired)


def change(user_id: int) -> Change:
    return Change("users", user_id, "")


@pytest.fixture(scope="module")
def server(prepared: Prepared) -> Generator[Server]:
    """Give a server that allows prepared transactions."""
    with prepared(*MIGRATED, settings=PREPARED) as control:
        yield control.server


@pytest.fixture(scope="module")
def server_url(server: Server) -> str:
    return server.url("postgres")


@pytest.fixture
def db(server_url: str) -> Generator[Database]:
    with Database(configured(server_url)) as db:
        yield db


@pytest.fixture
def early(server_url: str) -> Generator[Connection]:
    with connect(server_url) as connection:
        yield connection


@pytest.fixture
def late(server_url: str) -> Generator[Connection]:
    with connect(server_url) as connection:
        yield connection


def test_a_change_is_read_once(db: Database, early: Connection) -> None:
    first = read(db, None)
    early.execute(INSERT, (1,))
    second = read(db, first)
    third = read(db, second)

    assert first.changes == [Everything()]
    assert second.changes == [change(1)]
    assert third.changes == []


def test_a_transaction_that_commits_late_delays_no_other_and_is_not_missed(
    db: Database, early: Connection, late: Connection
) -> None:
    late.execute("begin")
    late.execute(INSERT, (1,))
    last = read(db, None)
    for user_id in (2, 3):
        early.execute(INSERT, (user_id,))
        last = read(db, last)
        assert last.changes == [change(user_id)]
    late.execute("commit")
    last = read(db, last)

    assert last.changes == [change(1)]
    assert read(db, last).changes == []


def test_what_is_rolled_back_is_not_read(db: Database, early: Connection) -> None:
    last = read(db, None)
    early.execute("begin")
    early.execute(INSERT, (1,))
    early.execute("rollback")

    assert read(db, last).changes == []


def test_a_change_in_a_savepoint_has_the_number_of_its_transaction(
    db: Database, early: Connection
) -> None:
    early.execute("begin")
    early.execute("savepoint a")
    early.execute(INSERT, (1,))
    early.execute("release savepoint a")
    early.execute("savepoint b")
    early.execute(INSERT, (2,))
    early.execute("rollback to savepoint b")
    last = read(db, None)
    early.execute("commit")

    assert read(db, last).changes == [change(1)]


def test_a_prepared_transaction_is_read_when_it_commits(db: Database, early: Connection) -> None:
    early.execute("begin")
    early.execute(INSERT, (1,))
    early.execute("prepare transaction 'held'")
    last = read(db, read(db, None))
    assert last.changes == []
    early.execute("commit prepared 'held'")

    assert read(db, last).changes == [change(1)]


def test_vacuum_and_freezing_change_nothing(db: Database, early: Connection) -> None:
    last = read(db, None)
    early.execute(INSERT, (1,))
    early.execute("vacuum (freeze, full) oadb.changes")

    assert read(db, last).changes == [change(1)]


def far_back(last: Reading) -> Reading:
    return replace(last, read_at=last.read_at - timedelta(minutes=31))


def from_the_future(last: Reading) -> Reading:
    number = int(last.snapshot.split(":")[1]) + 1000
    return replace(last, snapshot=f"{number}:{number}:")


def later_by_the_clock(last: Reading) -> Reading:
    return replace(last, read_at=last.read_at + timedelta(hours=1))


def of_another_server(last: Reading) -> Reading:
    return replace(last, started_at=last.started_at - timedelta(days=1))


@pytest.mark.parametrize(
    "changed", [far_back, from_the_future, later_by_the_clock, of_another_server]
)
def test_a_read_that_cannot_continue_says_that_everything_changed(
    db: Database, changed: Callable[[Reading], Reading]
) -> None:
    last = read(db, changed(read(db, None)))

    assert last.changes == [Everything()]
    assert read(db, last).changes == []


def test_a_table_that_is_not_known_means_everything(db: Database, early: Connection) -> None:
    last = read(db, None)
    early.execute(INSERT, (1,))
    early.execute("insert into oadb.changes (table_name, key) values ('of a later version', '')")

    assert read(db, last).changes == [Everything()]


def test_more_than_a_thousand_changes_mean_everything(db: Database, early: Connection) -> None:
    last = read(db, None)
    early.execute(
        "insert into oadb.changes (table_name, user_id, key) "
        "select 'users', n, '' from generate_series(1, 1000) as n"
    )
    full = read(db, last)
    early.execute(INSERT, (1001,))

    assert len(full.changes) == 1000
    assert read(db, last).changes == [Everything()]


def test_a_number_that_is_used_again_after_a_crash_is_read(db: Database, early: Connection) -> None:
    """What a crash makes the server forget is played: the last read saw numbers far ahead."""
    last = read(db, None)
    start = int(last.snapshot.split(":")[1])
    early.execute("begin")
    early.execute(INSERT, (1,))
    early.execute("commit")
    forgotten = replace(last, snapshot=f"{start + 1}:{start + 1}:")

    assert read(db, forgotten).changes == [change(1)]


def test_changes_are_deleted_an_hour_after_they_were_first_seen(
    db: Database, early: Connection, late: Connection
) -> None:
    early.execute("delete from oadb.changes")
    late.execute("begin")
    late.execute(INSERT, (1,))
    early.execute(INSERT, (2,))
    early.execute("update oadb.changes set changed_at = changed_at - interval '1 day'")
    assert sweep(db) == 0
    late.execute("commit")
    early.execute("update oadb.changes set expires_at = expires_at - interval '1 hour'")

    assert sweep(db) == 1
    assert early.execute("select user_id, expires_at > now() from oadb.changes").fetchall() == [
        (1, True)
    ]


def test_a_sweep_sees_more_than_a_batch_and_deletes_one(db: Database, early: Connection) -> None:
    early.execute("delete from oadb.changes")
    for user_id in range(5):
        early.execute(INSERT, (user_id,))
    assert sweep(db, batch=2) == 0
    early.execute("update oadb.changes set expires_at = expires_at - interval '1 hour'")

    assert [sweep(db, batch=2) for _ in range(4)] == [2, 2, 1, 0]


@pytest.mark.long("fills the table")
def test_reads_use_the_indexes_behind_row_level_security(server: Server) -> None:
    with connect(server.url("postgres")) as connection:
        connection.execute("create role owner login")
    with database(server, "walled", "owner") as url:
        Observer(url).rows(
            "insert into oadb.changes (xid, table_name, key, changed_at) "
            "select (n / 100 + 3)::text::xid8, 'users', '', now() - interval '1 hour' "
            "from generate_series(1, 20000) as n"
        )
        Observer(url).rows("analyze oadb.changes")
        with Database(configured(url)) as db:
            last = read(db, None)
            plan = snapshots._read.explain(db, last.snapshot, last.started_at, last.read_at, 1001)

    assert "Seq Scan" not in str(plan), plan


@pytest.mark.fault
def test_a_standby_tells_what_its_primary_committed_late(prepared: Prepared) -> None:
    """A snapshot of a standby does not list what is in progress."""
    with (
        prepared(*MIGRATED) as primary,
        standby_of(primary) as standby,
        Database(config(standby.url)) as db,
        connect(primary.url) as late,
        connect(primary.url) as early,
    ):
        observer = Observer(standby.url)

        def caught_up() -> None:
            position = early.execute("select pg_current_wal_insert_lsn()").fetchone()
            assert position is not None
            replayed = "select pg_last_wal_replay_lsn() >= %s::pg_lsn"
            eventually(lambda: observer.ask(replayed, position[0]))

        late.execute("begin")
        late.execute(INSERT, (1,))
        early.execute(INSERT, (2,))
        caught_up()
        last = read(db, None)
        early.execute(INSERT, (3,))
        caught_up()
        last = read(db, last)
        assert change(3) in last.changes
        late.execute("commit")
        caught_up()
        assert change(1) in read(db, last).changes
