"""Row-level security: under db.as_user a statement sees the rows of one user only.

Each test runs in three layouts: as a superuser and as a service, both of which switch to the role
oadb_user, and as the only role of a database, which is bound by FORCE ROW LEVEL SECURITY alone.
"""

import re
from collections.abc import Callable
from contextlib import suppress

import psycopg
import pytest
from psycopg.errors import InsufficientPrivilege

from oadb import AsyncDatabase, Database, Transaction
from oadb.accounts import users
from oadb.engine.binding import statements
from oadb.engine.binding.packages import find
from oadb.errors import NoRowError, ParameterError
from oadb.settings import user_settings
from oadb.testing import checks
from oadb.tools import row_security
from oadb.trading import pending_orders
from tests.support.pgbouncer import bouncer
from tests.support.rig import config
from tests.support.row_security import (
    FAIL,
    JOINED,
    ME,
    OTHER,
    STREAM,
    USERS,
    UndoError,
    databases,
    db,
    server,
    url,
    urls,
    way,
)
from tests.support.user_rows import (
    AUDITS,
    COUNT,
    DELETE,
    KEPT,
    OUTLIVING,
    SEE,
    TABLES,
    TOUCH,
    UNDELETED,
    declared,
    insert,
)

__all__ = ["bouncer", "databases", "db", "server", "url", "urls", "way"]  # fixtures


# The catalog ------------------------------------------------------------------------------------


def test_every_table_has_row_security_forced_with_its_policies(
    shared_db: Database, shared_url: str
) -> None:
    assert checks.row_security_faults(shared_url) == []
    assert checks.privilege_faults(shared_url) == []
    assert all(table.is_open_to_us for table in row_security.list_walls(shared_db))


def test_every_table_of_users_is_tried_here(shared_url: str) -> None:
    with psycopg.connect(shared_url) as connection:
        listed = connection.execute(
            "select table_name from oadb.user_tables where not is_log order by table_name"
        ).fetchall()

    assert [table for (table,) in listed] == TABLES


def test_every_policy_depends_on_the_identity_only(shared_url: str) -> None:
    """They have the same few forms, so that no policy of a later table allows more."""
    with psycopg.connect(shared_url) as connection:
        policies = connection.execute(
            "select distinct policyname, cmd, qual, with_check from pg_policies "
            "where schemaname = 'oadb' and permissive = 'PERMISSIVE'"
        ).fetchall()

    identity = "NULLIF(current_setting('oadb.user_id'::text, true), ''::text)"
    own = f"(user_id = ({identity})::bigint)"
    changed, decided = (f"({name} = ({identity})::bigint)" for name in ("changed_by", "decided_by"))
    none = f"({identity} IS NULL)"
    found = {
        (name, kind, rows and " ".join(rows.split()), check) for name, kind, rows, check in policies
    }
    assert found == {
        ("service_policy", "ALL", none, None),
        ("owner_policy", "ALL", none, None),
        # Of a role without identities: oadb_user is the wall.
        ("service_policy", "ALL", "true", None),
        (
            "service_policy",
            "ALL",
            f"CASE WHEN {none} THEN true ELSE oadb.refuse_identity() END",
            None,
        ),
        # The same for all users.
        ("read_policy", "SELECT", "true", None),
        ("user_policy", "ALL", own, None),
        ("user_policy", "SELECT", own, None),
        ("user_update_policy", "UPDATE", own, None),
        ("user_delete_policy", "DELETE", own, None),
        ("user_insert_policy", "INSERT", None, own),
        # A user is recorded only as the author of the own changes and decisions.
        ("user_insert_policy", "INSERT", None, f"({own} AND {changed})"),
        ("user_policy", "ALL", own, f"({own} AND ((status = 'pending'::text) OR {decided}))"),
    }


# Run on temporary servers alone, which have nobody's rows.
ON_TEMPORARY_SERVERS = [
    "generated_rows._leave_triggers_out",
    "table_states._note_rewrites",
    "table_states.stop_writers",
]


def test_no_statement_changes_the_identity() -> None:
    """A statement that did so could see the rows of other users."""
    changing = {"role", "reset", "session_authorization", "authorization", "do"}
    # Settings that do not affect the identity; each is a constant in its statement.
    names = {
        "statement_timeout",
        "oadb.brokers",
        "jit",
        "max_parallel_workers_per_gather",
        "plan_cache_mode",
        "search_path",
        "quote_all_identifiers",
        "bytea_output",
        "datestyle",
        "extra_float_digits",
        "intervalstyle",
        "timezone",
    }
    constant = rf"set_config\(\s*'({'|'.join(names)})',"
    found = [
        statement.label
        for place in find("oadb").places()
        for statement in statements.load(find("oadb"), place).values()
        if changing & {*statement.words} - ({"do"} if "conflict" in statement.words else set())
        or statement.words.count("set_config") != len(re.findall(constant, statement.sql.decode()))
    ]

    assert found == ON_TEMPORARY_SERVERS


# The rows of one user ---------------------------------------------------------------------------


@pytest.mark.holds("I6")
@pytest.mark.parametrize("table", TABLES)
def test_a_select_without_where_sees_the_rows_of_one_user(db: Database, table: str) -> None:
    assert SEE[table](db.as_user(ME)) == [ME]
    assert COUNT[table](db.as_user(OTHER)) == 1
    assert COUNT[table](db) == len(USERS)


@pytest.mark.parametrize("table", TABLES)
def test_an_update_without_where_changes_the_rows_of_one_user(
    db: Database, way: str, table: str
) -> None:
    if table in KEPT or (table in AUDITS and way != "alone"):
        with pytest.raises(InsufficientPrivilege):
            TOUCH[table](db.as_user(ME))
    else:
        assert TOUCH[table](db.as_user(ME)) == (0 if table in AUDITS else 1)


@pytest.mark.parametrize("table", TABLES)
def test_a_delete_without_where_deletes_the_rows_of_one_user(
    db: Database, way: str, table: str
) -> None:
    if table in UNDELETED and way != "alone":
        with pytest.raises(InsufficientPrivilege):
            DELETE[table](db.as_user(ME))
        return

    def delete() -> None:
        with db.as_user(ME).transaction() as tx:
            kept = [ME] if table in UNDELETED else []
            assert DELETE[table](tx) == 1 - len(kept)
            assert SEE[table](tx) == kept
            raise UndoError

    with pytest.raises(UndoError):
        delete()
    assert COUNT[table](db) == len(USERS)


@pytest.mark.parametrize("table", TABLES)
def test_an_insert_for_another_user_is_refused(db: Database, table: str) -> None:
    with pytest.raises(InsufficientPrivilege):
        declared(insert(table, 99), None)(db.as_user(ME))

    assert COUNT[table](db) == len(USERS)


@pytest.mark.parametrize("table", sorted({*TABLES} - AUDITS - {"users"}))
def test_a_row_cannot_be_given_to_another_user(db: Database, way: str, table: str) -> None:
    give_away = declared(f"update oadb.{table} set user_id = {OTHER}", None)
    # The order data, user and time of a pending order cannot be changed at all.
    fixed = table == "pending_orders" and way != "alone"
    why = "permission denied" if fixed else "row-level security"
    with pytest.raises(InsufficientPrivilege, match=why):
        give_away(db.as_user(ME))


NOTED = user_settings.declare("row_security.noted", int, default=0)


def refused(tx: Transaction, work: Callable[[Transaction], object]) -> None:
    """Assert that row-level security refuses *work*; the transaction can continue."""
    with pytest.raises(InsufficientPrivilege, match="row-level security"), tx.transaction() as each:
        work(each)


@pytest.mark.parametrize("by", [OTHER, 10**12])
def test_a_user_cannot_change_a_setting_in_the_name_of_another(db: Database, by: int) -> None:
    """To an identity nobody else exists, so that it learns of no other user either."""
    with suppress(UndoError), db.as_user(ME).transaction() as tx:
        with pytest.raises(NoRowError, match=rf"^user_settings\.put: there is no user {by}$"):
            user_settings.put(tx, ME, NOTED.to(1), by=by)
        assert user_settings.put(tx, ME, NOTED.to(1), by=ME) == 1
        with pytest.raises(NoRowError, match=rf"^user_settings\.reset: there is no user {by}$"):
            user_settings.reset(tx, ME, NOTED, by=by)
        assert user_settings.reset(tx, ME, NOTED) == 1
        found = user_settings.list_changes(tx, ME, limit=2)
        assert [each.changed_by for each in found] == [ME, ME]
        raise UndoError


def test_a_user_cannot_change_a_setting_as_the_platform_and_a_service_as_anybody(
    db: Database,
) -> None:
    with suppress(UndoError), db.as_user(ME).transaction() as tx:
        refused(tx, lambda tx: user_settings.put(tx, ME, NOTED.to(1), by=None))
        assert user_settings.put(tx, ME, NOTED.to(1)) == 1
        refused(tx, lambda tx: user_settings.reset(tx, ME, NOTED, by=None))
        raise UndoError
    for by in (OTHER, None):
        with suppress(UndoError), db.transaction() as tx:
            assert user_settings.put(tx, ME, NOTED.to(1), by=by) == 1
            raise UndoError


@pytest.mark.parametrize("by", [OTHER, None])
def test_a_user_cannot_reject_an_order_in_the_name_of_another_or_of_the_platform(
    db: Database, by: int | None
) -> None:
    def reject(tx: Transaction, order: int, by: int | None) -> bool:
        return pending_orders.reject(tx, ME, pending_order_id=order, by=by)

    with suppress(UndoError), db.as_user(ME).transaction() as tx:
        order = pending_orders.create(tx, ME, "placeorder", {}).pending_order_id
        if by is None:
            refused(tx, lambda tx: reject(tx, order, None))
        else:
            with pytest.raises(
                NoRowError, match=rf"^pending_orders\.reject: there is no user {by}$"
            ):
                reject(tx, order, by)
        assert reject(tx, order, ME)
        raise UndoError
    with suppress(UndoError), db.transaction() as tx:
        order = pending_orders.create(tx, ME, "placeorder", {}).pending_order_id
        assert reject(tx, order, by), "a service may"
        raise UndoError


def test_deleting_a_user_deletes_no_rows_of_others(db: Database) -> None:
    def leave() -> None:
        with db.as_user(OTHER).transaction() as tx:
            assert users.delete(tx, ME) is False
            assert DELETE["users"](tx) == 1
            left = {table for table in TABLES if COUNT[table](tx)}
            assert left == {"changes", *OUTLIVING}, "others still learn of the deletion"
            raise UndoError

    with pytest.raises(UndoError):
        leave()


def test_joins_and_streams_see_the_rows_of_one_user(db: Database) -> None:
    assert JOINED(db.as_user(7)) == [7]
    assert list(STREAM(db.as_user(7))) == [7]
    assert len(list(STREAM(db))) == len(USERS)


def test_a_transaction_sees_the_rows_of_one_user_to_its_end(db: Database) -> None:
    with db.as_user(ME).transaction() as tx:
        assert SEE["api_keys"](tx) == [ME]
        with tx.transaction() as nested:
            assert SEE["sessions"](nested) == [ME]
        assert users.get(tx, OTHER) is None
        assert SEE["broker_tokens"](tx) == [ME]
    assert db.as_user(OTHER).transact(SEE["api_keys"]) == [OTHER]


def test_an_identity_outlives_the_savepoints_of_its_transaction(db: Database) -> None:
    with db.as_user(ME).transaction() as tx:
        with pytest.raises(psycopg.errors.DivisionByZero), tx.transaction() as nested:
            FAIL(nested)
        assert SEE["users"](tx) == [ME]


async def test_rows_of_one_user_are_seen_for_asyncio(url: str) -> None:
    async with AsyncDatabase(config(url, pool_size=1, max_overflow=0)) as adb:
        mine = adb.as_user(ME)
        assert await SEE["users"](mine) == [ME]
        assert [row async for row in STREAM(mine)] == [ME]
        async with mine.transaction() as tx:
            assert await COUNT["sessions"](tx) == 1
        assert await COUNT["users"](adb) == len(USERS)


@pytest.mark.parametrize("user_id", [0, -1, 2**63, True, "1", None])
def test_an_identity_is_a_whole_number_from_1(db: Database, user_id: int) -> None:
    with pytest.raises(ParameterError, match="user_id must be a whole number from 1"):
        db.as_user(user_id)


def test_null_is_not_accepted_as_an_identity(url: str) -> None:
    with psycopg.connect(url) as connection, pytest.raises(psycopg.errors.NullValueNotAllowed):
        connection.execute("select oadb.act_as(null)")
