"""Rows that tests begin with: users, their keys and strategies, and instruments.

    user = factories.make_user(oadb_db)
    made = factories.make_api_key(oadb_db, user.user_id)
    user = await factories.make_user(oadb_async_db)        # over an async executor

All of it goes through the functions that services call, so that it is announced, sealed and audited
as theirs is. Names are random where a test gives none: two calls never violate a constraint.
"""

import secrets
from decimal import Decimal

from oadb.accounts import api_keys, users
from oadb.accounts.api_keys import NewApiKey, OrderMode
from oadb.accounts.user_rows import User
from oadb.engine.binding.operations import operation
from oadb.engine.executors import AsyncExecutor
from oadb.market import loads
from oadb.market.instruments import Instrument
from oadb.security.secret import Secret
from oadb.trading import strategies
from oadb.trading.strategies import NewStrategy, SymbolMapping


@operation
async def make_user(
    db: AsyncExecutor,
    *,
    username: str | None = None,
    password: Secret | None = None,
    is_admin: bool = False,
) -> User:
    """Create a user, whose address is that name at example.com.

    Args:
        username: By default ``user_`` and twelve random characters.
        password: By default there is none; to hash one takes about a tenth of a second.

    Raises:
        ParameterError: the name or the password is not accepted.
        ConflictError: the name is taken.
    """
    name = username or _new_name("user")
    user = await users.create(db, name, f"{name}@example.com", is_admin=is_admin)
    if password is None:
        return user
    await users.set_password(db, user.user_id, password)
    return await users.get(db, user.user_id) or user


@operation
async def make_api_key(
    db: AsyncExecutor,
    user_id: int,
    *,
    order_mode: OrderMode = "auto",
    scopes: list[str] | None = None,
) -> NewApiKey:
    """Create an API key of a user, with its token.

    Raises:
        NoRowError: there is no such user.
        KeyRingError: the executor has no key ring, or one that does not fit the database.
    """
    name = _new_name("key")
    return await api_keys.create(db, user_id, name, order_mode=order_mode, scopes=scopes)


@operation
async def make_strategy(db: AsyncExecutor, user_id: int) -> NewStrategy[SymbolMapping]:
    """Create an active strategy of a user, with its webhook; it trades nothing yet.

    Raises:
        NoRowError: there is no such user.
        KeyRingError: the executor has no key ring, or one that does not fit the database.
    """
    return await strategies.create(db, user_id, _new_name("strategy"))


@operation
async def load_instruments(
    db: AsyncExecutor, symbols: list[str], *, broker: str = "zerodha"
) -> list[Instrument]:
    """Load shares of NSE as the instruments of a broker, instead of those it has.

    Raises:
        LoadError: the load was refused; the broker keeps its instruments.
    """
    shares = [_share(broker, token, symbol) for token, symbol in enumerate(symbols, 1)]
    await loads.load(db, broker, shares, source="factories")
    return shares


def _share(broker: str, token: int, symbol: str) -> Instrument:
    return Instrument(
        broker=broker,
        exchange="NSE",
        symbol=symbol,
        name=symbol,
        broker_symbol=symbol,
        broker_exchange="NSE",
        token=str(token),
        instrument_type="EQ",
        underlying=None,
        expiry=None,
        strike=None,
        lot_size=1,
        tick_size=Decimal("0.05"),
        contract_value=Decimal(1),
    )


def _new_name(kind: str) -> str:
    return f"{kind}_{secrets.token_hex(6)}"
