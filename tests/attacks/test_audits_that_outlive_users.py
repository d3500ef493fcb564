"""Deleting a user, also by himself, takes no audit along; what names him is erased later."""

from collections.abc import Generator
from datetime import timedelta

import psycopg
import pytest

from oadb import Database
from oadb.accounts import deleted_users, security_events, users
from oadb.accounts.users import User
from oadb.settings import user_settings
from oadb.tools import audit_chain, audit_verification
from oadb.trading import pending_orders
from tests.conftest import configured
from tests.support.rig import Observer
from tests.support.user_rows import TABLES

ATTEMPT = (
    "insert into oadb.login_attempts (username, user_id, ip, device, method, outcome) "
    "values (%s, %s, '198.51.100.7', 'Firefox', 'password', 'failed')"
)
CHANGE = (
    "insert into oadb.setting_changes (user_id, changed_by, name, old_value, new_value) "
    "values (%s, %s, 'telegram.chat', '1', '2')"
)
NOW = timedelta(microseconds=1)


@pytest.fixture(scope="module")
def db(url: str) -> Generator[Database]:
    with Database(configured(url)) as database:
        yield database


@pytest.fixture
def asha(db: Database, observer: Observer) -> Generator[User]:
    """Give a user with an attempt to sign in, a changed setting and a decided order."""
    user = users.create(db, "asha", "asha@example.in")
    observer.rows(ATTEMPT, "asha", user.user_id)
    observer.rows(CHANGE, user.user_id, user.user_id)
    for decide in (pending_orders.approve, pending_orders.reject):
        order = pending_orders.create(db, user.user_id, "placeorder", {})
        decide(db, user.user_id, pending_order_id=order.pending_order_id, **BY.get(decide, {}))
    yield user
    users.delete(db, user.user_id)
    deleted_users.erase(db, older_than=NOW)


BY = {pending_orders.reject: {"by": None}}


@pytest.mark.parametrize("way", ["by a service", "by himself"])
def test_the_audit_of_a_user_stays_with_his_id(
    db: Database, observer: Observer, asha: User, way: str
) -> None:
    users.delete(db.as_user(asha.user_id) if way == "by himself" else db, asha.user_id)
    events = security_events.list_by_user(db, asha.user_id).rows
    changes = user_settings.list_changes(db, asha.user_id).rows

    assert users.get(db, asha.user_id) is None
    assert observer.rows(
        "select username, host(ip) from oadb.login_attempts where user_id = %s", asha.user_id
    ) == [("asha", "198.51.100.7")]
    assert [(each.name, each.new_value) for each in changes] == [("telegram.chat", "2")]
    assert {"order_approved", "order_rejected", "user_deleted"} <= {each.kind for each in events}
    assert [each.by for each in events if each.kind.startswith("order_")] == [None, asha.user_id]


def test_who_decided_about_an_order_stays_when_the_order_is_deleted(
    db: Database, asha: User
) -> None:
    for order in pending_orders.list_by_user(db, asha.user_id).rows:
        pending_orders.delete(
            db.as_user(asha.user_id), asha.user_id, pending_order_id=order.pending_order_id
        )
    kinds = [each.kind for each in security_events.list_by_user(db, asha.user_id).rows]

    assert kinds.count("order_approved") == kinds.count("order_rejected") == 1


def test_names_and_addresses_are_erased_when_the_user_was_deleted_long_enough_ago(
    db: Database, observer: Observer, asha: User
) -> None:
    users.delete(db, asha.user_id)

    assert deleted_users.erase(db, older_than=timedelta(days=1)) == 0
    assert deleted_users.erase(db, older_than=NOW) == 1
    assert deleted_users.erase(db, older_than=NOW) == 0
    assert observer.rows(
        "select username, ip, device, method, outcome from oadb.login_attempts where user_id = %s",
        asha.user_id,
    ) == [("(deleted)", None, None, "password", "failed")]
    (change,) = user_settings.list_changes(db, asha.user_id).rows
    assert (change.changed_by, change.name) == (asha.user_id, "telegram.chat")
    assert (change.old_value, change.new_value) == (None, None)


def test_what_others_left_is_not_erased(db: Database, observer: Observer, asha: User) -> None:
    other = users.create(db, "ravi", "ravi@example.in")
    observer.rows(ATTEMPT, "ravi", other.user_id)
    users.delete(db, asha.user_id)
    deleted_users.erase(db, older_than=NOW)

    names = observer.rows(
        "select username from oadb.login_attempts where user_id = %s", other.user_id
    )
    assert names == [("ravi",)]
    users.delete(db, other.user_id)


def test_the_chain_of_events_is_sound_after_a_user_was_deleted(db: Database, asha: User) -> None:
    audit_chain.link(db)
    users.delete(db.as_user(asha.user_id), asha.user_id)
    deleted_users.erase(db, older_than=NOW)
    audit_chain.link(db)

    assert [str(each) for each in audit_verification.verify(db) if not each.ok] == []


@pytest.mark.parametrize("statement", ["delete from", "truncate"])
def test_an_identity_cannot_hide_that_it_was_deleted(
    db: Database, url: str, asha: User, statement: str
) -> None:
    users.delete(db, asha.user_id)
    with psycopg.connect(url) as connection:
        connection.execute(f"set local oadb.user_id = '{asha.user_id}'".encode())
        connection.execute("select oadb.act_as(%s)", [asha.user_id])
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            connection.execute(f"{statement} oadb.deleted_users".encode())


def test_a_trigger_of_another_table_notes_nobody(url: str) -> None:
    with psycopg.connect(url) as connection:
        connection.execute("create temp table users (user_id bigint)")
        connection.execute("insert into users values (7)")
        connection.execute(
            "create trigger notes after delete on users for each row "
            "execute function oadb.note_deleted_user()"
        )
        with pytest.raises(psycopg.errors.InsufficientPrivilege, match=r"serves oadb\.users alone"):
            connection.execute("delete from users")


LIVING = {
    "users", "sessions", "known_networks", "known_devices", "api_keys", "broker_tokens",
    "second_factors", "one_time_tokens", "settings", "strategies", "strategy_mappings",
    "pending_orders",
}  # fmt: skip  # a list
"""What a user has, and what goes with him. Whatever else names a user is an audit or a log."""


def test_no_audit_depends_on_a_row_of_users(observer: Observer) -> None:
    dependent = observer.rows(
        "select distinct conrelid::regclass::text from pg_constraint where contype = 'f' "
        "and confrelid in ('oadb.users'::regclass, 'oadb.strategies'::regclass) "
        "and connamespace = 'oadb'::regnamespace"
    )

    assert {table.removeprefix("oadb.") for (table,) in dependent} == LIVING - {"users"}
    assert {*TABLES} - LIVING == {"login_attempts", "setting_changes", "changes", "security_events"}
