"""Sign-ins that were tried have partitions by month: how the table became one, and its plans."""

from collections.abc import Generator
from datetime import timedelta

import psycopg
import pytest

from oadb import Database
from oadb.accounts import login_attempts, login_audit
from oadb.logs import partitions
from tests.conftest import configured
from tests.support.migrations import run_script
from tests.support.rig import Observer

PARTITION = "0044_partition_login_attempts"


ROWS = (
    "select attempt_id, attempted_at, username, user_id, ip, outcome, tries, locked_hour_at "
    "from oadb.login_attempts order by attempt_id"
)


@pytest.fixture
def connection(oadb_database_url: str) -> Generator[psycopg.Connection]:
    with psycopg.connect(oadb_database_url) as connection:
        run_script(connection, f"{PARTITION}.rollback")
        connection.execute(
            "insert into oadb.login_attempts (username, method, outcome, attempted_at) "
            "select 'asha', 'password', case when n % 9 = 0 then 'unverified' else 'failed' end, "
            "now() - n * interval '10 days' from generate_series(-9, 90) as n"
        )
        yield connection


def test_a_filled_table_becomes_partitions_and_back_without_a_change_of_its_rows(
    connection: psycopg.Connection,
) -> None:
    before = connection.execute(ROWS).fetchall()
    run_script(connection, PARTITION)
    parted = connection.execute(ROWS).fetchall()
    places = connection.execute(
        "select count(distinct tableoid) from oadb.login_attempts"
    ).fetchall()
    added = connection.execute(
        "insert into oadb.login_attempts (username, method, outcome) "
        "values ('asha', 'password', 'failed') returning attempt_id"
    ).fetchone()
    run_script(connection, f"{PARTITION}.rollback")
    after = connection.execute(ROWS).fetchall()

    assert len(before) == 100
    assert parted == before
    # This month with all before it, and each of the next two; or what is ahead of them.
    assert places[0][0] >= 3
    assert added == (max(row[0] for row in before) + 1,)
    assert after[:-1] == before


def test_no_row_is_copied_when_the_table_becomes_a_partition(
    connection: psycopg.Connection,
) -> None:
    connection.execute("delete from oadb.login_attempts where attempted_at > now()")
    place = "select pg_relation_filepath(tableoid) from oadb.login_attempts group by tableoid"
    before = connection.execute(place).fetchall()
    run_script(connection, PARTITION)

    assert connection.execute(place).fetchall() == before


def test_a_rare_outcome_is_listed_without_reading_the_others(url: str) -> None:
    observer = Observer(url)
    # Within ten seconds, so within a month but for its first ones: of a few rows all are read.
    observer.rows(
        "insert into oadb.login_attempts (username, method, outcome, attempted_at) "
        "select 'asha', 'password', case when n % 500 = 0 then 'unverified' else 'failed' end, "
        "now() - n * interval '1 millisecond' from generate_series(1, 10000) as n"
    )
    observer.rows("analyze oadb.login_attempts")
    with Database(configured(url)) as db:
        assert len(login_attempts.list_attempts(db, outcome="unverified").rows) == 20
        assert login_attempts.count(db, outcome="unverified") == 20
    removed = observer.rows(
        "explain (analyze, costs off, timing off) select attempt_id from oadb.login_attempts "
        "where outcome = 'unverified' order by attempted_at desc, attempt_id desc limit 100"
    )

    assert not [line for (line,) in removed if "Rows Removed" in line]


def test_a_month_of_attempts_is_dropped_with_its_partition(oadb_database_url: str) -> None:
    observer = Observer(oadb_database_url)
    observer.rows(
        "insert into oadb.login_attempts (username, method, outcome, attempted_at) "
        "values ('asha', 'password', 'failed', now() + interval '4 months')"
    )
    with Database(configured(oadb_database_url)) as db:
        (stray,) = partitions.list_strays(db)
        assert stray.starts_at is not None
        assert partitions.make(db, "login_attempts", stray.starts_at) == 1
        expired = partitions.list_expired(db, "login_attempts", timedelta(days=-200))
        for name in expired:
            partitions.drop(db, "login_attempts", name)

    # This month, the two that are made ahead, and the one of the row.
    assert len(expired) == 4
    assert observer.ask("select count(*) from oadb.login_attempts") == 0


def test_clients_of_past_hours_are_swept(oadb_database_url: str) -> None:
    observer = Observer(oadb_database_url)
    observer.rows(
        "insert into oadb.locked_clients (hour_at, network, account) "
        "select date_trunc('hour', now(), 'UTC') - n * interval '1 hour', '192.0.2.1', 'asha' "
        "from generate_series(0, 5) as n"
    )
    with Database(configured(oadb_database_url)) as db:
        swept = login_audit.delete_expired(db)

    # The second hour is over for an hour now or soon.
    assert swept in {3, 4}
    assert observer.ask("select count(*) from oadb.locked_clients") == 6 - swept
