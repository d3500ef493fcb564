"""Runs an operation as often as each line of its input says, OPERATION=TIMES; prints CPU seconds.

    python regress_worker.py URL

A process of its own, so that two versions of oadb are compared: PYTHONPATH says which.
"""

import asyncio
import json
import sys
from collections import deque
from collections.abc import Awaitable, Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from itertools import cycle
from time import process_time

from oadb import Affected, AsyncDatabase, Database
from oadb.accounts import users
from oadb.engine.binding.queries import Queries
from oadb.engine.binding.statements import parse
from oadb.logs.redaction import Redaction

CALLS = {
    "lookup": 100,
    "lookup, async": 100,
    "transaction of one": 50,
    "transaction of one, async": 50,
    "two updates in a transaction": 50,
    "100 rows": 20,
    "10,000 rows": 2,
    "list of 1,000 texts": 20,
    "list of 1,000 numbers": 20,
    "list of one": 100,
    "2,000 rows, streamed": 1,
    "2,000 rows, copied out": 1,
    "COPY of 2,000 rows": 2,
    "COPY of 2,000 tuples": 1,
    "2,000 rows in arrays": 1,
    "order redacted": 100,
}
"""How many calls of each operation one round has."""

_SQL = """
-- name: list_first
select user_id, username, email, first_name, is_admin, auth_epoch, created_at
from oadb.users
order by user_id
limit :most;

-- name: count_texts
select count(*) from unnest(:given::text[]) as each (one);

-- name: count_numbers
select count(*) from unnest(:given::bigint[]) as each (one);

-- name: load
copy pg_temp.trades (trade_id, symbol, price, traded_at) from stdin;

-- name: stream_all
select user_id, username, email, first_name, is_admin, auth_epoch, created_at
from oadb.users
order by user_id
limit 2000;

-- name: copy_all
copy (
    select user_id, username, email, first_name, is_admin, auth_epoch, created_at
    from oadb.users
    order by user_id
    limit 2000
) to stdout;

-- name: load_tuples
copy pg_temp.trades (trade_id, symbol, price, traded_at) from stdin;

-- name: add
insert into pg_temp.trades (trade_id, symbol, price, traded_at)
select trade_id, symbol, price, traded_at
from unnest(:trade_ids::bigint[], :symbols::text[], :prices::numeric[], :times::timestamptz[])
as given (trade_id, symbol, price, traded_at);

-- name: make
create temporary table if not exists trades (
    trade_id bigint, symbol text, price numeric, traded_at timestamptz
);

-- name: clear
truncate pg_temp.trades;

-- name: rename
update oadb.users set first_name = :first_name where user_id = :user_id;
"""

query = Queries("regress", parse(_SQL, "regress", "regress_worker.py"))


@dataclass(frozen=True, slots=True)
class Row:
    """A user."""

    user_id: int
    username: str
    email: str
    first_name: str
    is_admin: bool
    auth_epoch: int
    created_at: datetime


@dataclass(frozen=True, slots=True)
class Trade:
    """A row of the COPY."""

    trade_id: int
    symbol: str
    price: Decimal
    traded_at: datetime


@query
def list_first(most: int) -> list[Row]: ...


@query
def count_texts(given: list[str]) -> int: ...


@query
def count_numbers(given: list[int]) -> int: ...


@query
def load(rows: Iterable[Trade]) -> Affected: ...


@query
def load_tuples(rows: Iterable[tuple[int, str, Decimal, datetime]]) -> Affected: ...


@query
def add(
    trade_ids: list[int], symbols: list[str], prices: list[Decimal], times: list[datetime]
) -> None: ...


@query
def stream_all() -> Iterator[Row]: ...


@query
def copy_all() -> Iterator[Row]: ...


@query
def make() -> None: ...


@query
def clear() -> None: ...


@query
def rename(user_id: int, first_name: str) -> None: ...


query.complete()

_TEXTS = [f"SYMBOL {number}" for number in range(1000)]
_NUMBERS = [*range(10**6, 10**6 + 1000)]
_TRADES = [
    Trade(number, f"SYMBOL {number}", Decimal(number) / 4, datetime.now(UTC))
    for number in range(2000)
]
_TUPLES = [(each.trade_id, each.symbol, each.price, each.traded_at) for each in _TRADES]
_ARRAYS = (
    [each.trade_id for each in _TRADES],
    [each.symbol for each in _TRADES],
    [each.price for each in _TRADES],
    [each.traded_at for each in _TRADES],
)
_ORDER = {
    "apikey": "0123456789abcdef", "strategy": "scalper", "symbol": "RELIANCE", "action": "BUY",
    "exchange": "NSE", "pricetype": "LIMIT", "product": "MIS", "quantity": "10", "price": "2450.5",
}  # fmt: skip  # an order as it is sent
_REDACTION = Redaction()
_numbers = cycle(range(1, 1000))


def _in_transaction(db: Database) -> None:
    with db.transaction() as tx:
        users.get(tx, next(_numbers))


def _written_twice(db: Database) -> None:
    with db.transaction() as tx:
        rename(tx, next(_numbers), "Asha")
        rename(tx, next(_numbers), "Asha")


def _copied(db: Database) -> None:
    with db.transaction() as tx:
        clear(tx)
        load(tx, _TRADES)


def _copied_tuples(db: Database) -> None:
    with db.transaction() as tx:
        clear(tx)
        load_tuples(tx, _TUPLES)


def _added(db: Database) -> None:
    with db.transaction() as tx:
        clear(tx)
        add(tx, *_ARRAYS)


def _redacted(_db: Database) -> None:
    order = json.dumps(_ORDER | {"quantity": str(next(_numbers))})
    _REDACTION.text(order)


_BLOCKING: dict[str, Callable[[Database], object]] = {
    "lookup": lambda db: users.get(db, next(_numbers)),
    "transaction of one": _in_transaction,
    "two updates in a transaction": _written_twice,
    "100 rows": lambda db: list_first(db, 100),
    "10,000 rows": lambda db: list_first(db, 10_000),
    "list of 1,000 texts": lambda db: count_texts(db, _TEXTS),
    "list of 1,000 numbers": lambda db: count_numbers(db, _NUMBERS),
    "list of one": lambda db: count_numbers(db, [next(_numbers)]),
    "2,000 rows, streamed": lambda db: deque(stream_all(db), maxlen=0),
    "2,000 rows, copied out": lambda db: deque(copy_all(db), maxlen=0),
    "COPY of 2,000 rows": _copied,
    "COPY of 2,000 tuples": _copied_tuples,
    "2,000 rows in arrays": _added,
    "order redacted": _redacted,
}


async def _looked_up(db: AsyncDatabase) -> None:
    await users.get(db, next(_numbers))


async def _async_in_transaction(db: AsyncDatabase) -> None:
    async with db.transaction() as tx:
        await users.get(tx, next(_numbers))


_ASYNC: dict[str, Callable[[AsyncDatabase], Awaitable[None]]] = {
    "lookup, async": _looked_up,
    "transaction of one, async": _async_in_transaction,
}


def _served(db: Database, work: Callable[[Database], object], times: int) -> float:
    calls = range(times)
    began = process_time()
    for _ in calls:
        work(db)
    return process_time() - began


async def _served_async(
    db: AsyncDatabase, work: Callable[[AsyncDatabase], Awaitable[None]], times: int
) -> float:
    calls = range(times)
    began = process_time()
    for _ in calls:
        await work(db)
    return process_time() - began


def main(url: str) -> None:
    """Serve all operations, over one Database and one AsyncDatabase, until the input ends."""
    with Database.from_url(url) as db, asyncio.Runner() as runner:
        make(db)
        awaiting = AsyncDatabase.from_url(url)
        runner.run(awaiting.open())
        for line in sys.stdin:
            operation, _, times = line.rpartition("=")
            if operation in _ASYNC:
                took = runner.run(_served_async(awaiting, _ASYNC[operation], int(times)))
            else:
                took = _served(db, _BLOCKING[operation], int(times))
            print(took, flush=True)
        runner.run(awaiting.close())


if __name__ == "__main__":
    main(*sys.argv[1:])
