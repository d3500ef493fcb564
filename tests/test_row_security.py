"""db.as_user: the rows of one user alone, whatever a statement says, and for no longer than it.

Tried three ways: as a superuser and as a service, who become the role oadb_user meanwhile, and as
the one role of a single-role database, which FORCE ROW LEVEL SECURITY alone binds.
"""

import random
import threading
from collections.abc import Callable, Generator, Iterator
from contextlib import suppress
from itertools import pairwise
from time import monotonic

import psycopg
import pytest
from psycopg.errors import InsufficientPrivilege

from oadb import AsyncDatabase, Database, Transaction
from oadb.accounts import users
from oadb.engine import dsn
from oadb.engine.binding import statements
from oadb.errors import ParameterError
from oadb.settings import user_settings
from oadb.testing.control import controlled
from oadb.testing.servers import Server
from oadb.tools import catalog
from oadb.trading import pending_orders
from tests.engine.test_pgbouncer import PROGRAM, bouncer
from tests.faults.proxy import Proxy
from tests.support.rig import config, threads
from tests.support.user_rows import (
    AUDITS,
    COUNT,
    DELETE,
    SEE,
    TABLES,
    TOUCH,
    database,
    declared,
    fill,
    insert,
    login,
)

__all__ = ["bouncer"]

behind_pgbouncer = pytest.mark.skipif(PROGRAM is None, reason="pgbouncer is not installed")

USERS = range(1, 41)
ME, OTHER = 1, 2

JOINED = declared(
    "select users.user_id from oadb.users inner join oadb.api_keys "
    "on users.user_id <= api_keys.user_id",
    list[int],
)
STREAM = declared("select user_id from oadb.sessions", Iterator[int])
WHO = declared(
    "select current_user || ' ' || coalesce(current_setting('oadb.user_id', true), '') as who", str
)
FAIL = declared("select 1 / 0 as never", int)
RESET_ROLE = declared("select set_config('role', 'none', true) as role", str)
BECOME_OWNER = declared("select set_config('role', 'oadb_owner', true) as role", str)


@pytest.fixture(scope="module")
def server() -> Generator[Server]:
    """Give a server of our own: roles belong to a server, and here are some that sign in."""
    with controlled() as control:
        with psycopg.connect(control.url, autocommit=True) as connection:
            connection.execute("create role alone login")
        yield control.server


@pytest.fixture(scope="module")
def urls(server: Server) -> Generator[dict[str, str]]:
    # The database of the one role comes first: there are no roles of oadb yet.
    with (
        database(server, "single", "alone") as alone,
        database(server, "separate", "postgres") as superuser,
    ):
        with psycopg.connect(superuser, autocommit=True) as connection:
            connection.execute("create role service login in role oadb_app")
        fill(alone, USERS)
        fill(superuser, USERS)
        service = login(server, "service", "separate")
        yield {"superuser": superuser, "service": service, "alone": alone}


@pytest.fixture(params=["superuser", "service", "alone"])
def way(request: pytest.FixtureRequest) -> str:
    name: str = request.param
    return name


@pytest.fixture
def url(urls: dict[str, str], way: str) -> str:
    return urls[way]


@pytest.fixture
def db(url: str) -> Generator[Database]:
    """Give a database whose calls share one connection."""
    with Database(config(url, pool_size=1, max_overflow=0)) as db:
        yield db


class _UndoError(Exception):
    """Ends a transaction of a test."""


# The catalog ------------------------------------------------------------------------------------


def test_every_table_of_users_has_row_security_forced_with_both_policies(
    shared_db: Database,
) -> None:
    tables = catalog.list_user_tables(shared_db)

    assert [table.name for table in tables if not table.is_forced] == []
    assert [table.name for table in tables if not table.has_user_policy] == []
    assert [table.name for table in tables if not table.is_open_to_us] == []


def test_every_table_of_users_is_tried_here(shared_db: Database) -> None:
    tables = catalog.list_user_tables(shared_db)

    assert [table.name.removeprefix("oadb.") for table in tables] == TABLES


def test_every_policy_asks_for_the_identity_alone(shared_url: str) -> None:
    """Of one form each, so that no policy of a later table lets in more."""
    with psycopg.connect(shared_url) as connection:
        policies = connection.execute(
            "select distinct policyname, permissive, cmd, qual, with_check from pg_policies "
            "where schemaname = 'oadb'"
        ).fetchall()

    identity = "NULLIF(current_setting('oadb.user_id'::text, true), ''::text)"
    own = f"(user_id = ({identity})::bigint)"
    changed, decided = (f"({name} = ({identity})::bigint)" for name in ("changed_by", "decided_by"))
    assert {*policies} == {
        ("service_policy", "PERMISSIVE", "ALL", f"({identity} IS NULL)", None),
        ("user_policy", "PERMISSIVE", "ALL", own, None),
        # Who did it is oneself.
        ("user_policy", "PERMISSIVE", "ALL", own, f"({own} AND {changed})"),
        (
            "user_policy", "PERMISSIVE", "ALL", own,
            f"({own} AND ((status = 'pending'::text) OR {decided}))",
        ),
    }  # fmt: skip


def test_no_statement_of_ours_changes_who_is_asking() -> None:
    """SQL that may do so could leave its identity: it is fixed in files, and none does."""
    changing = {"role", "reset", "session_authorization", "authorization", "do"}
    # Settings that have nothing to do with it, each named in the statement.
    names = {
        "statement_timeout", "oadb.brokers", "jit", "max_parallel_workers_per_gather",
        "plan_cache_mode",
    }  # fmt: skip
    found = [
        statement.label
        for place in statements.places()
        for statement in statements.load(place).values()
        if changing & {*statement.words} - ({"do"} if "conflict" in statement.words else set())
        or statement.words.count("set_config")
        != sum(statement.sql.decode().count(f"set_config('{name}', ") for name in names)
    ]

    assert found == []


# One user's rows alone --------------------------------------------------------------------------


@pytest.mark.parametrize("table", TABLES)
def test_a_select_without_where_sees_the_rows_of_one_user(db: Database, table: str) -> None:
    assert SEE[table](db.as_user(ME)) == [ME]
    assert COUNT[table](db.as_user(OTHER)) == 1
    assert COUNT[table](db) == len(USERS)


@pytest.mark.parametrize("table", TABLES)
def test_an_update_without_where_changes_the_rows_of_one_user(
    db: Database, way: str, table: str
) -> None:
    if table in AUDITS and way != "alone":
        with pytest.raises(InsufficientPrivilege):
            TOUCH[table](db.as_user(ME))
    else:
        assert TOUCH[table](db.as_user(ME)) == 1


@pytest.mark.parametrize("table", TABLES)
def test_a_delete_without_where_deletes_the_rows_of_one_user(
    db: Database, way: str, table: str
) -> None:
    if table in AUDITS and way != "alone":
        with pytest.raises(InsufficientPrivilege):
            DELETE[table](db.as_user(ME))
        return

    def delete() -> None:
        with db.as_user(ME).transaction() as tx:
            assert DELETE[table](tx) == 1
            assert SEE[table](tx) == []
            raise _UndoError

    with pytest.raises(_UndoError):
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
    # Of a pending order, what was asked for cannot be changed at all.
    fixed = table == "pending_orders" and way != "alone"
    why = "permission denied" if fixed else "row-level security"
    with pytest.raises(InsufficientPrivilege, match=why):
        give_away(db.as_user(ME))


NOTED = user_settings.declare("row_security.noted", int, default=0)


def refused(tx: Transaction, work: Callable[[Transaction], object]) -> None:
    """See that row-level security refuses *work*, and go on in the transaction."""
    with pytest.raises(InsufficientPrivilege, match="row-level security"), tx.transaction() as each:
        work(each)


@pytest.mark.parametrize("by", [OTHER, 10**12])
def test_nobody_changes_a_setting_in_the_name_of_another(db: Database, by: int) -> None:
    with suppress(_UndoError), db.as_user(ME).transaction() as tx:
        refused(tx, lambda tx: user_settings.put(tx, ME, NOTED.to(1), changed_by=by))
        assert user_settings.put(tx, ME, NOTED.to(1), changed_by=ME) == 1
        refused(tx, lambda tx: user_settings.reset(tx, ME, NOTED, changed_by=by))
        assert user_settings.reset(tx, ME, NOTED) == 1
        assert [each.changed_by for each in user_settings.list_changes(tx, ME, page_size=2)] == [
            ME,
            ME,
        ]
        raise _UndoError
    with suppress(_UndoError), db.transaction() as tx:
        assert user_settings.put(tx, ME, NOTED.to(1), changed_by=by) == 1, "a service may"
        raise _UndoError


@pytest.mark.parametrize("by", [OTHER, None])
def test_nobody_rejects_an_order_in_the_name_of_another_or_as_the_platform(
    db: Database, by: int | None
) -> None:
    with suppress(_UndoError), db.as_user(ME).transaction() as tx:
        order = pending_orders.create(tx, ME, "placeorder", {}).pending_order_id
        refused(tx, lambda tx: pending_orders.reject(tx, ME, order, decided_by=by))
        assert pending_orders.reject(tx, ME, order, decided_by=ME)
        raise _UndoError
    with suppress(_UndoError), db.transaction() as tx:
        order = pending_orders.create(tx, ME, "placeorder", {}).pending_order_id
        assert pending_orders.reject(tx, ME, order, decided_by=by), "a service may"
        raise _UndoError


def test_a_user_who_goes_takes_along_no_rows_of_others(db: Database) -> None:
    def leave() -> None:
        with db.as_user(OTHER).transaction() as tx:
            assert users.delete(tx, ME) is False
            assert DELETE["users"](tx) == 1
            assert [COUNT[table](tx) for table in TABLES] == [0] * len(TABLES)
            raise _UndoError

    with pytest.raises(_UndoError):
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


async def test_without_threads_it_is_the_same(url: str) -> None:
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


def test_nobody_is_no_identity(url: str) -> None:
    with psycopg.connect(url) as connection, pytest.raises(psycopg.errors.NullValueNotAllowed):
        connection.execute("select oadb.act_as(null)")


# No longer, and no wider ------------------------------------------------------------------------


def test_an_identity_ends_with_its_statement_or_transaction(db: Database) -> None:
    before = WHO(db)
    mine = db.as_user(ME)
    for use in (
        lambda: SEE["users"](mine),
        lambda: next(STREAM(mine)),
        lambda: mine.transact(SEE["users"]),
    ):
        use()
        assert WHO(db) == before
        assert COUNT["users"](db) == len(USERS)


def test_an_identity_ends_with_what_fails(db: Database) -> None:
    before = WHO(db)
    mine = db.as_user(ME)

    def fail_inside() -> None:
        with mine.transaction() as tx, tx.transaction() as nested:
            FAIL(nested)

    for use in (lambda: FAIL(mine), lambda: mine.transact(FAIL), fail_inside):
        with pytest.raises(psycopg.errors.DivisionByZero):
            use()
        assert WHO(db) == before
        assert COUNT["users"](db) == len(USERS)


def test_a_statement_prepared_for_one_role_is_planned_again_for_another(db: Database) -> None:
    """More often than the five times after which a plan is kept."""
    for _ in range(8):
        assert SEE["api_keys"](db.as_user(ME)) == [ME]
        assert len(SEE["api_keys"](db)) == len(USERS)
        assert SEE["api_keys"](db.as_user(OTHER)) == [OTHER]


@pytest.mark.parametrize("way", ["service", "alone"])
def test_a_role_that_is_left_leaves_the_identity_behind(db: Database) -> None:
    with db.as_user(ME).transaction() as tx:
        RESET_ROLE(tx)
        assert WHO(tx).split()[1] == str(ME)
        assert [SEE[table](tx) for table in TABLES] == [[ME]] * len(TABLES)


@pytest.mark.parametrize("way", ["service", "alone"])
def test_nobody_becomes_the_owner(db: Database) -> None:
    with pytest.raises(InsufficientPrivilege):
        BECOME_OWNER(db.as_user(ME))


def test_an_identity_costs_no_round_trip(url: str) -> None:
    with (
        Proxy(dsn.parse(url).keywords) as proxy,
        Database(config(proxy.url, pool_size=1, max_overflow=0)) as db,
    ):
        first, second = db.as_user(ME), db.as_user(OTHER)
        trips = [proxy.round_trips]
        for use in (
            lambda: SEE["users"](first),  # parsed in the same burst
            lambda: SEE["users"](second),
            lambda: TOUCH["users"](first),
            lambda: first.transact(SEE["users"]),
            lambda: list(STREAM(second)),
            lambda: list(STREAM(db)),
        ):
            use()
            trips.append(proxy.round_trips)

    spent = [after - before for before, after in pairwise(trips)]
    assert spent[:4] == [1, 1, 1, 2], "a transaction adds its commit"
    assert spent[4] == spent[5], "a stream takes as many as without an identity"


# Many at once -----------------------------------------------------------------------------------


def wrong_reads(db: Database, reads: int) -> int:
    """Read as random users from 16 threads, and without an identity in between; count errors."""
    wrong, lock = 0, threading.Lock()

    def read(count: int) -> None:
        nonlocal wrong
        chance = random.Random(count)
        found = 0
        for number in range(count):
            me, other = chance.sample(USERS, 2)
            mine = db.as_user(me)
            kind = number % 8
            if kind == 0:
                found += COUNT["sessions"](db) != len(USERS)
            elif kind == 1:
                found += users.get(mine, other) is not None
            elif kind == 2:
                found += mine.transact(SEE["api_keys"]) != [me]
            else:
                found += SEE[chance.choice(TABLES)](mine) != [me]
        with lock:
            wrong += found

    each, rest = divmod(reads, 16)
    with threads(16) as pool:
        list(pool.map(read, [each + (number < rest) for number in range(16)]))
    return wrong


def test_no_user_reads_the_rows_of_another(url: str) -> None:
    with Database(config(url, pool_size=4, max_overflow=0)) as db:
        assert wrong_reads(db, 2000) == 0


@behind_pgbouncer
def test_no_user_reads_the_rows_of_another_behind_pgbouncer(bouncer: str) -> None:
    with Database(config(bouncer, pooler="pgbouncer", pool_size=8, max_overflow=0)) as db:
        assert wrong_reads(db, 1000) == 0


@pytest.mark.slow
def test_no_user_reads_the_rows_of_another_in_100_000_reads(url: str, way: str) -> None:
    started = monotonic()
    with Database(config(url, pool_size=8, max_overflow=0)) as db:
        wrong = wrong_reads(db, 100_000)
    print(f"\n{way}, pool: {wrong} of 100000 wrong in {monotonic() - started:.0f} s")

    assert wrong == 0


@pytest.mark.slow
@behind_pgbouncer
def test_no_user_reads_the_rows_of_another_in_100_000_reads_behind_pgbouncer(
    bouncer: str, way: str
) -> None:
    started = monotonic()
    with Database(config(bouncer, pooler="pgbouncer", pool_size=8, max_overflow=0)) as db:
        wrong = wrong_reads(db, 100_000)
    print(f"\n{way}, PgBouncer: {wrong} of 100000 wrong in {monotonic() - started:.0f} s")

    assert wrong == 0
