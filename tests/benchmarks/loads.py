"""The time of a load, compared with a bare COPY and with a delete and insert through an ORM."""

from collections.abc import Awaitable, Callable, Generator, Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from functools import partial
from statistics import median
from time import perf_counter
from typing import Any
from unittest import mock

import psycopg
import sqlalchemy as sa
from sqlalchemy import orm

from oadb import Database
from oadb.market import staging
from oadb.market.instruments import Listing
from tests.benchmarks import conditions, market
from tests.benchmarks.rounds import ratio, seconds

RUNS = 3
_BLOCK = 1 << 16

# Seconds of the parts of a load, and of all of it.
Spent = dict[str, float]
_ALL, _INTAKE, _STAGING = "all", "intake: rows validated and formatted", "staging, after intake"
_STEPS = {
    "_stage": _STAGING,
    "_count_held": "count what is listed",
    "_merge_staged": "merge",
    "merge_search_entries": "merge what search finds",
    "_clear_staged": "clear the staging table",
    "_refresh_statistics": "analyze instruments",
}

# The indexes and columns of a table, which determine the cost of writes.
_SHAPE = """
select regexp_replace(pg_get_indexdef(indexrelid), '^.* USING ', ''), indisunique, indimmediate
from pg_index where indrelid = %(table)s::regclass
union all
select attname, attgenerated <> '', attnotnull
from pg_attribute where attrelid = %(table)s::regclass and attnum > 0
order by 1
"""

# The columns of OpenAlgo's table of symbols, and its eight indexes besides the primary key.
_INDEXED = ("symbol", "brsymbol", "exchange", "brexchange", "token")
_LEGACY = sa.Table(
    "legacy_symbols",
    sa.MetaData(),
    sa.Column("id", sa.Integer, primary_key=True),
    *(sa.Column(name, sa.String, index=True) for name in _INDEXED),
    *(sa.Column(name, sa.String) for name in ("name", "expiry", "instrumenttype")),
    *(sa.Column(name, sa.Float) for name in ("strike", "tick_size", "contract_value")),
    sa.Column("lotsize", sa.Integer),
    *(
        sa.Index(f"legacy_{first}_{second}", first, second)
        for first, second in (("symbol", "exchange"), ("symbol", "name"), ("brsymbol", "exchange"))
    ),
)


class Legacy:
    """A row of that table, mapped by the ORM."""


orm.registry().map_imperatively(Legacy, _LEGACY)


def main() -> None:
    rows = market.rows()
    print(f"\n## Loads of {len(rows):,} instruments\n")
    print(f"Medians of {RUNS} runs in turn; ratios within a run, with the least and the greatest.")
    with (
        conditions.database() as url,
        Database(conditions.config(url)) as db,
        psycopg.connect(url, autocommit=True) as connection,
        _legacy(url, rows) as reload,
    ):
        copy, orm_reload = "COPY, same table and indexes", "DELETE, then the ORM's bulk insert"
        runs: dict[str, Callable[[], Spent]] = {
            copy: partial(_bare_copy, connection, _rendered(rows)),
            "first load": lambda: _first_load(connection, db, rows),
            "the same again": lambda: _load(db, rows),
            "a day's change: 2 %": partial(_load, db, market.next_day(rows, 1)),
            orm_reload: lambda: {_ALL: seconds(reload)},
        }
        spent: dict[str, list[Spent]] = {name: [] for name in runs}
        for _ in range(RUNS):
            for name, run in runs.items():
                spent[name].append(run())
    _print_all(spent, copy, orm_reload)
    _print_parts({name: each for name, each in spent.items() if _INTAKE in each[0]})


def _print_all(spent: dict[str, list[Spent]], copy: str, orm_reload: str) -> None:
    took = {name: [run[_ALL] for run in runs] for name, runs in spent.items()}
    conditions.table(
        ("what", "seconds", "ratio to COPY", "times faster than the ORM"),
        (
            [
                name,
                f"{median(each):.2f}",
                f"{ratio(each, took[copy])}",
                f"{ratio(took[orm_reload], each)}",
            ]
            for name, each in took.items()
        ),
    )


def _print_parts(spent: dict[str, list[Spent]]) -> None:
    parts = (_INTAKE, *_STEPS.values(), "the rest: record, commit")
    conditions.table(
        ("part of a load, seconds", *spent),
        (
            [part, *(f"{median(run.get(part, 0) for run in runs):.2f}" for runs in spent.values())]
            for part in parts
        ),
    )


def _first_load(connection: psycopg.Connection, db: Database, rows: Sequence[Listing]) -> Spent:
    # Leaves the tables as a migration does, without statistics of their size.
    connection.execute("truncate oadb.instruments, oadb.instrument_staging")
    return _load(db, rows)


def _load(db: Database, rows: Sequence[Listing]) -> Spent:
    """Time a load. Intake and staging overlap; staging counts without the intake."""
    spent = dict.fromkeys((_INTAKE, *_STEPS.values()), 0.0)
    with ExitStack() as patches:
        for name in _STEPS:
            step = partial(_step, spent, name, getattr(staging, name))
            patches.enter_context(mock.patch.object(staging, name, step))
        took = seconds(lambda: market.load(db, rows))
    spent[_STAGING] -= spent[_INTAKE]
    return spent | {"the rest: record, commit": took - sum(spent.values()), _ALL: took}


async def _step(
    spent: Spent, name: str, statement: Callable[..., Awaitable[object]], tx: object, *args: Any
) -> object:
    if name == "_stage":
        args = (_watched(spent, args[0]),)
    started = perf_counter()
    found = await statement(tx, *args)
    spent[_STEPS[name]] += perf_counter() - started
    return found


def _watched(spent: Spent, blocks: Iterator[bytes]) -> Iterator[bytes]:
    started = perf_counter()
    for block in blocks:
        spent[_INTAKE] += perf_counter() - started
        yield block
        started = perf_counter()
    spent[_INTAKE] += perf_counter() - started


def _rendered(rows: Iterable[Listing]) -> bytes:
    return "".join("\t".join(row) + "\n" for row in rows).encode()


def _bare_copy(connection: psycopg.Connection, lines: bytes) -> Spent:
    """Time a COPY of prepared rows into an empty table with the same columns and indexes."""
    connection.execute("create table bare (like oadb.instruments including all)")
    shapes = [
        connection.execute(_SHAPE, {"table": name}).fetchall()
        for name in ("bare", "oadb.instruments")
    ]
    assert shapes[0] == shapes[1]
    statement = f"copy bare ({', '.join(Listing._fields)}) from stdin with (null '')"

    def copy() -> None:
        with connection.cursor().copy(statement.encode()) as sent:
            for start in range(0, len(lines), _BLOCK):
                sent.write(lines[start : start + _BLOCK])

    took = seconds(copy)
    connection.execute("drop table bare")
    return {_ALL: took}


@contextmanager
def _legacy(url: str, rows: Iterable[Listing]) -> Generator[Callable[[], None]]:
    """Give a function that reloads as OpenAlgo: delete, commit, insert by the ORM, commit."""
    engine = sa.create_engine(url.replace("postgresql://", "postgresql+psycopg://"))
    _LEGACY.metadata.create_all(engine)
    mappings: list[dict[str, Any]] = [
        {
            "symbol": row.symbol,
            "brsymbol": row.broker_symbol,
            "name": row.name,
            "exchange": row.exchange,
            "brexchange": row.broker_exchange,
            "token": row.token,
            "expiry": row.expiry,
            "instrumenttype": row.instrument_type,
            "strike": float(row.strike or 0),
            "lotsize": int(row.lot_size),
            "tick_size": float(row.tick_size),
            "contract_value": float(row.contract_value),
        }
        for row in rows
    ]

    def reload() -> None:
        with orm.Session(engine) as session:
            session.query(Legacy).delete()
            session.commit()
            session.bulk_insert_mappings(Legacy, mappings)
            session.commit()

    reload()
    yield reload
    engine.dispose()
