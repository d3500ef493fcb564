"""Views: what they show of users belongs to users, and is read with the rights of the caller."""

from collections.abc import Generator

import psycopg
import pytest

from oadb import Database
from oadb.accounts import users
from oadb.trading import strategies
from tests.support.ownership import owned_relations
from tests.support.user_rows import declared

Connection = psycopg.Connection[tuple[object, ...]]

OWNERS = declared("select user_id from oadb.strategies_with_mappings order by user_id", list[int])


@pytest.fixture
def connection(shared_url: str) -> Generator[Connection]:
    """Give a connection whose changes are undone."""
    with psycopg.connect(shared_url) as connection:
        yield connection
        connection.rollback()


def test_what_shows_rows_of_users_is_read_with_the_rights_of_the_caller(
    connection: Connection,
) -> None:
    relations = owned_relations(connection)

    assert "strategies_with_mappings" in relations
    assert [name for name, is_bound in relations.items() if not is_bound] == []


@pytest.mark.parametrize(
    "options", ["", "with (security_barrier = true)", "with (security_invoker = false)"]
)
def test_a_view_with_the_rights_of_its_owner_would_be_noticed(
    connection: Connection, options: str
) -> None:
    connection.execute(
        f"create view oadb.everybody {options} as select username from oadb.users".encode()
    )

    assert owned_relations(connection)["everybody"] is False


def test_a_view_of_a_view_of_users_belongs_to_them_as_well(connection: Connection) -> None:
    connection.execute(
        "create view oadb.names with (security_invoker = true) as "
        "select name from oadb.strategies_with_mappings"
    )
    connection.execute(
        "create view oadb.networks as select network from oadb.ip_bans "
        "where reason in (select name from oadb.names)"
    )

    relations = owned_relations(connection)

    assert relations["names"] is True
    assert relations["networks"] is False
    assert "active_ip_bans" not in relations


def test_a_view_shows_an_identity_its_own_rows_however_its_statement_was_planned(
    db: Database,
) -> None:
    """More often than the five times after which a plan is kept."""
    for name in ("one", "two"):
        user = users.create(db, name, f"{name}@example.in")
        strategies.create(db, user.user_id, "a")

    for _ in range(8):
        assert OWNERS(db.as_user(1)) == [1]
        assert OWNERS(db) == [1, 2]
        assert OWNERS(db.as_user(2)) == [2]


def test_every_view_says_what_it_is(connection: Connection) -> None:
    views = connection.execute(
        "select relname, obj_description(oid, 'pg_class') from pg_catalog.pg_class "
        "where relnamespace = 'oadb'::regnamespace and relkind = 'v'"
    ).fetchall()

    assert len(views) >= 3
    assert [name for name, comment in views if not comment] == []
