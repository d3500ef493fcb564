"""The types that checkers infer for calls of oadb. Checked by mypy and pyright, never run."""

# mypy: disable-error-code="empty-body"

from collections.abc import AsyncGenerator, Generator, Iterable, Iterator
from dataclasses import dataclass
from typing import assert_type
from uuid import UUID

from oadb import (
    UNSET,
    Affected,
    AsyncDatabase,
    AsyncExecutor,
    AsyncTransaction,
    Config,
    Database,
    Executor,
    Page,
    Secret,
    Transaction,
)
from oadb.accounts import (
    api_keys,
    broker_tokens,
    login_attempts,
    second_factors,
    sessions,
    users,
)
from oadb.accounts.api_keys import VerifiedKey
from oadb.accounts.broker_tokens import BrokerToken
from oadb.accounts.second_factors import CodeCheck
from oadb.accounts.sessions import NewSession, Session
from oadb.accounts.users import SignedInUser, User
from oadb.engine.binding.operations import operation
from oadb.engine.binding.queries import queries
from oadb.market import instruments, loads
from oadb.market.instruments import Instrument
from oadb.market.loads import LoadReport
from oadb.security.refusals import Refusal
from oadb.settings import app_settings, user_settings
from oadb.settings.app_settings import TradingMode
from oadb.trading import pending_orders, strategies
from oadb.trading.pending_orders import OrderStatus, PendingOrder
from oadb.trading.strategies import Strategy, SymbolMapping

query = queries("oadb.typed")


@dataclass(frozen=True, slots=True)
class Row:
    number: int


THEME = user_settings.declare("typing.theme", str, default="light")
SIZE = user_settings.declare("typing.size", int, default=5, most=10, check=lambda size: size > 0)
TREE = user_settings.declare("typing.tree", dict[str, object], default={})


@query
def rows(how_many: int, first: int = 1) -> Iterator[Row]: ...


@query
def copy_in(rows: Iterable[tuple[object, ...]]) -> Affected: ...


@query
def nothing() -> None: ...


@operation
async def rename(db: AsyncExecutor, user_id: int, *, email: str) -> User | None:
    async with db.transaction() as tx:
        assert_type(tx, AsyncExecutor)
        user = assert_type(await users.get(tx, user_id), User | None)
        if user is None:
            return None
        assert_type(await db.offload(len, email), int)
        if not assert_type(await users.update(tx, user_id, email=email), bool):
            return user
        return await users.get(tx, user_id)


def blocking(db: Database) -> None:
    assert_type(Database.from_env(), Database)
    assert_type(users.get(db, 7), User | None)
    assert_type(users.get(db, user_id=7), User | None)
    page = assert_type(users.list_all(db), Page[User])
    assert_type(users.list_all(db, cursor=page.next, limit=2).rows, list[User])
    assert_type([user.email for user in page], list[str])
    assert_type(users.update(db, 7, first_name=None, last_name=UNSET, is_admin=True), bool)
    assert_type(users.count(db), int)
    assert_type(users.create(db, "asha", email="a@x.in"), User)
    assert_type(users.delete(db, 7), bool)
    assert_type(nothing(db), None)
    assert_type(rows(db, 7), Generator[Row, None, None])
    assert_type([row.number for row in rows(db, how_many=7, first=2)], list[int])
    assert_type(instruments.export_csv(db), Generator[bytes, None, None])
    assert_type(copy_in(db, [(1, "a"), (2, None)]), Affected)
    assert_type(users.verify_password(db, "asha", Secret("secret")), User | None)
    assert_type(rename(db, 7, email="b@x.in"), User | None)
    assert_type(loads.load(db, "zerodha", list[Instrument]()), LoadReport)
    assert_type(user_settings.get(db, 7, THEME), str)
    assert_type(user_settings.get(db.as_user(7), 7, TREE), dict[str, object])
    assert_type(user_settings.get_all(db, 7, THEME, SIZE)[SIZE], int)
    assert_type(user_settings.put(db, 7, THEME.to("dark"), SIZE.to(7), by=1), int)
    assert_type(app_settings.get_trading_mode(db), TradingMode)
    strategy = strategies.verify_webhook(db, Secret("oaw_"))
    assert_type(strategy, Strategy[SymbolMapping] | Refusal)
    if strategy:
        assert_type(strategy.mappings, tuple[SymbolMapping, ...])
    assert_type(strategies.list_by_user(db, 7), Page[Strategy[SymbolMapping]])
    for order in pending_orders.list_by_user(db, 7):
        assert_type(order.status, OrderStatus)
    assert_type(pending_orders.get(db, 7, pending_order_id=8), PendingOrder | None)
    if (user := users.find_by_email(db, "a@x.in")) is not None:
        assert_type(user.email, str)
        assert_type(user.first_name, str | None)


def signing_in(db: Database, password: Secret, code: Secret, token: Secret) -> Session | None:
    signed_in = login_attempts.sign_in(db, "asha", password, ip="192.0.2.1", code=code)
    assert_type(signed_in.user, SignedInUser | None)
    assert_type(second_factors.verify(db, 7, code), CodeCheck)
    if signed_in.user is not None:
        return assert_type(sessions.create(db, signed_in.user), NewSession).session
    found = assert_type(sessions.verify(db, token), Session | Refusal)
    if found:
        return assert_type(found, Session)
    key = assert_type(api_keys.verify(db, token), VerifiedKey | Refusal)
    if key:
        assert_type(key.scopes, list[str])
    tokens = assert_type(broker_tokens.open(db, 7, "zerodha"), BrokerToken | Refusal)
    if not tokens:
        return None
    assert_type(tokens.client_id, str | None)
    return sessions.get(db, 7, found_id(db))


def found_id(db: Database) -> UUID:
    return sessions.list_by_user(db, 7, limit=1).rows[0].session_id


def in_a_transaction(db: Database) -> None:
    with db.transaction(isolation="serializable") as tx:
        assert_type(tx, Transaction)
        assert_type(users.get(tx, 7), User | None)
        assert_type(rename(tx, 7, email="b@x.in"), User | None)
        with tx.transaction() as nested:
            assert_type(nested, Transaction)
            assert_type(rows(nested, 7), Generator[Row, None, None])

    def count(tx: Transaction) -> int:
        return users.count(tx)

    assert_type(db.transact(count), int)


def over_either(db: Executor) -> None:
    assert_type(users.get(db, 7), User | None)


async def awaiting(db: AsyncDatabase) -> None:
    assert_type(await users.get(db, 7), User | None)
    assert_type(await users.list_all(db, limit=2), Page[User])
    assert_type(await users.count(db), int)
    assert_type(await users.delete(db, 7), bool)
    assert_type(await nothing(db), None)
    assert_type(rows(db, 7), AsyncGenerator[Row, None])
    assert_type([row.number async for row in rows(db, 7)], list[int])
    assert_type(await copy_in(db, [(1, "a")]), Affected)
    assert_type(await users.verify_password(db, "asha", Secret("secret")), User | None)
    assert_type(await rename(db, 7, email="b@x.in"), User | None)
    assert_type(await user_settings.get(db, 7, SIZE), int)
    assert_type((await user_settings.get_all(db, 7))[THEME], str)
    assert_type(await loads.load(db, "zerodha", list[Instrument]()), LoadReport)


async def awaiting_in_a_transaction(db: AsyncDatabase) -> None:
    async with db.transaction(read_only=True) as tx:
        assert_type(tx, AsyncTransaction)
        assert_type(await users.get(tx, 7), User | None)
        async with tx.transaction() as nested:
            assert_type(await rename(nested, 7, email="b@x.in"), User | None)

    async def count(tx: AsyncTransaction) -> int:
        return await users.count(tx)

    assert_type(await db.transact(count), int)


async def opening(config: Config) -> None:
    async with AsyncDatabase(config) as adb:
        assert_type(adb, AsyncDatabase)
    with Database(config) as db:
        assert_type(db, Database)
