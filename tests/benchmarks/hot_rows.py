"""What frequent updates write: the share that touches no index, and bytes of WAL. Run by hand:

    python tests/benchmarks/hot_rows.py

DATABASE_URL names a server whose user may create databases; without it an embedded server is
started. OADB_BENCH_ROWS, default 10000, sets the number of rows of each table.
"""

import os
import random
import sys
from collections.abc import Callable
from dataclasses import dataclass
from hashlib import md5
from pathlib import Path
from time import perf_counter, sleep
from uuid import UUID

if not __package__:
    sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

import psycopg

from oadb import Database
from oadb.accounts import key_uses, known_clients, lockouts, second_factors, sessions
from oadb.bans import trackers
from oadb.changes import announcements
from oadb.logs import rollups
from tests.benchmarks import conditions
from tests.support.user_rows import SEALED

ROWS = int(os.environ.get("OADB_BENCH_ROWS", "10000"))
ROUNDS = 5
_USERS = range(1, conditions.USERS + 1)
_NEVER = 1_000_000

_DIGEST = "decode(md5('a' || n) || md5('b' || n), 'hex')"

_KEY = f"insert into oadb.key_canaries (key_id, canary) values (1, {SEALED})"

_SESSIONS = f"""
insert into oadb.sessions (
    user_id, session_id, token_digest, fingerprint, device, ip, last_seen_at, idle_timeout,
    lapses_at, sweep_at, expires_at
)
select
    1 + n %% {conditions.USERS}, gen_random_uuid(), {_DIGEST}, {SEALED},
    'Mozilla/5.0 (X11; Linux x86_64; rv:145.0) Gecko/20100101 Firefox/145.0',
    '203.0.113.0'::inet + n, now() - interval '1 hour', '2 hours', now() + interval '1 hour',
    now() + interval '1 hour', now() + interval '11 hours'
from generate_series(1, %s) as n
"""
_KEYS = f"""
insert into oadb.api_keys (
    user_id, api_key_id, name, hint, token_digest, fingerprint, scopes, order_mode, last_used_at
)
select
    1 + n %% {conditions.USERS}, ('00000000-0000-0000-0000-' || lpad(n::text, 12, '0'))::uuid, 'x',
    'oak_..xy', {_DIGEST}, {SEALED}, '{{orders:write}}', 'auto', now() - interval '1 hour'
from generate_series(1, %s) as n
"""
_NETWORKS = f"""
insert into oadb.known_networks (user_id, network, signed_in_at, sweep_at)
select
    1 + n %% {conditions.USERS}, '203.0.113.0'::inet + n / {conditions.USERS},
    now() - interval '1 day', now() + interval '29 days'
from generate_series(0, %s - 1) as n
"""
_DEVICES = f"""
insert into oadb.known_devices (user_id, device_id, token_digest, signed_in_at, sweep_at)
select
    1 + n %% {conditions.USERS}, ('00000000-0000-0000-0000-' || lpad(n::text, 12, '0'))::uuid,
    {_DIGEST}, now() - interval '1 day', now() + interval '89 days'
from generate_series(1, %s) as n
"""
_FACTORS = f"""
insert into oadb.second_factors (user_id, secret)
select n, {SEALED} from generate_series(1, least(%s, {conditions.USERS})) as n
"""
_BATCHES = """
insert into oadb.log_batches (batch_id, table_name, rows, first_at, last_at)
select gen_random_uuid(), 'traffic', 500, now() - n * interval '1 s', now() - n * interval '1 s'
from generate_series(1, %s) as n
"""
_CHANGES = """
insert into oadb.changes (table_name, user_id, key)
select 'sessions', n, gen_random_uuid()::text from generate_series(1, %s) as n
"""
_MINUTE = """
with batch as (
    insert into oadb.log_batches (batch_id, table_name, rows, first_at, last_at)
    select gen_random_uuid(), 'traffic', 40, minute, minute
    from (
        select date_trunc('day', now()) - interval '1 hour' + %s * interval '1 minute'
    ) as made (minute)
    returning first_at
)
insert into oadb.traffic (logged_at, ip, method, path, endpoint, status, duration_ms)
select first_at, '203.0.113.7', 'GET', '/api/v1/' || n %% 40, '/api/v1/' || n %% 40, 200, n
from batch, generate_series(1, 200) as n
"""

_COUNTERS = """
select
    pg_catalog.pg_stat_get_tuples_updated(relation),
    pg_catalog.pg_stat_get_tuples_hot_updated(relation),
    pg_catalog.pg_current_wal_insert_lsn() - '0/0'
from (select ('oadb.' || %s)::regclass) as asked (relation)
"""

# A backend adds its counts when it ends.
_OTHERS = """
select pid
from pg_catalog.pg_stat_activity
where
    datname = current_database()
    and backend_type = 'client backend'
    and pid <> pg_backend_pid()
"""


@dataclass(frozen=True, slots=True)
class Frequent:
    """A frequent update: its table, the rows there, and what updates them.

    *again* makes rows ready for a round, whose number it takes, without being measured.
    """

    name: str
    table: str
    fill: str
    work: Callable[[Database], object]
    again: str = "select %s"
    rounds: int = ROUNDS


def _shuffled() -> list[int]:
    numbers = [*range(1, ROWS + 1)]
    random.Random(0).shuffle(numbers)
    return numbers


def _digest(number: int) -> bytes:
    return md5(b"a%d" % number).digest() + md5(b"b%d" % number).digest()


def _device(number: int) -> UUID:
    return UUID(int=int(f"{number:012}", 16))


def _touch(db: Database) -> None:
    for number in _shuffled():
        found = sessions._find_by_digest(db, _digest(number))
        assert found
        assert found.seen_at
        sessions._note_seen(db, *found.row, found.seen_at, found.lapses_at)


def _count(db: Database) -> None:
    for number in _shuffled():
        account, network = f"user{number % 1000}", f"203.0.113.{number % 50}"
        limits = {f"{each}_limit": _NEVER for each in ("client", "account", "network")}
        lockouts._count_try(db, account, network, wider_networks=[], device_digests=[], **limits)


def _count_and_revert(db: Database) -> None:
    for number in _shuffled():
        account, network = f"user{number % 1000}", f"203.0.113.{number % 50}"
        tried = lockouts._count_try(
            db, account, network, wider_networks=[], device_digests=[], network_limit=_NEVER,
            client_limit=_NEVER, account_limit=_NEVER,
        )  # fmt: skip  # a list
        assert tried.tried_at
        lockouts.revert_try(db, tried.kinds, tried.subjects, tried.tried_at, is_signed_in=False)


def _remember(db: Database) -> None:
    for number in _shuffled():
        known_clients.remember_network(db, 1 + number % conditions.USERS, "203.0.113.0")


def _renew(db: Database) -> None:
    for number in _shuffled():
        user_id = 1 + number % conditions.USERS
        known_clients._renew_device(db, user_id, _device(number), _digest(number))


def _try_code(db: Database) -> None:
    for number in _shuffled():
        found = second_factors._count_try(db, 1 + number % conditions.USERS)
        if found:
            step = found.clock // 30
            second_factors._accept_step(db, found.user_id, step, found.created_at)


def _use_keys(db: Database) -> None:
    numbers = _shuffled()
    for at in range(0, len(numbers), 500):
        some = numbers[at : at + 500]
        key_uses._store(
            db, [1 + each % conditions.USERS for each in some], [_device(each) for each in some]
        )


def _hit(db: Database) -> None:
    for number in _shuffled():
        trackers._count_hit(db, "not_found", f"203.0.{number % 250}.7", f"/wp-{number % 3000}.php")


def _note(db: Database) -> None:
    while announcements._note(db, 1000) == 1000:
        pass


def _mark(db: Database) -> None:
    while waiting := rollups._list_waiting(db, "traffic", 100):
        rollups._mark(db, waiting)


_AGED = (
    "update oadb.sessions set last_seen_at = last_seen_at - interval '2 minutes' where %s > 1",
    "update oadb.api_keys set last_used_at = last_used_at - interval '2 minutes' where %s > 1",
)

_UPDATES = [
    Frequent("a session is seen", "sessions", _SESSIONS, _touch, _AGED[0]),
    Frequent("a sign-in is counted", "lockouts", "", _count),
    Frequent("a sign-in is counted, and reverted", "lockouts", "", _count_and_revert),
    Frequent("a network is known again", "known_networks", _NETWORKS, _remember),
    Frequent("a device is known again", "known_devices", _DEVICES, _renew),
    Frequent("a code is tried and accepted", "second_factors", _FACTORS, _try_code),
    Frequent("uses of 500 API keys", "api_keys", _KEYS, _use_keys, _AGED[1]),
    Frequent("a suspicious request", "ip_trackers", "", _hit),
    Frequent("changes are seen by a sweep", "changes", _CHANGES, _note, rounds=1),
    Frequent("a minute is rolled up", "traffic_rollups", "", rollups.refresh, _MINUTE, 60),
    Frequent("100 batches are rolled up", "log_batches", _BATCHES, _mark, rounds=1),
]


def _measured(url: str, update: Frequent) -> list[str]:
    """Return the row of an update in the table."""
    total, took = [0, 0, 0], 0.0
    with psycopg.connect(url, autocommit=True) as connection:
        if update.fill:
            connection.execute(update.fill.encode(), [ROWS])
        for n in range(1, update.rounds + 1):
            connection.execute(update.again.encode(), [n])
            connection.execute("select pg_catalog.pg_stat_force_next_flush()")
            connection.execute(f"vacuum analyze oadb.{update.table}".encode())
            before, began = _counters(connection, update), perf_counter()
            with Database(conditions.config(url, 1)) as db:
                update.work(db)
            took += perf_counter() - began
            after = _counters(connection, update)
            total = [a + y - x for a, x, y in zip(total, before, after, strict=True)]
    updates, hot, wal = total
    rate, share, each = updates / took, 100 * hot / updates, wal / updates
    return [update.name, f"{updates:,}", f"{rate:,.0f}", f"{share:.1f} %", f"{each:,.0f}"]


def _counters(connection: psycopg.Connection, update: Frequent) -> tuple[int, int, int]:
    """Return the updates and HOT updates of the table, and the bytes of WAL written, until now."""
    while connection.execute(_OTHERS).fetchall():
        sleep(0.01)
    found = connection.execute(_COUNTERS, [update.table]).fetchone()
    assert found
    return found[0], found[1], int(found[2])


def main() -> None:
    conditions.main("What frequent updates write")
    head = ["update", "rows updated", "a second", "HOT", "bytes of WAL each"]
    with conditions.database() as url:
        with psycopg.connect(url, autocommit=True) as connection:
            connection.execute(_KEY.encode())
            pages = connection.execute("show full_page_writes").fetchone()
        print(f"- full_page_writes is {pages[0] if pages else '?'}")
        conditions.table(head, (_measured(url, update) for update in _UPDATES))


if __name__ == "__main__":
    main()
