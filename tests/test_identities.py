"""Identities: they end with their transaction, cost no round trip, and hold under load."""

import random
import threading
from itertools import pairwise
from time import monotonic

import psycopg
import pytest
from psycopg.errors import InsufficientPrivilege

from oadb import Database
from oadb.accounts import users
from oadb.engine import dsn
from oadb.errors import ParameterError
from tests.faults.proxy import Proxy
from tests.support.pgbouncer import bouncer, needs_pgbouncer
from tests.support.rig import config, pool_of, threads
from tests.support.row_security import (
    BECOME_OWNER,
    FAIL,
    ME,
    OTHER,
    RESET_ROLE,
    STREAM,
    USERS,
    WHO,
    databases,
    db,
    server,
    url,
    urls,
    way,
)
from tests.support.user_rows import (
    COUNT,
    SEE,
    TABLES,
    TOUCH,
    declared,
)

__all__ = ["bouncer", "databases", "db", "server", "url", "urls", "way"]  # fixtures


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


def test_an_identity_covers_a_batch_and_many_rows_and_ends_with_them(db: Database) -> None:
    before = WHO(db)
    mine = db.as_user(ME)
    with mine.batch() as batch:
        seen, who = COUNT["users"](batch), WHO(batch)
    assert (seen.result, who.result) == (1, WHO(mine))
    assert COUNT["users"].many(mine, [(), ()]) == [1, 1]
    with mine.transaction() as tx:
        assert COUNT["users"].many(tx, [()]) == [1]
    assert WHO(db) == before
    assert COUNT["users"](db) == len(USERS)


def test_an_identity_ends_with_a_statement_that_fails(db: Database) -> None:
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
    assert not pool_of(db).needs_blocks


def test_a_statement_prepared_for_one_role_is_planned_again_for_another(db: Database) -> None:
    """Also after the five executions after which the server may keep a plan."""
    for _ in range(8):
        assert SEE["api_keys"](db.as_user(ME)) == [ME]
        assert len(SEE["api_keys"](db)) == len(USERS)
        assert SEE["api_keys"](db.as_user(OTHER)) == [OTHER]


ADDRESS = declared("select current_setting('oadb.client_ip', true) as ip", str | None)


def test_an_identity_has_the_address_of_its_client_to_its_end(db: Database) -> None:
    assert ADDRESS(db.as_user(ME, ip="::ffff:203.0.113.9")) == "203.0.113.9"
    assert not ADDRESS(db.as_user(ME))
    assert not ADDRESS(db)
    with pytest.raises(ParameterError, match=r"^as_user: ip must be an IP address$"):
        db.as_user(ME, ip="unknown")


@pytest.mark.parametrize("way", ["service", "alone"])
def test_the_identity_stays_when_the_role_is_reset(db: Database) -> None:
    with db.as_user(ME).transaction() as tx:
        RESET_ROLE(tx)
        assert WHO(tx).split()[1] == str(ME)
        assert [SEE[table](tx) for table in TABLES] == [[ME]] * len(TABLES)


@pytest.mark.parametrize("way", ["service", "alone"])
def test_a_user_cannot_become_the_owner(db: Database) -> None:
    with pytest.raises(InsufficientPrivilege):
        BECOME_OWNER(db.as_user(ME))


def test_where_an_identity_needs_a_transaction_block_each_statement_has_one(url: str) -> None:
    """As on Citus, by whose setting oadb.act_as() knows it."""
    options = "options=-c%20citus.propagate_set_commands%3Dlocal"
    with Database(config(f"{url}{'&' if '?' in url else '?'}{options}", pool_size=1)) as db:
        mine = db.as_user(ME)

        assert [SEE["users"](mine) for _ in range(2)] == [[ME]] * 2
        with pytest.raises(psycopg.errors.DivisionByZero):
            FAIL(mine)


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
    """Read in 16 threads, as random users and without an identity; return the wrong results."""
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
        assert wrong_reads(db, 600) == 0


@needs_pgbouncer
def test_no_user_reads_the_rows_of_another_behind_pgbouncer(bouncer: str) -> None:
    with Database(config(bouncer, pooler="pgbouncer", pool_size=8, max_overflow=0)) as db:
        assert wrong_reads(db, 600) == 0


@pytest.mark.slow
def test_no_user_reads_the_rows_of_another_in_100_000_reads(url: str, way: str) -> None:
    started = monotonic()
    with Database(config(url, pool_size=8, max_overflow=0)) as db:
        wrong = wrong_reads(db, 100_000)
    print(f"\n{way}, pool: {wrong} of 100000 wrong in {monotonic() - started:.0f} s")

    assert wrong == 0


@pytest.mark.slow
@needs_pgbouncer
def test_no_user_reads_the_rows_of_another_in_100_000_reads_behind_pgbouncer(
    bouncer: str, way: str
) -> None:
    started = monotonic()
    with Database(config(bouncer, pooler="pgbouncer", pool_size=8, max_overflow=0)) as db:
        wrong = wrong_reads(db, 100_000)
    print(f"\n{way}, PgBouncer: {wrong} of 100000 wrong in {monotonic() - started:.0f} s")

    assert wrong == 0
