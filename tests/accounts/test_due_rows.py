"""Sweeps of rows whose time to expire moves: each is looked at when it would have expired."""

from collections.abc import Callable
from dataclasses import dataclass

import psycopg
import pytest

from oadb import Database
from oadb.accounts import known_clients, lockouts, sessions
from tests.support.accounts import issue
from tests.support.rig import Observer
from tests.support.user_rows import INSERTS, SEALED


@dataclass(frozen=True, slots=True)
class Swept:
    """A table that is swept, a time of its rows that moves, and how old it is when they expire."""

    name: str
    insert: str
    moves: str
    expires_after: str
    sweep: Callable[..., int]


TABLES = [
    Swept("sessions", INSERTS["sessions"], "lapses_at", "0", sessions.delete_expired),
    Swept(
        "lockouts",
        "insert into oadb.lockouts (kind, subject, failures, failed_at) "
        "values ('account', 'swept{0}', 1, now())",
        "failed_at",
        "1 day",
        lockouts.delete_expired,
    ),
    Swept(
        "known_networks", INSERTS["known_networks"], "signed_in_at", "30 days",
        known_clients.delete_expired_networks,
    ),
    Swept(
        "known_devices", INSERTS["known_devices"], "signed_in_at", "90 days",
        known_clients.delete_expired_devices,
    ),
]  # fmt: skip  # a table
USERS = range(7001, 7006)


@pytest.fixture(params=TABLES, ids=lambda table: table.name)
def swept(request: pytest.FixtureRequest, db: Database, observer: Observer, user_id: int) -> Swept:
    """Give a table with five rows that expired, and that a sweep would have looked at long ago."""
    table: Swept = request.param
    issue(db, user_id)  # the key of SEALED is enrolled
    table.sweep(db)
    observer.rows(f"delete from oadb.{table.name}")
    for owner in USERS:
        observer.rows(INSERTS["users"].format(owner) + " on conflict do nothing")
        observer.rows(table.insert.format(owner, SEALED))
    observer.rows(
        f"update oadb.{table.name} set sweep_at = now() - interval '1 hour', "
        f"{table.moves} = now() - interval '{table.expires_after}'"
    )
    return table


def use(observer: Observer, table: Swept, rows: int, until: str) -> None:
    """Move the time of some rows, as if they had been used."""
    observer.rows(
        f"update oadb.{table.name} set {table.moves} = now() + interval '{until}' "
        f"- interval '{table.expires_after}' where ctid in "
        f"(select ctid from oadb.{table.name} order by sweep_at, ctid limit {rows})"
    )


def left(observer: Observer, table: Swept) -> int:
    found = observer.ask(f"select count(*) from oadb.{table.name}")
    assert isinstance(found, int)
    return found


def test_rows_that_were_used_do_not_keep_a_sweep_from_expired_ones(
    db: Database, observer: Observer, swept: Swept
) -> None:
    use(observer, swept, 3, "10 minutes")

    assert swept.sweep(db, batch=1) == 1
    assert swept.sweep(db, batch=2) == 1
    assert swept.sweep(db, batch=2) == 0
    assert left(observer, swept) == 3


def test_a_row_that_was_used_is_swept_when_it_expires(
    db: Database, observer: Observer, swept: Swept
) -> None:
    use(observer, swept, 5, "10 minutes")
    assert swept.sweep(db) == 0
    due = observer.rows(
        f"select sweep_at - {swept.moves} = interval '{swept.expires_after}' from oadb.{swept.name}"
    )
    observer.rows(
        f"update oadb.{swept.name} set sweep_at = sweep_at - interval '10 minutes', "
        f"{swept.moves} = {swept.moves} - interval '10 minutes'"
    )

    assert due == [(True,)] * 5
    assert swept.sweep(db) == 5


# That of sessions gives up: tests/accounts/test_sessions_cap.py.
@pytest.mark.parametrize("swept", TABLES[1:], indirect=True, ids=lambda table: table.name)
def test_a_sweep_leaves_a_row_that_another_process_has_locked(
    db: Database, url: str, observer: Observer, swept: Swept
) -> None:
    with psycopg.connect(url) as connection:
        connection.execute(f"select from oadb.{swept.name} limit 1 for update")
        assert swept.sweep(db.within(5)) == 4
    assert left(observer, swept) == 1


def test_a_row_that_an_older_version_wrote_is_looked_at(
    db: Database, observer: Observer, swept: Swept
) -> None:
    observer.rows(f"update oadb.{swept.name} set sweep_at = default")
    use(observer, swept, 2, "10 minutes")

    assert swept.sweep(db) == 3
    assert left(observer, swept) == 2
