"""What ends at a moment has ended at it, and an order does not depend on how rows are found.

In a transaction now() stands still, so that a time can be exactly now.
"""

from collections.abc import Callable
from datetime import timedelta

import pytest

from oadb import Affected, Database, Refusal, Transaction
from oadb.accounts import (
    api_keys,
    authorization,
    broker_tokens,
    deleted_users,
    known_clients,
    login_audit,
    sessions,
)
from tests.support.accounts import account, issue, new_user
from tests.support.broker_logins import put, tokens
from tests.support.declaring import declared

DAY = timedelta(days=1)


def key_expires(tx: Transaction, user_id: int) -> list[object]:
    made = issue(tx, user_id, keep_token=True)
    key_id = made.key.api_key_id
    change(tx, "update oadb.api_keys set expires_at = now() where user_id = :user_id", user_id)
    return [
        api_keys.verify(tx, made.token) is Refusal.EXPIRED,
        authorization.authorize(tx, made.token) is Refusal.EXPIRED,
        api_keys.open_kept(tx, user_id, key_id) is None,
        api_keys.rotate(tx, user_id, key_id) is None,
    ]


def login_expires(tx: Transaction, user_id: int) -> list[object]:
    key = issue(tx, user_id)
    put(tx, user_id, tokens())
    change(tx, "update oadb.broker_tokens set expires_at = now() where user_id = :user_id", user_id)
    authorized = authorization.authorize(tx, key.token)
    assert authorized
    return [
        broker_tokens.open(tx, user_id, "zerodha") is Refusal.EXPIRED,
        broker_tokens.open_current(tx, user_id) is Refusal.EXPIRED,
        authorized.broker_token is Refusal.EXPIRED,
    ]


def session_lapses(tx: Transaction, user_id: int) -> list[object]:
    made = sessions.create(tx, account(tx, user_id))
    session_id = made.session.session_id
    change(tx, "update oadb.sessions set lapses_at = now() where user_id = :user_id", user_id)
    return [
        sessions.verify(tx, made.token) is Refusal.UNKNOWN,
        sessions.get(tx, user_id, session_id) is None,
        sessions.list_by_user(tx, user_id).rows == [],
        not sessions.set_data(tx, user_id, session_id, {}),
    ]


def change(tx: Transaction, sql: str, user_id: int) -> None:
    assert declared(sql, Affected, user_id=int)(tx, user_id) == 1


@pytest.mark.parametrize("ends", [key_expires, login_expires, session_lapses])
def test_what_ends_at_this_moment_has_ended(
    ends: Callable[[Transaction, int], list[object]], db: Database, user_id: int
) -> None:
    with db.transaction() as tx:
        assert all(ends(tx, user_id))


def test_what_is_exactly_as_old_as_what_is_deleted_is_kept(alone: Database) -> None:
    deleted = "insert into oadb.deleted_users values (:row_id, now() - :age::interval)"
    locked = (
        "insert into oadb.locked_clients (hour_at, network, account) "
        "values (now() - :age::interval, '192.0.2.1', :row_id)"
    )
    with alone.transaction() as tx:
        for number, more in enumerate((timedelta(), timedelta(microseconds=1))):
            declared(deleted, Affected, row_id=int, age=timedelta)(tx, number, DAY + more)
            hours = timedelta(hours=2) + more
            declared(locked, Affected, row_id=str, age=timedelta)(tx, str(number), hours)

        assert deleted_users.erase(tx, older_than=DAY) == 1
        assert login_audit.delete_expired(tx) == 1


def test_what_is_due_at_this_moment_is_swept(alone: Database) -> None:
    sweeps = {
        ("known_networks", "signed_in_at", "30 days"): known_clients.delete_expired_networks,
        ("known_devices", "signed_in_at", "90 days"): known_clients.delete_expired_devices,
        ("sessions", "lapses_at", "0"): sessions.delete_expired,
    }
    with alone.transaction() as tx:
        user_id = new_user(tx)
        known_clients.remember_network(tx, user_id, "192.0.2.1")
        known_clients._add_device(tx, user_id, bytes(32))
        sessions.create(tx, account(tx, user_id))
        for (table, column, age), sweep in sweeps.items():
            due = f"update oadb.{table} set sweep_at = now(), {column} = now() - interval '{age}'"
            declared(due, Affected)(tx)

            assert sweep(tx) == 1, table


def test_logins_are_in_order_of_broker_whatever_finds_them(db: Database, user_id: int) -> None:
    for broker in ("zerodha", "angel"):
        put(db, user_id, tokens(), broker)
    with db.transaction() as tx:
        declared("set local enable_indexscan = off", None)(tx)
        found = broker_tokens.list_by_user(tx, user_id)

    assert [each.broker for each in found] == ["angel", "zerodha"]
