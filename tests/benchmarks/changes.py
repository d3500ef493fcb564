"""What announcing a change costs its writer, what reading changes costs, and what a cache saves."""

from collections.abc import Callable
from functools import partial
from typing import Any

import psycopg

from oadb import Database, Executor, Refusal
from oadb.accounts import api_keys, sessions, users
from oadb.accounts.api_keys import VerifiedKey
from oadb.accounts.sessions import Session
from oadb.changes import announcements
from oadb.changes.announcements import Change
from oadb.changes.live_cache import LiveCache
from oadb.changes.snapshots import read_since
from oadb.engine.binding.operations import operation
from tests.benchmarks import conditions
from tests.benchmarks.rounds import Variant, measure, ratio
from tests.conftest import RING
from tests.support.accounts import account
from tests.support.user_rows import declared

KEPT = 100_000
_NEVER = 3600.0

_FILL = """
insert into oadb.changes (xid, table_name, user_id, key, changed_at)
select (n / 50 + 3)::text::xid8, 'sessions', n, '', now() - interval '1 hour'
from generate_series(1, %s) as n
"""
# What a change cost before it was a row.
_NOTIFY = declared(
    "select count(*) as rows from pg_notify('oadb_changes', "
    '\'{"table": "api_keys", "user_id": 1234, "key": "00000000-0000-0000-0000-000000000000"}\')',
    int,
)


def main() -> None:
    conditions.main("Changes")
    with conditions.database() as url, Database(_config(url)) as db:
        _writes(db)
        _reads(db, "few changes")
        with psycopg.connect(url, autocommit=True) as connection:
            connection.execute(_FILL, (KEPT,))
            connection.execute("vacuum analyze oadb.changes")
        _reads(db, f"{KEPT:,} changes")


def _config(url: str) -> Any:
    chosen = conditions.config(url)
    return type(chosen)(chosen.dsn, pool_size=2, max_overflow=0, keyring=RING)


def _writes(db: Database) -> None:
    key = api_keys.create(db, 1, "bot", order_mode="auto").key.api_key_id
    change = Change("api_keys", 1, str(key))
    rename: Any = api_keys._rename

    def _renamed(tx: Executor, name: str) -> None:
        rename(tx, 1, key, name)

    def _announced(name: str) -> None:
        db._operate(lambda inner: announcements.write(inner, change, rename, 1, key, name))

    def alone(calls: int) -> None:
        for number in range(calls):
            db.transact(partial(_renamed, name=f"a{number}"))

    def _notified(tx: Executor, name: str) -> None:
        _renamed(tx, name)
        _NOTIFY(tx)

    def notified(calls: int) -> None:
        for number in range(calls):
            db.transact(partial(_notified, name=f"a{number}"))

    def announced(calls: int) -> None:
        for number in range(calls):
            _announced(f"a{number}")

    _compare(
        "a write",
        Variant("notified in its transaction, as before", notified),
        Variant("alone in a transaction", alone),
        Variant("announced", announced),
    )


def _reads(db: Database, title: str) -> None:
    read = operation(read_since)
    last = read(db, None)

    def changes(calls: int) -> None:
        nonlocal last
        for _ in range(calls):
            last = read(db, last)

    _compare(
        f"a read, {title}",
        Variant("a user by primary key", partial(_point, db)),
        Variant("changes, of which there are none", changes),
        *_keys(db),
        *_sessions(db),
    )


def _point(db: Database, calls: int) -> None:
    for number in range(calls):
        users.get(db, number + 1)


def _keys(db: Database) -> list[Variant]:
    token = api_keys.create(db, 1, "bot", order_mode="auto").token
    cache = LiveCache[VerifiedKey | Refusal](db, "api_keys", bound_seconds=_NEVER)
    db._operate(cache._renew)
    verify = partial(api_keys.verify, db, token)

    def opened() -> object:
        db._executor.vault.opened.forget(token)
        return verify()

    return [
        _accepted("api_keys.verify", verify),
        _accepted("the same, of a key that is not known yet", opened),
        _accepted("the same from a LiveCache", partial(cache.get, token, verify)),
    ]


def _sessions(db: Database) -> list[Variant]:
    token = sessions.create(db, account(db, 1)).token
    cache = LiveCache[Session | Refusal](db, "sessions", bound_seconds=_NEVER)
    db._operate(cache._renew)
    verify = partial(sessions.verify, db, token)
    return [
        _accepted("sessions.verify", verify),
        _accepted("the same from a LiveCache", partial(cache.get, token, verify)),
    ]


def _accepted(name: str, ask: Callable[[], object]) -> Variant:
    def run(calls: int) -> None:
        for _ in range(calls):
            assert ask()

    return Variant(name, run)


def _compare(title: str, *variants: Variant) -> None:
    measure(variants)
    first = variants[0].seconds
    conditions.table(
        (title, "ratio to the first", "us", "client CPU, ratio", "CPU us"),
        (
            (
                each.name,
                str(ratio(each.seconds, first)),
                f"{each.microseconds:.1f}",
                str(ratio(each.busy, variants[0].busy)),
                f"{each.cpu_microseconds:.1f}",
            )
            for each in variants
        ),
    )


if __name__ == "__main__":
    main()
