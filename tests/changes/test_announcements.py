"""Announcements of changes: rows that become visible when the transaction commits."""

import asyncio
from collections.abc import Generator
from contextlib import ExitStack, suppress

import psycopg
import pytest

from oadb import AsyncDatabase, Database, Secret
from oadb.accounts import second_factors, sessions, users
from oadb.accounts.second_factors import NewSecondFactor
from oadb.changes import announcements
from oadb.changes.announcements import Change
from oadb.changes.snapshots import read_since
from oadb.engine import dsn
from oadb.engine.binding.declarations import Declaration
from oadb.engine.binding.packages import find
from oadb.engine.executors import Executor
from oadb.errors import NoRowError
from oadb.tools.contract import comparison
from tests.conftest import configured
from tests.faults.proxy import Proxy
from tests.support import authenticators
from tests.support.accounts import account
from tests.support.authenticators import Authenticator
from tests.support.notifications import heard, hinted
from tests.support.rig import Observer

CHANGE = Change("broker_tokens", 7, "zerodha")


def announce(db: Executor, change: Change) -> None:
    db._operate(lambda inner: announcements.announce(inner, 1, change))


@pytest.fixture(scope="module")
def db(url: str) -> Generator[Database]:
    with Database(configured(url)) as db:
        yield db


def test_a_change_is_announced_when_its_transaction_commits(db: Database, url: str) -> None:
    open_transaction = ExitStack()
    tx = open_transaction.enter_context(db.transaction())

    assert heard(url, lambda: announce(tx, CHANGE)) == []
    assert heard(url, open_transaction.close) == [CHANGE]


def test_an_announced_write_is_two_round_trips(db: Database, url: str) -> None:
    user_id = users.create(db, "counted", "counted@example.in").user_id
    with Proxy(dsn.parse(url).keywords) as proxy, Database(configured(proxy.url)) as far:
        for name in ("Asha", "Ravi"):  # at first the statements are parsed as well
            before = proxy.round_trips
            assert users.update(far, user_id, first_name=name)
            trips = proxy.round_trips - before

    assert trips == 2, "BEGIN and the write; the announcement and COMMIT"


def test_a_change_that_is_rolled_back_is_not_announced(db: Database, url: str) -> None:
    def work() -> None:
        with suppress(KeyError), db.transaction() as tx:
            announce(tx, CHANGE)
            raise KeyError

    assert heard(url, work) == []


def test_a_statement_that_changed_no_row_is_not_announced(db: Database, url: str) -> None:
    def work() -> None:
        assert not db._operate(lambda inner: announcements.announce(inner, 0, CHANGE))

    assert heard(url, work) == []


def test_a_change_of_a_savepoint_that_is_rolled_back_is_not_announced(
    db: Database, url: str
) -> None:
    other = Change("api_keys", 8, "x")

    def work() -> None:
        with db.transaction() as tx:
            announce(tx, CHANGE)
            with suppress(KeyError), tx.transaction() as nested:
                announce(nested, other)
                raise KeyError

    assert heard(url, work) == [CHANGE]


@pytest.mark.parametrize("key", ["zerodha", "", 'a"b\\c', "é \U0001f600 \u202e", "\n\r\t"])
def test_an_announced_change_reads_back(db: Database, url: str, key: str) -> None:
    change = Change("broker_tokens", 2**63 - 1, key)

    assert heard(url, lambda: announce(db, change)) == [change]


def test_a_change_of_the_application_has_no_user(db: Database, url: str) -> None:
    change = Change("trading_mode", None, "")

    assert heard(url, lambda: announce(db, change)) == [change]


def test_a_hint_follows_the_commit_of_a_transaction_and_of_nothing_else(db: Database) -> None:
    def work() -> None:
        with db.transaction() as tx:
            announce(tx, CHANGE)
            with tx.transaction() as nested:
                announce(nested, CHANGE)
        with suppress(KeyError), db.transaction() as tx:
            announce(tx, CHANGE)
            raise KeyError
        announce(db, CHANGE)

    assert hinted(work) == [announcements.CHANNEL] * 2


async def test_changes_work_for_asyncio(adb: AsyncDatabase, oadb_database_url: str) -> None:
    with psycopg.connect(oadb_database_url, autocommit=True) as connection:
        connection.execute(f"listen {announcements.CHANNEL}".encode())
        before = await read_since(adb, None)
        async with adb.transaction() as tx:
            await announcements.announce(tx, 1, CHANGE)
        (notice,) = await asyncio.to_thread(
            lambda: [*connection.notifies(timeout=10, stop_after=1)]
        )

    assert notice.payload == ""
    assert (await read_since(adb, before)).changes == [CHANGE]


def test_the_deletion_of_a_user_is_announced(db: Database, url: str) -> None:
    user_id = users.create(db, "gone", "gone@example.in").user_id

    def work() -> None:
        assert users.delete(db, user_id)
        assert not users.delete(db, user_id)

    assert heard(url, work) == [Change("users", user_id, "")]


def test_changes_of_users_are_announced_and_calls_that_change_nothing_are_not(
    db: Database, url: str
) -> None:
    made: list[int] = []
    unknown = 2**62

    def create() -> None:
        made.append(users.create(db, "changed", "changed@example.in").user_id)
        with suppress(psycopg.errors.UniqueViolation):
            users.create(db, "changed", "another@example.in")

    def change() -> None:
        users.update(db, made[0], email="other@example.in")
        users.update(db, made[0], email="other@example.in")
        users.update(db, made[0])
        users.update(db, made[0], is_admin=True)
        users.update(db, made[0], is_admin=True)
        users.set_username(db, made[0], "renamed")
        users.set_username(db, made[0], "renamed")
        users.set_password(db, made[0], Secret("correct horse"))
        for fail in (
            lambda: users.update(db, unknown, is_admin=True),
            lambda: users.set_username(db, unknown, "x"),
            lambda: users.set_password(db, unknown, Secret("correct horse")),
        ):
            with suppress(NoRowError):
                fail()

    announced = heard(url, create)
    assert announced == [Change("users", made[0], "")]
    assert heard(url, change) == [Change("users", made[0], "")] * 4


def test_changes_of_a_second_factor_are_announced_and_tries_are_not(db: Database, url: str) -> None:
    user_id = users.create(db, "coded", "coded@example.in").user_id
    enrolled: list[NewSecondFactor] = []

    def phone() -> Authenticator:
        """Show the codes of the second enrollment at the time of the call."""
        clock = Observer(url).ask("select floor(extract(epoch from now()))::bigint")
        return Authenticator(int(clock), enrolled[1])

    def enroll() -> None:
        enrolled.extend(authenticators.enroll(db, user_id) for _ in range(2))

    def confirm() -> None:
        assert not second_factors.verify(db, user_id, phone().wrong())
        assert second_factors.verify(db, user_id, phone().code())
        assert second_factors.enroll(db, user_id, account="asha") is None

    def use() -> None:
        assert second_factors.verify(db, user_id, phone().code(1))

    def change() -> None:
        flags = {"for_login": True, "for_mcp": True, "for_password_reset": True}
        assert second_factors.set_required(db, user_id, **flags)
        assert second_factors.disable(db, user_id)
        assert not second_factors.disable(db, user_id)
        assert not second_factors.set_required(db, user_id, **flags)

    change_of_it = Change("second_factors", user_id, "")
    assert heard(url, enroll) == [change_of_it] * 2
    assert heard(url, confirm) == [change_of_it]
    assert heard(url, use) == []
    assert heard(url, change) == [change_of_it] * 2


def test_the_end_of_sessions_is_announced(db: Database, url: str) -> None:
    user = account(db, users.create(db, "ended", "ended@example.in").user_id)
    first, second, third = (sessions.create(db, user).session.session_id for _ in range(3))

    def work() -> None:
        sessions.set_data(db, user.user_id, second, {"theme": "dark"})
        sessions.end(db, user.user_id, first)
        sessions.end(db, user.user_id, first)
        sessions.end_all(db, user.user_id, keep=third)
        last = sessions.create(db, user, most=1)
        sessions.end_by_token(db, last.token)
        sessions.end_by_token(db, last.token)
        sessions.create(db, user)
        users.set_password(db, user.user_id, Secret("correct horse"))
        sessions.end_all(db, user.user_id)

    one = Change("sessions", user.user_id, str(first))
    all_of_them = Change("sessions", user.user_id, "")
    found = heard(url, work)
    last = found[4]
    assert found == [
        Change("sessions", user.user_id, str(second)),
        one,
        all_of_them,
        all_of_them,
        last,
        Change("users", user.user_id, ""),
        all_of_them,
    ]
    assert isinstance(last, Change)
    assert (last.table, last.user_id) == ("sessions", user.user_id)
    assert last.key not in {"", *map(str, (first, second, third))}


CACHED = {
    "api_keys",
    "ban_exemptions",
    "broker_tokens",
    "ip_bans",
    "pending_orders",
    "second_factors",
    "security_settings",
    "sessions",
    "settings",
    "smtp_settings",
    "strategies",
    "strategy_mappings",
    "trading_mode",
    "users",
}

# Statements that write to cached tables and need no announcement, with the reason.
SILENT = {
    "api_keys._insert_key": "this key is new",
    "api_keys._reseal": "the same key, under another root key",
    "broker_tokens.retire_expired": "they had expired, as their rows show",
    "broker_tokens._reseal": "the same tokens, under another root key",
    "ip_bans.delete_expired": "they had ended long before",
    "pending_orders.delete_old": "orders of years ago wait for nobody",
    "trackers._count_hit": "reads exemptions only",
    "key_uses._store": "does not change what a key may do",
    "lockouts._count_try": "reads users only",
    "login_audit._record": "reads users only",
    "login_audit._record_locked": "reads users only",
    "login_audit.record_resumed": "reads users only",
    "second_factors._count_try": "counts a try, which changes nothing that is cached",
    "second_factors._reseal": "the same secret, under another root key",
    "sessions._claim_user": "locks the user only",
    "sessions._insert_session": "this session is new",
    "sessions._note_seen": "records that it was used",
    "sessions._reseal": "the same session, under another root key",
    "sessions._sweep": "they had expired, as their rows show",
    "smtp_settings._reseal": "the same password, under another root key",
    "users._reseal": "the same password, under another root key",
    "stored_passwords._upgrade_password": "the same password, hashed again",
    "webhooks._reseal": "the same webhook, under another root key",
}


def written(declared: Declaration) -> set[str]:
    """Return the tables of oadb that a statement inserts into, updates or deletes from."""
    words = declared.statement.words
    if declared.is_read:
        return set()
    return {
        words[n + 2]
        for n in range(len(words) - 2)
        if words[n] in {"into", "update", "from"} and words[n + 1] == "oadb"
    }


def test_statements_that_must_be_announced_are_run_by_operations_only() -> None:
    """The underscore of its name forbids calls from other modules."""
    writers = {
        declared.label
        for queries in comparison.declarations(find("oadb"))
        for declared in queries
        if written(declared) & CACHED
    }
    by_operation = {label for label in writers if "._" in label}

    assert {"api_keys._revoke", "broker_tokens._put"} <= by_operation - SILENT.keys()
    assert writers - by_operation <= SILENT.keys() <= writers
