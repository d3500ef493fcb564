"""SQLAlchemy's answers: Core and ORM over psycopg, and Core on an event loop over asyncpg."""

import asyncio
from collections.abc import AsyncGenerator, Callable, Generator
from contextlib import asynccontextmanager, contextmanager
from datetime import datetime
from decimal import Decimal
from functools import partial
from typing import Any

import asyncpg  # type: ignore[import-untyped]  # it has no types
import psycopg
import sqlalchemy as sa
from sqlalchemy import orm
from sqlalchemy.ext import asyncio as awaiting_sqlalchemy

from tests.benchmarks.conditions import POOL_SIZE
from tests.benchmarks.contest import trades
from tests.benchmarks.contest.by_asyncpg import known
from tests.benchmarks.contest.entrants import BLOCKING, Entrant, Entrants, awaited, repeated
from tests.benchmarks.contest.names import ORM
from tests.benchmarks.contest.questions import (
    ARRAYS,
    LOOKUP,
    ROWS_100,
    ROWS_MANY,
    TRANSACTION,
    UPDATE,
)

CORE = "SQLAlchemy Core"


class Base(orm.DeclarativeBase):
    """The models of the ORM."""


class TradeModel(Base):
    __tablename__ = "trades"
    __table_args__ = {"schema": "public"}  # noqa: RUF012  # as SQLAlchemy documents it

    trade_id: orm.Mapped[int] = orm.mapped_column(sa.BigInteger, primary_key=True)
    symbol: orm.Mapped[str]
    side: orm.Mapped[str]
    quantity: orm.Mapped[int]
    price: orm.Mapped[Decimal]
    is_live: orm.Mapped[bool]
    note: orm.Mapped[str | None]
    traded_at: orm.Mapped[datetime] = orm.mapped_column(sa.DateTime(timezone=True))


_TABLE = sa.table("trades", *map(sa.column, trades.COLUMNS), schema="public")
_ARRIVALS = sa.table("arrivals", *map(sa.column, trades.COLUMNS), schema="public")
_GET = sa.select(_TABLE).where(_TABLE.c.trade_id == sa.bindparam("key"))
_LIST = sa.select(_TABLE).order_by(_TABLE.c.trade_id).limit(sa.bindparam("most"))
_SET = sa.update(_TABLE).where(_TABLE.c.trade_id == sa.bindparam("key")).values(note="seen")
_LISTS = ((ROWS_100, trades.HUNDRED), (ROWS_MANY, trades.MANY))

Works = dict[str, Callable[[int], object]]


@contextmanager
def blocking(url: str, empty: Callable[[], object]) -> Generator[Entrants]:
    """Give Core, in autocommit where nothing else is asked, and the ORM."""
    engine = sa.create_engine(
        "postgresql+psycopg://", creator=lambda: psycopg.connect(url), pool_size=POOL_SIZE
    )
    core, mapped = _core(engine), _mapped(sa.orm.sessionmaker(engine))
    found: Entrants = {
        key: [Entrant(CORE, BLOCKING, repeated(work), _before(key, empty))]
        for key, work in core.items()
    }
    for key, work in mapped.items():
        found[key].append(Entrant(ORM, BLOCKING, repeated(work)))
    yield found
    engine.dispose()


def _before(key: str, empty: Callable[[], object]) -> Callable[[], object]:
    return empty if key == ARRAYS else lambda: None


def _core(engine: sa.Engine) -> Works:
    automatic = engine.execution_options(isolation_level="AUTOCOMMIT")
    added = [dict(zip(trades.COLUMNS, row, strict=True)) for row in trades.values(trades.ADDED)]

    def lookup(key: int) -> object:
        with automatic.connect() as connection:
            return connection.execute(_GET, {"key": key}).one()

    def in_transaction(key: int) -> object:
        with engine.begin() as connection:
            return connection.execute(_GET, {"key": key}).one()

    def update(key: int) -> object:
        with engine.begin() as connection:
            return connection.execute(_SET, {"key": key}).rowcount

    def listed(most: int, _: int) -> object:
        with automatic.connect() as connection:
            return connection.execute(_LIST, {"most": most}).all()

    def add(_: int) -> object:
        with engine.begin() as connection:
            return connection.execute(sa.insert(_ARRIVALS), added)

    return {
        LOOKUP: lookup,
        TRANSACTION: in_transaction,
        UPDATE: update,
        ARRAYS: add,
        **{key: partial(listed, most) for key, most in _LISTS},
    }


def _mapped(session: orm.sessionmaker[Any]) -> Works:
    def lookup(key: int) -> object:
        with session() as opened:
            return opened.get(TradeModel, key)

    def update(key: int) -> object:
        with session.begin() as opened:
            found = opened.get_one(TradeModel, key)
            found.note = "seen" if found.note != "seen" else "seen again"
            return found

    def listed(most: int, _: int) -> object:
        with session() as opened:
            return opened.scalars(sa.select(TradeModel).order_by(_KEY).limit(most)).all()

    return {LOOKUP: lookup, UPDATE: update, **{key: partial(listed, most) for key, most in _LISTS}}


_KEY = TradeModel.trade_id


@asynccontextmanager
async def awaiting(url: str, how: str) -> AsyncGenerator[Entrants]:
    """Give Core over asyncpg, which SQLAlchemy recommends on an event loop."""
    loop = asyncio.get_running_loop()
    engine = awaiting_sqlalchemy.create_async_engine(
        "postgresql+asyncpg://",
        async_creator=lambda: asyncpg.connect(**known(url)),
        pool_size=POOL_SIZE,
    )
    automatic = engine.execution_options(isolation_level="AUTOCOMMIT")

    async def lookup(key: int) -> object:
        async with automatic.connect() as connection:
            return (await connection.execute(_GET, {"key": key})).one()

    async def in_transaction(key: int) -> object:
        async with engine.begin() as connection:
            return (await connection.execute(_GET, {"key": key})).one()

    async def listed(most: int, _: int) -> object:
        async with automatic.connect() as connection:
            return (await connection.execute(_LIST, {"most": most})).all()

    yield {
        LOOKUP: [Entrant(f"{CORE}, asyncpg", how, awaited(loop, lookup))],
        TRANSACTION: [Entrant(f"{CORE}, asyncpg", how, awaited(loop, in_transaction))],
        **{
            key: [Entrant(f"{CORE}, asyncpg", how, awaited(loop, partial(listed, most)))]
            for key, most in _LISTS
        },
    }
    await engine.dispose()
