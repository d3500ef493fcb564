"""Under an identity no statement shows or changes a row of another user, or of nobody.

In each layout: one role that owns everything, the owner that a managed service gives, a service
beside six other roles, the same behind PgBouncer, and a superuser, who becomes oadb_user or is
refused.
"""

from collections.abc import Generator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

import psycopg
import pytest
from psycopg.errors import InsufficientPrivilege

from oadb import Config, Database
from oadb.accounts import users
from oadb.engine.acting import acting_as
from oadb.engine.binding.declarations import Declaration
from oadb.testing.servers import Server
from oadb.tools import row_security
from tests.support.layouts import ALL_LAYOUTS, OWNERS, url_in
from tests.support.pgbouncer import PROGRAM, bouncing, needs_pgbouncer
from tests.support.prepared_servers import Prepared
from tests.support.role_statements import STATEMENTS
from tests.support.user_rows import insert, login
from tests.support.walls import (
    CANARY,
    ME,
    OTHER,
    Connection,
    arguments,
    fill_all,
    known,
    of_nobody,
    shown,
    state,
    tables,
)

# Rows of nobody that every user may read: they are the same for all.
WRITES = {"insert", "update", "delete", "call"}

READABLE = {"instruments", "instrument_loads", "key_canaries", "trading_mode"}


LAYOUTS = [
    "one role",
    "managed owner",
    "seven roles",
    pytest.param("PgBouncer", marks=needs_pgbouncer),
    "superuser",
]


@pytest.fixture(scope="module")
def server(prepared: Prepared) -> Generator[Server]:
    with prepared(*ALL_LAYOUTS) as control:
        yield control.server


@pytest.fixture(scope="module")
def urls(server: Server) -> Generator[dict[str, str]]:
    """Give the URLs of each layout."""
    for name in OWNERS:
        fill_all(server.url(name))
    with psycopg.connect(server.url("postgres"), autocommit=True) as connection:
        connection.execute("create role service login in role oadb_app")
    service = login(server, "service", "separate")
    made = {
        "one role": url_in(server, "single"),
        "managed owner": url_in(server, "managed"),
        "superuser": url_in(server, "separate"),
        "seven roles": service,
    }
    if PROGRAM is None:
        yield made
    else:
        with bouncing(service) as bouncer:
            yield {**made, "PgBouncer": bouncer.url}


@pytest.fixture(params=LAYOUTS)
def layout(request: pytest.FixtureRequest) -> str:
    name: str = request.param
    return name


@pytest.fixture
def connection(urls: dict[str, str], layout: str) -> Generator[Connection]:
    with psycopg.connect(urls[layout], autocommit=True, prepare_threshold=None) as connection:
        yield connection


def become(connection: Connection, user_id: int | None) -> None:
    """Take an identity for the rest of the transaction; None: give it up."""
    if user_id is None:
        connection.execute("reset role")
        connection.execute("select set_config('oadb.user_id', '', true)")
    else:
        connection.execute("select oadb.act_as(%s)", [user_id])


def attempt(connection: Connection, sql: bytes, values: list[object]) -> list[str] | None:
    """Run a statement as ME; return what it shows of others, or None if it is refused."""
    become(connection, ME)
    cursor = psycopg.RawCursor(connection)
    try:
        cursor.execute(sql, values)
    except psycopg.Error as error:
        return [str(error)] if CANARY in str(error) else None
    if cursor.description is None:
        return []
    return [*shown(cursor.fetchall(), [column.name for column in cursor.description])]


VARIANTS = [
    each for declared in STATEMENTS for each in (*declared.variants.values(),) or (declared,)
]


@pytest.mark.long("every statement in five layouts")
def test_no_statement_shows_or_changes_rows_of_others_or_of_nobody(connection: Connection) -> None:
    with connection.transaction():
        every, values = tables(connection), known(connection)
        before = state(connection, every)
    faults = {}
    taken = 0

    def changed(connection: Connection) -> bool:
        become(connection, None)
        return state(connection, every) != before

    for declared in VARIANTS:
        with connection.transaction(force_rollback=True):
            seen = attempt(connection, declared.statement.sql, arguments(declared, values))
            if seen is None:
                continue
            taken += 1
            if seen or (WRITES & {*declared.statement.words} and changed(connection)):
                faults[declared.label] = seen

    assert faults == {}
    assert taken > len(VARIANTS) / 4


def test_the_document_says_how_many_statements_are_tried() -> None:
    document = (Path(__file__).parents[2] / "docs/security.md").read_text()

    assert f"of {len(STATEMENTS)} in {len(VARIANTS)} forms" in document


@pytest.mark.long("every operation in five layouts")
def test_an_id_of_another_is_answered_as_one_that_does_not_exist(connection: Connection) -> None:
    """So that nobody counts users, orders or strategies, or learns which ids there are."""
    with connection.transaction():
        values = known(connection)
    nobody = of_nobody(values)
    # The others are asked the same twice, and may answer with the time or what the server counts.
    asked = [each for each in VARIANTS if arguments(each, values) != arguments(each, nobody)]
    differing = {
        declared.label: (real, none)
        for declared in asked
        if (real := outcome(connection, declared, values))
        != (none := outcome(connection, declared, nobody))
    }

    assert differing == {}
    assert len(asked) > len(VARIANTS) / 4


def outcome(connection: Connection, declared: Declaration, values: Mapping[str, Any]) -> object:
    """Return what a statement answers to ME: its rows, or the texts of its error."""
    with connection.transaction(force_rollback=True):
        become(connection, ME)
        cursor = psycopg.RawCursor(connection)
        try:
            cursor.execute(declared.statement.sql, arguments(declared, values))
        except psycopg.Error as error:
            return str(error)
        return cursor.fetchall() if cursor.description else cursor.rowcount


@pytest.mark.long("in five layouts")
def test_no_table_shows_or_gives_up_a_row_of_another_or_of_nobody(connection: Connection) -> None:
    """Whatever a statement says, also one of a service; and also of tables made later."""
    with connection.transaction():
        every = tables(connection)
    found = {}
    for table, has_user in every.items():
        others = f"where user_id is distinct from {ME}" if has_user else ""
        for sql in (f"select from oadb.{table} {others}", f"delete from oadb.{table} {others}"):
            if sql.startswith("select") and table in READABLE:
                continue
            with connection.transaction(force_rollback=True), suppress(InsufficientPrivilege):
                become(connection, ME)
                found[sql] = connection.execute(sql.encode()).rowcount

    assert {sql for sql, rows in found.items() if rows} == set()
    assert found


@pytest.mark.long("in five layouts")
@pytest.mark.parametrize(
    "sql",
    [
        "update oadb.users set is_admin = true",
        "update oadb.users set username = 'user2'",
        # Nor would somebody who is disabled enable himself.
        "update oadb.users set disabled_at = now()",
        # Otherwise the unique constraint says whether somebody has that address.
        "update oadb.users set email = 'user2@example.in'",
        "update oadb.trading_mode set mode = 'live'",
        "insert into oadb.instrument_staging select from oadb.instruments",
        "delete from oadb.instrument_staging",
        insert("login_attempts", ME),
        "insert into oadb.log_drops (writer, table_name, rows) values ('', '', 1)",
    ],
)
def test_a_user_cannot_promote_himself_probe_addresses_or_write_what_is_nobodys(
    connection: Connection, sql: str
) -> None:
    with connection.transaction(force_rollback=True):
        become(connection, ME)
        with pytest.raises(InsufficientPrivilege):
            connection.execute(sql.encode())


@pytest.mark.long("in five layouts")
def test_a_user_reads_his_own_logs(connection: Connection) -> None:
    with connection.transaction():
        become(connection, ME)
        own = [
            connection.execute(f"select user_id from oadb.{log}".encode()).fetchall()
            for log in ("api_logs", "analyzer_logs", "traffic", "latency")
        ]

    assert own == [[(ME,)]] * 4


@pytest.mark.long("in five layouts")
def test_an_audit_cannot_be_changed_or_shortened_by_its_user(connection: Connection) -> None:
    changed = []
    for table in ("login_attempts", "setting_changes", "api_logs"):
        with connection.transaction(force_rollback=True), suppress(InsufficientPrivilege):
            become(connection, ME)
            changed.append(connection.execute(f"delete from oadb.{table}".encode()).rowcount)

    assert {*changed} <= {0}


@pytest.mark.long("fills databases in three layouts")
def test_a_superuser_whom_nothing_binds_is_refused(server: Server, urls: dict[str, str]) -> None:
    assert urls
    with (
        psycopg.connect(server.url("single")) as connection,
        pytest.raises(InsufficientPrivilege, match="does not bind the role postgres"),
    ):
        become(connection, ME)


@pytest.mark.long("fills databases in three layouts")
def test_an_owner_who_cannot_become_a_user_is_refused(server: Server, urls: dict[str, str]) -> None:
    with psycopg.connect(server.url("managed"), autocommit=True) as superuser:
        superuser.execute("revoke oadb_user from managed granted by managed")
        try:
            with (
                psycopg.connect(urls["managed owner"]) as connection,
                pytest.raises(InsufficientPrivilege, match="managed cannot become oadb_user"),
            ):
                become(connection, ME)
        finally:
            superuser.execute("grant oadb_user to managed")


def test_every_table_has_its_policies(shared_url: str, shared_db: Database) -> None:
    walls = row_security.list_walls(shared_db)
    with psycopg.connect(shared_url) as connection:
        without = {
            table
            for (table,) in connection.execute(
                "select relname::text from pg_class "
                "where relnamespace = 'oadb'::regnamespace and relkind in ('r', 'p')"
            )
        } - {wall.name.removeprefix("oadb.") for wall in walls}

    # Loads fill it by COPY, which row-level security does not allow; a trigger refuses identities.
    assert without == {"instrument_staging"}
    assert [fault for wall in walls for fault in row_security.faults(wall)] == []


@pytest.mark.long("fills databases in three layouts")
@pytest.mark.parametrize("value", ["none", "local"])
def test_an_identity_is_refused_where_workers_of_citus_would_not_learn_it(
    urls: dict[str, str], value: str
) -> None:
    """Any session can name a setting so, which is how this is tested without Citus."""
    with psycopg.connect(urls["one role"]) as connection:
        connection.execute(f"set local citus.propagate_set_commands = {value}".encode())
        if value == "none":
            with pytest.raises(InsufficientPrivilege, match="the workers of Citus do not learn"):
                become(connection, ME)
        else:
            with pytest.raises(psycopg.Error, match="needs a transaction block"):
                become(connection, ME)
            connection.rollback()
            connection.execute("set local citus.propagate_set_commands = 'local'")
            connection.execute(f"set local oadb.user_id = '{ME}'".encode())
            become(connection, ME)
            assert connection.execute("select user_id from oadb.users").fetchall() == [(ME,)]


@pytest.mark.long("fills databases in three layouts")
def test_calls_under_an_identity_run_in_transaction_blocks_where_citus_is(
    urls: dict[str, str],
) -> None:
    """SET LOCAL reaches its workers within a block alone."""
    spread = f"{urls['one role']}&options=-c%20citus.propagate_set_commands%3Dlocal"
    with Database(Config.from_env({"DATABASE_URL": spread, "DB_POOL_SIZE": "1"})) as db:
        mine = db.as_user(ME)
        with mine.transaction() as tx:
            assert users.get(tx, ME) is not None
        assert [users.get(mine, user_id) is not None for user_id in (ME, OTHER)] == [True, False]
        assert users.get(mine, ME) is not None


def test_the_identity_is_set_by_a_statement_of_its_own() -> None:
    """Citus sends its workers SET LOCAL, and no setting that a function changes."""
    assert b"set local oadb.user_id = '7'" in [each.sql for each in acting_as(7, None)]
