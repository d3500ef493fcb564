"""What a DBA asks on call: each state is made on a real server, found, and undone."""

import struct
from collections.abc import Callable, Generator, Iterable, Iterator
from contextlib import closing, contextmanager
from dataclasses import replace
from datetime import timedelta

import psycopg
import pytest

from oadb.engine.binding.dumpers import Untyped
from oadb.engine.executors import Runner
from oadb.engine.single_connection import SingleConnection
from oadb.tools.activity import (
    counter_findings,
    index_findings,
    on_call,
    replication_findings,
    session_findings,
    table_findings,
    vacuum_findings,
)
from oadb.tools.activity.alert_limits import USUAL
from oadb.tools.findings import Finding

SCHEMAS = ["oadb"]
ALWAYS = replace(USUAL, changed_rows=10, vacuum_delay=0.1, analyze_delay=0.1, freeze_delay=0.0)
NEVER_PATIENT = replace(USUAL, long_transaction=timedelta(), lock_wait=timedelta())


@pytest.fixture(scope="module")
def connection(url: str) -> Iterator[psycopg.Connection]:
    with psycopg.connect(url, autocommit=True, context=Untyped()) as connection:
        connection.prepare_threshold = None  # psycopg deallocates all after a DROP, if it has any
        yield connection


@pytest.fixture(scope="module")
def db(connection: psycopg.Connection) -> Runner:
    return SingleConnection(connection)


def wrong(found: Iterable[Finding]) -> list[str]:
    return [each.text for each in found if not each.ok]


def found_at_last(check: Callable[[], Iterable[Finding]], beginning: str) -> str:
    """Return the fault that begins so; ask until the server shows it."""
    while True:
        for text in wrong(check()):
            if text.startswith(beginning):
                return text


@contextmanager
def running(url: str, statement: bytes) -> Generator[int]:
    """Give the process of a session that runs a statement meanwhile, and end it."""
    with psycopg.connect(url, autocommit=True, application_name="a worker") as session:
        session.pgconn.send_query(statement)
        try:
            yield session.info.backend_pid
        finally:
            session.cancel()
            while session.pgconn.get_result() is not None:
                pass


@contextmanager
def filled(connection: psycopg.Connection, rows: int) -> Generator[None]:
    """Make the table oadb.bulk, which autovacuum leaves alone, and drop it."""
    connection.execute(
        "create table oadb.bulk (n bigint primary key, note text) with (autovacuum_enabled = off)"
    )
    try:
        connection.execute("insert into oadb.bulk (n) select * from generate_series(1, %s)", [rows])
        connection.execute("select pg_stat_force_next_flush()")
        connection.execute("vacuum analyze oadb.bulk")
        yield
    finally:
        connection.execute("drop table oadb.bulk")


def test_a_migrated_database_has_nothing_wrong(db: Runner) -> None:
    for subject, check in on_call.checks(db, SCHEMAS, USUAL).items():
        found = [*check()]
        assert [each.subject for each in found] == [subject]
        assert found[0].ok or subject in {"durability", "checkpoints"}, str(found[0])


# Sessions ---------------------------------------------------------------------------------------


def test_a_server_whose_connections_are_nearly_used_up_is_wrong(db: Runner) -> None:
    [text] = wrong(session_findings.check_connections(db, replace(USUAL, connections=0.0)))

    assert "are in use, most of them by " in text
    assert "raise max_connections" in text


def test_a_transaction_that_works_for_long_is_wrong(db: Runner, url: str) -> None:
    with running(url, b"select /* reports.list_all +day */ pg_sleep(100)") as pid:
        text = found_at_last(
            lambda: session_findings.check_transactions(db, NEVER_PATIENT),
            f"server process {pid} (a worker) has worked on reports.list_all +day since ",
        )

    assert text.endswith(f"; select pg_cancel_backend({pid})")
    assert wrong(session_findings.check_transactions(db, USUAL)) == []


def test_who_waits_for_a_lock_is_named_with_who_holds_it(db: Runner, url: str) -> None:
    with psycopg.connect(url, application_name="a console") as holder:
        holder.execute("lock table oadb.users in share mode")
        held_by = holder.info.backend_pid
        with running(url, b"update /* users.touch */ oadb.users set name = name") as pid:
            text = found_at_last(
                lambda: session_findings.check_lock_waits(db, NEVER_PATIENT),
                f"server process {pid} (a worker) waits for RowExclusiveLock on oadb.users since ",
            )

    assert text.endswith(
        f" in users.touch, because of server process {held_by} (a console), which is idle in "
        f"transaction; select pg_terminate_backend({held_by})"
    )


def test_a_role_that_sees_only_itself_says_which_grant_helps(
    connection: psycopg.Connection, db: Runner
) -> None:
    with connection.transaction(force_rollback=True):
        connection.execute("create role watcher")
        connection.execute("set local role watcher")
        found = {
            subject: finding
            for subject, check in on_call.checks(db, SCHEMAS, USUAL).items()
            for finding in check()
        }

    assert found["visibility"].ok
    assert found["visibility"].text.endswith("grant pg_monitor to watcher;")
    assert "WAL" not in found["disk"].text
    of_the_server = {"durability", "checkpoints"}  # as it was started, and what ran on it before
    assert {subject for subject, each in found.items() if not each.ok} <= of_the_server


# Indexes ----------------------------------------------------------------------------------------


def test_an_index_that_was_not_built_to_its_end_is_wrong(
    connection: psycopg.Connection, db: Runner
) -> None:
    with filled(connection, 10):
        with pytest.raises(psycopg.errors.UniqueViolation):
            connection.execute("create unique index concurrently bulk_twice on oadb.bulk ((1))")
        [text] = wrong(index_findings.check_validity(db, SCHEMAS))

    assert text == (
        "oadb.bulk_twice was not built to its end, so that no plan uses it; "
        "reindex index concurrently oadb.bulk_twice"
    )


def test_an_index_that_is_being_built_is_not_wrong(
    connection: psycopg.Connection, db: Runner, url: str
) -> None:
    with filled(connection, 10), psycopg.connect(url) as other:
        with pytest.raises(psycopg.errors.UniqueViolation):
            connection.execute("create unique index concurrently bulk_twice on oadb.bulk ((1))")
        other.execute("lock table oadb.bulk in share update exclusive mode")
        found = wrong(index_findings.check_validity(db, SCHEMAS))
        other.rollback()

    assert found == []


def test_an_index_that_is_mostly_empty_is_wrong(connection: psycopg.Connection, db: Runner) -> None:
    limits = replace(USUAL, index_waste=100_000)
    with filled(connection, 20_000):
        full = wrong(index_findings.check_bloat(db, SCHEMAS, limits))
        connection.execute("delete from oadb.bulk where n % 100 <> 0")
        connection.execute("vacuum analyze oadb.bulk")
        [text] = wrong(index_findings.check_bloat(db, SCHEMAS, limits))

    assert full == []
    assert text.startswith("oadb.bulk_pkey takes 456 KB, of which about 4")
    assert text.endswith(" are empty; reindex index concurrently oadb.bulk_pkey")


@pytest.mark.parametrize(
    "kind", ["gist (int8range(n, n, '[]'))", "gist ((inet '10.0.0.0' + n) inet_ops)", "hash (n)"]
)
def test_an_index_of_another_kind_that_is_mostly_empty_is_wrong(
    connection: psycopg.Connection, db: Runner, kind: str
) -> None:
    limits = replace(USUAL, index_waste=300_000)
    with filled(connection, 20_000):
        connection.execute("alter table oadb.bulk drop constraint bulk_pkey")
        connection.execute(f"create index bulk_other on oadb.bulk using {kind}".encode())
        connection.execute("vacuum analyze oadb.bulk")
        full = wrong(index_findings.check_bloat(db, SCHEMAS, limits))
        connection.execute("delete from oadb.bulk where n % 100 <> 0")
        connection.execute("vacuum analyze oadb.bulk")
        [text] = wrong(index_findings.check_bloat(db, SCHEMAS, limits))

    assert full == []
    assert text.startswith("oadb.bulk_other takes ")
    assert text.endswith(" are empty; reindex index concurrently oadb.bulk_other")


def test_a_table_that_is_mostly_empty_is_wrong(connection: psycopg.Connection, db: Runner) -> None:
    limits = replace(USUAL, table_waste=100_000)
    with filled(connection, 20_000):
        full = wrong(table_findings.check_bloat(db, SCHEMAS, limits))
        connection.execute("delete from oadb.bulk where n % 100 <> 0")
        connection.execute("vacuum analyze oadb.bulk")
        [text] = wrong(table_findings.check_bloat(db, SCHEMAS, limits))

    assert full == []
    assert text.startswith("oadb.bulk takes 712 KB, of which about 69")
    assert text.endswith(
        " are empty; new rows use that; to give it back: vacuum (full) oadb.bulk, for which "
        "everybody waits, or pg_repack"
    )


def test_a_full_table_of_columns_of_all_alignments_is_not_taken_for_an_empty_one(
    connection: psycopg.Connection, db: Runner
) -> None:
    connection.execute(
        "create table oadb.mixed with (fillfactor = 70) as select n % 2 = 0 as flag, n as big, "
        "n::smallint as small, 'x' || n as word, now() as at, nullif(n % 3, 0)::integer as some, "
        "repeat('y', n % 50) as more, n::numeric as amount from generate_series(1, 9000) as n"
    )
    try:
        connection.execute("vacuum analyze oadb.mixed")
        limits = replace(USUAL, table_waste=0, table_bloat=0.02)
        found = wrong(table_findings.check_bloat(db, SCHEMAS, limits))
    finally:
        connection.execute("drop table oadb.mixed")

    assert not any(text.startswith("oadb.mixed") for text in found), found


def test_a_table_that_grew_since_it_was_analyzed_is_not_taken_for_an_empty_one(
    connection: psycopg.Connection, db: Runner
) -> None:
    limits = replace(USUAL, table_waste=100_000, index_waste=100_000)
    with filled(connection, 10):
        connection.execute("insert into oadb.bulk (n) select generate_series(100, 20000)")
        found = [
            *wrong(table_findings.check_bloat(db, SCHEMAS, limits)),
            *wrong(index_findings.check_bloat(db, SCHEMAS, limits)),
        ]

    assert found == []


# VACUUM and ANALYZE -----------------------------------------------------------------------------


def test_tables_that_autovacuum_left_behind_are_wrong(
    connection: psycopg.Connection, db: Runner
) -> None:
    with filled(connection, 100):
        connection.execute("delete from oadb.bulk where n > 50")
        connection.execute("select pg_stat_force_next_flush()")
        [dead] = wrong(vacuum_findings.check_vacuum(db, SCHEMAS, ALWAYS))
        [stale] = wrong(vacuum_findings.check_staleness(db, SCHEMAS, ALWAYS))
        quiet = wrong(vacuum_findings.check_vacuum(db, SCHEMAS, USUAL))

    assert dead.startswith("oadb.bulk has 50 dead rows, and autovacuum begins at 70; last vacuumed")
    assert "; alter table oadb.bulk reset (autovacuum_enabled), and if they stay" in dead
    assert stale == (
        "50 rows of oadb.bulk changed since it was analyzed, so that its plans may be wrong; "
        "analyze oadb.bulk"
    )
    assert quiet == []


def test_a_database_and_tables_that_are_not_frozen_are_wrong(db: Runner) -> None:
    found = wrong(vacuum_findings.check_wraparound(db, ALWAYS))

    assert found[0].startswith("the database ")
    assert " is at 0% of the age at which the server writes no more; vacuumdb --freeze " in found[0]
    assert len(found) == 6
    assert found[-1].startswith("and ")


# Replication ------------------------------------------------------------------------------------


def test_a_standby_that_is_behind_is_wrong(url: str, db: Runner) -> None:
    limits = replace(USUAL, standby_bytes=0)
    with closing(psycopg.connect(url, autocommit=True, replication="database")) as standby:
        wire = standby.pgconn
        wal = wire.exec_(b"IDENTIFY_SYSTEM").get_value(0, 2) or b""
        wire.exec_(b"START_REPLICATION PHYSICAL " + wal)
        high, low = (int(part, 16) for part in wal.split(b"/"))
        behind = (high << 32) + low - 1
        wire.put_copy_data(b"r" + struct.pack("!QQQqB", behind, behind, behind, 0, 0))
        wire.flush()
        text = found_at_last(lambda: replication_findings.check_standbys(db, limits), "")
        assert wrong(replication_findings.check_standbys(db, USUAL)) == []

    assert " behind, which a failover would lose: look at its log" in text


def test_a_replication_slot_that_keeps_wal_is_wrong(
    connection: psycopg.Connection, db: Runner
) -> None:
    connection.execute("select pg_create_physical_replication_slot('left', true, true)")
    try:
        found = wrong(replication_findings.check_slots(db, replace(USUAL, slot_bytes=-1)))
    finally:
        connection.execute("select pg_drop_replication_slot('left')")

    assert any(
        text.startswith("left, in use, keeps ")
        and text.endswith("or, if nobody will, select pg_drop_replication_slot('left')")
        for text in found
    ), found


# Counters ---------------------------------------------------------------------------------------


def test_blocks_that_are_read_from_the_disk_too_often_are_wrong(db: Runner) -> None:
    limits = replace(USUAL, cache_reads=0, cache_hits=1.1)
    [text] = wrong(counter_findings.check_cache(db, limits))

    assert "% of blocks were in shared_buffers: oadb top --by reads" in text


def test_statements_that_spill_to_the_disk_are_wrong(
    connection: psycopg.Connection, db: Runner
) -> None:
    connection.execute("set work_mem = '64kB'")
    connection.execute("select n from generate_series(1, 20000) as n order by n desc")
    connection.execute("reset work_mem")
    connection.execute("select pg_stat_force_next_flush()")
    [text] = wrong(counter_findings.check_temporary_files(db, replace(USUAL, temporary_bytes=0)))

    assert " files within " in text
    assert text.endswith("alter role ... set work_mem for that role")


def test_deadlocks_are_wrong(url: str, db: Runner) -> None:
    limits = replace(USUAL, deadlocks=0.0)
    with psycopg.connect(url) as one, psycopg.connect(url) as other:
        one.execute("lock table oadb.log_drops")
        other.execute("lock table oadb.log_rejects")
        one.execute("set local deadlock_timeout = '10ms'")
        other.pgconn.send_query(b"lock table oadb.log_drops")
        with pytest.raises(psycopg.errors.DeadlockDetected):
            one.execute("lock table oadb.log_rejects")
        one.rollback()
        while other.pgconn.get_result() is not None:
            pass
        other.rollback()
        one.execute("select pg_stat_force_next_flush()")
        one.rollback()
    text = found_at_last(lambda: counter_findings.check_deadlocks(db, limits), "1 within ")

    assert "lock rows in one order everywhere" in text


def test_wal_beyond_what_the_settings_mean_is_wrong(db: Runner) -> None:
    [text] = wrong(counter_findings.check_disk(db, replace(USUAL, wal_times=0.0)))

    assert ": something keeps it; see replication slots, archiving and standbys; SQL does" in text
