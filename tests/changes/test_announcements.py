"""Changes: announced when the transaction commits, heard by who listens, and read back."""

import json
from collections.abc import Generator
from contextlib import ExitStack, suppress
from typing import Any

import psycopg
import pytest

from oadb import AsyncDatabase, Database, Secret
from oadb.accounts import sessions, users
from oadb.changes import announcements
from oadb.changes.announcements import Change
from oadb.engine.binding.declarations import Declaration
from oadb.engine.executors import Executor
from oadb.errors import ParameterError
from oadb.tools.contract import comparison
from tests.conftest import configured
from tests.support.notifications import heard, payloads

CHANGE = Change("broker_tokens", 7, "zerodha")


def announce(db: Executor, change: Change) -> None:
    db.operate(lambda inner: announcements.announce(inner, 1, change))


@pytest.fixture(scope="module")
def db(url: str) -> Generator[Database]:
    with Database(configured(url)) as db:
        yield db


def test_a_change_is_heard_once_the_transaction_commits_and_not_before(
    db: Database, url: str
) -> None:
    open_transaction = ExitStack()
    tx = open_transaction.enter_context(db.transaction())

    assert heard(url, lambda: announce(tx, CHANGE)) == []
    assert heard(url, open_transaction.close) == [CHANGE]


def test_a_change_that_is_rolled_back_is_not_heard(db: Database, url: str) -> None:
    def work() -> None:
        with suppress(KeyError), db.transaction() as tx:
            announce(tx, CHANGE)
            raise KeyError

    assert heard(url, work) == []


def test_what_changed_nothing_is_not_heard(db: Database, url: str) -> None:
    def work() -> None:
        assert not db.operate(lambda inner: announcements.announce(inner, 0, CHANGE))

    assert heard(url, work) == []


def test_a_change_of_a_savepoint_that_is_rolled_back_is_not_heard(db: Database, url: str) -> None:
    other = Change("api_keys", 8, "x")

    def work() -> None:
        with db.transaction() as tx:
            announce(tx, CHANGE)
            with suppress(KeyError), tx.transaction() as nested:
                announce(nested, other)
                raise KeyError

    assert heard(url, work) == [CHANGE]


@pytest.mark.parametrize("key", ["zerodha", "", 'a"b\\c', "é \U0001f600 \u202e", "\n\r\t", "\x00"])
def test_what_was_announced_reads_back(db: Database, url: str, key: str) -> None:
    change = Change("broker_tokens", 2**63 - 1, key)

    assert heard(url, lambda: announce(db, change)) == [change]


def test_a_change_of_the_application_is_of_no_user(db: Database, url: str) -> None:
    change = Change("trading_mode", None, "")

    assert heard(url, lambda: announce(db, change)) == [change]


@pytest.mark.parametrize(
    "payload",
    ["", "the end", "[]", "null", "{}", '{"table": "x", "user_id": 1}', "[" * 100_000,
     '{"table": "x", "user_id": 1, "key": "k", "more": 1}',
     '{"table": "x", "key": "k"}', '{"table": "x", "user_id": 1.5, "key": "k"}',
     '{"table": "x", "user_id": "1", "key": "k"}', '{"table": "x", "user_id": true, "key": "k"}',
     '{"table": null, "user_id": 1, "key": "k"}', '{"table": "x", "user_id": 1, "key": 1}'],
    ids=lambda payload: payload[:50] or "empty",
)  # fmt: skip
def test_a_notification_of_somebody_else_is_a_typed_error(payload: str) -> None:
    """Whoever can connect may notify: a listener's thread must not end by it unawares."""
    with pytest.raises(ParameterError) as refused:
        announcements.read(payload)

    assert payload[:50] not in str(refused.value) or not payload


def test_a_payload_is_an_object_of_three_fields(db: Database, url: str) -> None:
    (payload,) = payloads(url, lambda: announce(db, CHANGE))
    expected: dict[str, Any] = {"table": "broker_tokens", "user_id": 7, "key": "zerodha"}

    assert json.loads(payload) == expected


async def test_changes_work_for_asyncio(adb: AsyncDatabase, oadb_database_url: str) -> None:
    with psycopg.connect(oadb_database_url, autocommit=True) as connection:
        connection.execute(f"listen {announcements.CHANNEL}".encode())
        async with adb.transaction() as tx:
            await announcements.announce(tx, 1, CHANGE)
        (notice,) = connection.notifies(timeout=10, stop_after=1)

    assert announcements.read(notice.payload) == CHANGE


def test_who_caches_hears_that_a_user_was_deleted(db: Database, url: str) -> None:
    user_id = users.create(db, "gone", "gone@example.in").user_id

    def work() -> None:
        assert users.delete(db, user_id)
        assert not users.delete(db, user_id)

    assert heard(url, work) == [Change("users", user_id, "")]


def test_who_caches_hears_that_sessions_ended(db: Database, url: str) -> None:
    user = users.create(db, "ended", "ended@example.in")
    first, second, third = (sessions.create(db, user).session.session_id for _ in range(3))

    def work() -> None:
        sessions.set_data(db, user.user_id, second, {"theme": "dark"})
        sessions.end(db, user.user_id, first)
        sessions.end(db, user.user_id, first)
        sessions.end_others(db, user.user_id, third)
        sessions.create(db, user, cap=1)
        users.set_password(db, user.user_id, Secret("correct horse"))
        sessions.end_all(db, user.user_id)

    one, all_of_them = (
        Change("sessions", user.user_id, str(first)), Change("sessions", user.user_id, ""),
    )  # fmt: skip
    assert heard(url, work) == [
        Change("sessions", user.user_id, str(second)), one, all_of_them, all_of_them, all_of_them,
    ]  # fmt: skip


CACHED = {
    "api_keys", "ban_exemptions", "broker_tokens", "ip_bans", "pending_orders",
    "security_settings", "sessions", "settings", "smtp_settings", "strategies",
    "strategy_mappings", "trading_mode", "users",
}  # fmt: skip

# Statements that write what others may have cached, and need not be announced.
SILENT = {
    "api_keys._insert_key": "nobody has seen this key yet",
    "api_keys._reseal": "the same key, under another root key",
    "broker_tokens._reseal": "the same tokens, under another root key",
    "ip_bans.sweep": "they had been over for long",
    "trackers._count_hit": "looks up who is never banned",
    "key_uses._store": "changes nothing that a key may do",
    "login_attempts.record": "looks up who was meant",
    "sessions._claim_user": "waits for its turn",
    "sessions._insert_session": "nobody has seen this session yet",
    "sessions._find_by_digest": "notes that it was seen",
    "sessions._find_by_digests": "notes that it was seen",
    "sessions._reseal": "the same session, under another root key",
    "sessions.sweep": "they had lapsed, as their rows said",
    "smtp_settings._reseal": "the same password, under another root key",
    "users.create": "nobody has seen this user yet",
    "users._reseal": "the same password, under another root key",
    "users.set_profile": "nothing in it lets anybody in or keeps anybody out",
    "users._upgrade_password": "the same password, hashed anew",
    "webhooks._reseal": "the same webhook, under another root key",
}


def written(declared: Declaration) -> set[str]:
    """Return the tables of oadb that a statement inserts into, updates or deletes from."""
    words = declared.statement.words
    return {
        words[n + 2]
        for n in range(len(words) - 2)
        if words[n] in {"into", "update", "from"} and words[n + 1] == "oadb"
    } if not declared.is_read else set()  # fmt: skip


def test_what_must_be_announced_is_run_by_an_operation_alone() -> None:
    """Its underscore tells a type checker and a reader not to call it from elsewhere."""
    writers = {
        declared.label
        for queries in comparison.domains()
        for declared in queries
        if written(declared) & CACHED
    }
    by_operation = {label for label in writers if "._" in label}

    assert {"api_keys._revoke", "broker_tokens._put"} <= by_operation - SILENT.keys()
    assert writers - by_operation <= SILENT.keys() <= writers
