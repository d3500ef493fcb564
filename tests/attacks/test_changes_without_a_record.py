"""Nothing must change who may do what without a security event, whatever statement changes it.

The events are written by triggers, so this asks of every table, column and statement: is it known
whether its changes are events, and are they?
"""

import re
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from typing import get_args

import psycopg
import pytest
from psycopg.errors import RaiseException

from oadb.accounts.security_events import SecurityEventKind
from oadb.engine.binding import statements
from oadb.engine.binding.statements import Statement
from oadb.testing.control import controlled
from oadb.testing.servers import Server
from tests.support.audited import UNAUDITED, UNWATCHED, WATCHED
from tests.support.declared import OADB
from tests.support.user_rows import INSERTS, SEALED, database, fill

# {0} is a number below 256, {1} a sealed value.
ROWS = {
    **{table: INSERTS[table] for table in WATCHED if table in INSERTS},
    "ip_bans": "insert into oadb.ip_bans (network, reason, offences, banned_at) "
    "values ('192.0.2.{0}', 'x', 1, now())",
    "ban_exemptions": "insert into oadb.ban_exemptions (network, reason) "
    "values ('192.0.2.{0}', 'x')",
    "key_canaries": "insert into oadb.key_canaries (key_id, canary) "
    "values ({0}, set_byte({1}, 4, {0}))",
    "role_privileges": "insert into oadb.role_privileges (role_name, table_name, privileges) "
    "values ('r{0}', 'x', 'select')",
}
KEYS = {
    "ip_bans": "network = '192.0.2.{0}'",
    "ban_exemptions": "network = '192.0.2.{0}'",
    "key_canaries": "key_id = {0}",
    "role_privileges": "role_name = 'r{0}'",
    "trading_mode": "singleton_id = 1",
}
# The one row is made by a migration, and no role may add or delete one.
UPDATED_ONLY = {"trading_mode"}

Connection = psycopg.Connection[tuple[object, ...]]


@pytest.fixture(scope="module")
def connection(oadb_server: Server, oadb_template: str) -> Generator[Connection]:
    with oadb_server.clone(oadb_template) as url:
        fill(url, [1])
        with psycopg.connect(url, autocommit=True) as connection:
            yield connection


@contextmanager
def undone(connection: Connection) -> Iterator[None]:
    with connection.transaction(force_rollback=True):
        yield


def run(connection: Connection, statement: str) -> None:
    connection.execute(statement.encode())


def kinds(connection: Connection) -> list[object]:
    found = connection.execute("select kind from oadb.security_events order by event_id")
    return [kind for (kind,) in found]


def changes(connection: Connection, statement: str) -> list[object]:
    """Run a statement; return the kinds of the events that it writes."""
    before = len(kinds(connection))
    run(connection, statement)
    return kinds(connection)[before:]


def put(connection: Connection, table: str, number: int) -> str:
    """Insert a row, and the user of that number if it needs one; return its condition."""
    if table in INSERTS and table != "users":
        run(connection, INSERTS["users"].format(number))
    run(connection, ROWS[table].format(number, SEALED))
    if table == "second_factors":
        run(connection, "update oadb.second_factors set confirmed_at = now()")
    return KEYS.get(table, "user_id = {0}").format(number)


def columns(connection: Connection) -> dict[str, set[str]]:
    found: dict[str, set[str]] = {table: set() for table in WATCHED}
    for table, column in connection.execute(
        "select table_name, column_name from information_schema.columns where table_schema = 'oadb'"
    ):
        found.get(str(table), set()).add(str(column))
    return found


def test_of_every_column_it_is_known_whether_its_changes_are_events(
    connection: Connection,
) -> None:
    """A new column says here what it is."""
    assert {
        table: columns - UNWATCHED[table] - {*WATCHED[table]}
        for table, columns in columns(connection).items()
        if columns - UNWATCHED[table] - {*WATCHED[table]}
    } == {}


@pytest.mark.parametrize(
    ("table", "column"), [(table, column) for table, of in WATCHED.items() for column in of]
)
def test_a_change_of_a_column_is_an_event(connection: Connection, table: str, column: str) -> None:
    with undone(connection):
        row = KEYS[table] if table in UPDATED_ONLY else put(connection, table, 7)
        change = f"set {column} = {WATCHED[table][column]}"
        assert changes(connection, f"update oadb.{table} {change} where {row}")


@pytest.mark.parametrize("table", sorted({*WATCHED} - UPDATED_ONLY))
def test_a_row_that_comes_or_goes_is_an_event(connection: Connection, table: str) -> None:
    with undone(connection):
        before = len(kinds(connection))
        row = put(connection, table, 9)
        assert {*kinds(connection)[before:]} - {"user_created"} or table == "users"
        assert changes(connection, f"delete from oadb.{table} where {row}")


def test_what_goes_with_its_user_is_an_event_too(connection: Connection) -> None:
    with undone(connection):
        written = changes(connection, "delete from oadb.users")

    assert {*written} == {
        "user_deleted", "session_ended", "second_factor_removed", "api_key_revoked",
        "broker_token_revoked", "webhook_revoked", "one_time_token_revoked",
    }  # fmt: skip  # a list


# Statements --------------------------------------------------------------------------------------

WRITES = re.compile(r"\b(?:insert into|update|delete from|copy) oadb \. (\w+)")


def written_tables(statement: Statement) -> set[str]:
    words = [part.text.lower() for part in statement.parts if part.kind not in {"space", "comment"}]
    return {*WRITES.findall(" ".join(words))}


def all_statements() -> list[Statement]:
    places = OADB.places()
    return [each for place in places for each in statements.load(OADB, place).values()]


def test_of_every_table_that_a_statement_writes_it_is_known_whether_it_is_audited() -> None:
    """A new table says in tests/support/audited.py what it is."""
    written = {table for statement in all_statements() for table in written_tables(statement)}

    assert {*WATCHED} - {"role_privileges", "ban_exemptions"} <= written
    assert written - {*WATCHED} - UNAUDITED == set()


def test_a_statement_on_a_table_that_nobody_knows_would_be_noticed() -> None:
    text = "-- name: put\nwith a as (delete from oadb.new where b) insert into oadb.c select 1;"

    assert written_tables(statements.parse(text, "x", "x.sql")["put"]) == {"new", "c"}


def test_no_statement_gets_past_the_triggers() -> None:
    ways = {"truncate", "session_replication_role", "disable"}

    assert [each.label for each in all_statements() if ways & {*each.words}] == []


def test_the_kinds_that_triggers_write_are_those_that_are_read(connection: Connection) -> None:
    """No CHECK says which there are; another one would be no SecurityEvent."""
    found = connection.execute(
        "select distinct substring(pg_get_triggerdef(oid) "
        "from $$record_security_event\\('([a-z_]+)'$$) from pg_trigger "
        "where tgfoid = 'oadb.record_security_event'::regproc"
    )

    assert {kind for (kind,) in found} == {*get_args(SecurityEventKind)}


def test_an_event_is_undone_with_its_change_and_a_change_with_its_event(
    connection: Connection,
) -> None:
    before = len(kinds(connection))
    with undone(connection):
        run(connection, "update oadb.users set is_admin = true")
    assert len(kinds(connection)) == before

    with undone(connection):
        run(
            connection,
            "create function pg_temp.fail() returns trigger language plpgsql "
            "as $$ begin raise 'the disk is full'; end $$; "
            "create trigger fails before insert on oadb.security_events "
            "for each row execute function pg_temp.fail()",
        )
        with pytest.raises(RaiseException), connection.transaction():
            run(connection, "update oadb.users set is_admin = true")
        found = connection.execute("select bool_or(is_admin) from oadb.users").fetchone()
        assert found == (False,)


@pytest.mark.long("migrates on a server of its own")
def test_a_role_that_oadb_makes_or_grants_is_an_event() -> None:
    with controlled() as control:
        with psycopg.connect(control.url, autocommit=True) as connection:
            connection.execute("create role alone login")
        with (
            database(control.server, "single", "alone"),
            psycopg.connect(control.server.url("single")) as connection,
        ):
            connection.execute("call oadb.create_roles()")
            found = connection.execute(
                "select detail->>'role_name', detail->>'created', detail->>'granted_to' "
                "from oadb.security_events where kind = 'role_changed' order by event_id"
            ).fetchall()

    assert ("oadb_app", "true", None) in found
    assert found[-1] == ("oadb_user", None, "alone")
