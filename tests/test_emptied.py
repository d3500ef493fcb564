"""Databases that several tests share, each of which finds the rows of the migrations."""

import psycopg
import pytest

from oadb import Database
from oadb.accounts import users
from tests.support.emptied import Emptied, emptied
from tests.support.rig import Observer

pytestmark = pytest.mark.changes_rows

SEEDED = "smtp_settings"


@pytest.mark.parametrize("username", ["first", "second"])
def test_each_finds_no_row_of_another_and_the_same_numbers(db: Database, username: str) -> None:
    before = users.count(db)
    assert (before, users.create(db, username, "x@example.in").user_id) == (0, 1)


def test_rows_of_migrations_come_back(one_database: Emptied) -> None:
    one_database.empty()
    observer = Observer(one_database.url)
    before = observer.rows(f"select * from oadb.{SEEDED}")
    assert before != []
    observer.rows(f"delete from oadb.{SEEDED}")

    one_database.empty()
    assert observer.rows(f"select * from oadb.{SEEDED}") == before


def test_sessions_of_a_test_end_with_it(one_database: Emptied) -> None:
    with psycopg.connect(one_database.url) as left:
        left.execute("lock table oadb.users")
        one_database.empty()
        with pytest.raises(psycopg.OperationalError):
            left.execute("select 1")


@pytest.mark.parametrize(
    "change",
    [
        "create table oadb.more ()",
        "drop index oadb.sessions_ip_idx",
        "alter table oadb.users add column more integer",
        "alter table oadb.users disable trigger user",
        "drop policy user_policy on oadb.sessions",
        "create schema more",
    ],
)
def test_whoever_changes_more_than_rows_is_told(url: str, change: str) -> None:
    with pytest.raises(AssertionError, match="has changed other things"), emptied(url):
        Observer(url).rows(change)
