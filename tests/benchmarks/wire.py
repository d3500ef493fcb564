"""Round trips counted on the wire: with oadb, and with psycopg's pool and its defaults."""

from collections.abc import Callable, Generator, Iterable
from contextlib import contextmanager
from dataclasses import dataclass

import psycopg_pool

from oadb import Database
from oadb.accounts import users
from tests.benchmarks import declared
from tests.benchmarks.conditions import config, database, keywords, table
from tests.faults.proxy import Proxy

SQL = (
    "select user_id, username, email, first_name, last_name, is_admin, auth_epoch, "
    "created_at, updated_at "
    "from oadb.users where user_id = {}"
)
ROWS, LOADED = 5000, 1000
# psycopg prepares a statement at its sixth execution, which takes one more round trip.
_WARM_UP = 7
# The delay of the proxy; messages that a client sends without waiting count as one round trip.
_LATENCY = 0.005

# Negotiating encryption would take extra round trips.
_PLAIN = "sslmode=disable&gssencmode=disable"

_PASSWORD = "correct horse"
_LOOKUP = SQL.format("%s")
_LIST = f"{SQL.partition('where')[0]} order by user_id limit {ROWS}"
_COPY = "copy oadb.users (username, email) from stdin"
_HASH = "select user_id, password_hash from oadb.users where lower(username) = lower(%s)"

Pool = psycopg_pool.ConnectionPool


@dataclass(frozen=True)
class Case:
    """A piece of work, written for oadb and for psycopg."""

    name: str
    ours: Callable[[Database], object]
    theirs: Callable[[Pool], object]


def main() -> None:
    print("\n## Round trips of one call, warm\n")
    print("Counted by a proxy; the pool of psycopg opens a transaction, as it does by default.")
    with database() as url, Proxy(keywords(url)) as proxy:
        _give_password(url)
        with _oadb(proxy.url) as db, _pool(proxy.url) as pool:
            proxy.delay(_LATENCY)
            rows = [_count(case, proxy, db, pool) for case in _cases()]
        rows.append(_count_fresh(proxy))
        proxy.delay(0)
    table(["call", "oadb", "psycopg, pool with its defaults"], rows)


def _count(case: Case, proxy: Proxy, db: Database, pool: Pool) -> list[str]:
    ours = _trips(proxy, lambda: case.ours(db))
    return [case.name, str(ours), str(_trips(proxy, lambda: case.theirs(pool)))]


def _trips(proxy: Proxy, work: Callable[[], object], warm_up: int = _WARM_UP) -> int:
    for _ in range(warm_up):
        work()
    before = proxy.round_trips
    work()
    return proxy.round_trips - before


def _count_fresh(proxy: Proxy) -> list[str]:
    def ours() -> None:
        with _oadb(proxy.url) as db:
            users.get(db, 1)

    def theirs() -> None:
        with _pool(proxy.url) as pool:
            _lookup(pool)

    counted = [str(_trips(proxy, work, warm_up=0)) for work in (ours, theirs)]
    return ["first lookup, with the connection it opens", *counted]


def _cases() -> Iterable[Case]:
    yield Case("lookup", lambda db: users.get(db, 1), _lookup)
    for count in (1, 3, 10):
        yield Case(f"transaction of {count}", *_several(count))
    yield Case("nested transaction of 1", _nested, _nested_raw)
    yield Case("empty transaction", *_several(0))
    yield Case(f"{ROWS:,} rows, streamed in batches of 2,000", _stream, _stream_raw)
    yield Case(f"COPY of {LOADED:,} rows", *_copying())
    yield Case(
        "verify_password (two lookups)",
        lambda db: users.verify_password(db, "user1", _PASSWORD),
        _verify_raw,
    )


def _several(count: int) -> tuple[Callable[[Database], None], Callable[[Pool], None]]:
    def ours(db: Database) -> None:
        with db.transaction() as tx:
            for user_id in range(1, count + 1):
                users.get(tx, user_id)

    def theirs(pool: Pool) -> None:
        with pool.connection() as connection:
            for user_id in range(1, count + 1):
                connection.execute(_LOOKUP, (user_id,)).fetchone()

    return ours, theirs


def _nested(db: Database) -> None:
    with db.transaction() as tx, tx.transaction() as inner:
        users.get(inner, 1)


def _nested_raw(pool: Pool) -> None:
    with pool.connection() as connection, connection.transaction(), connection.transaction():
        connection.execute(_LOOKUP, (1,)).fetchone()


def _lookup(pool: Pool) -> None:
    with pool.connection() as connection:
        connection.execute(_LOOKUP, (1,)).fetchone()


def _stream(db: Database) -> None:
    _expect(ROWS, sum(1 for _ in declared.list_first(db, ROWS)))


def _stream_raw(pool: Pool) -> None:
    with pool.connection() as connection, connection.cursor("stream") as cursor:
        cursor.itersize = 2000
        _expect(ROWS, sum(1 for _ in cursor.execute(_LIST)))


def _copying() -> tuple[Callable[[Database], None], Callable[[Pool], None]]:
    """Return both functions that copy rows in; every run has other names."""
    runs = iter(range(1000))

    def rows() -> list[tuple[str, str]]:
        run = next(runs)
        return [(f"new{run}.{n}", f"new{run}.{n}@example.in") for n in range(LOADED)]

    def ours(db: Database) -> None:
        _expect(LOADED, declared.load(db, rows()))

    def theirs(pool: Pool) -> None:
        with pool.connection() as connection, connection.cursor() as cursor:
            with cursor.copy(_COPY) as copy:
                for row in rows():
                    copy.write_row(row)
            _expect(LOADED, cursor.rowcount)

    return ours, theirs


def _verify_raw(pool: Pool) -> None:
    """Run the queries of verify_password; hashing sends nothing."""
    with pool.connection() as connection:
        connection.execute(_HASH, ("user1",)).fetchone()
    _lookup(pool)


def _expect(expected: int, found: int) -> None:
    if found != expected:
        raise AssertionError(f"{found} rows instead of {expected}")


def _give_password(url: str) -> None:
    with Database(config(url)) as db:
        users.set_password(db, 1, _PASSWORD)


@contextmanager
def _oadb(url: str) -> Generator[Database]:
    with Database(config(f"{url}&{_PLAIN}", pool_size=1)) as db:
        yield db


@contextmanager
def _pool(url: str) -> Generator[Pool]:
    with Pool(f"{url}&{_PLAIN}", min_size=1) as pool:
        pool.wait()
        yield pool
