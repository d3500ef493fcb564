"""A generated option chain, for a demo without a broker's file."""

from collections.abc import Iterator
from datetime import date, timedelta
from decimal import Decimal
from itertools import product

from oadb.market.instruments import Instrument

BROKER = "demo"

# Underlying, middle of the strikes, distance between strikes, lot size.
_UNDERLYINGS = (
    ("NIFTY", 25000, 50, 75),
    ("BANKNIFTY", 56000, 100, 35),
    ("FINNIFTY", 26500, 50, 65),
    ("MIDCPNIFTY", 13000, 25, 140),
    ("SENSEX", 82000, 100, 20),
)
_EXPIRIES = 4
_STRIKES = 250


def generate(today: date) -> Iterator[Instrument]:
    """Yield 10,020 instruments, which expire on the next four Thursdays from *today*."""
    thursday = today + timedelta(days=(3 - today.weekday()) % 7)
    tokens = iter(range(100_000, 200_000))
    for (name, price, step, lot), week in product(_UNDERLYINGS, range(_EXPIRIES)):
        expiry = thursday + timedelta(weeks=week)
        yield _contract(name, expiry, None, "FUT", lot, next(tokens))
        for number, kind in product(range(_STRIKES), ("CE", "PE")):
            strike = price + step * (number - _STRIKES // 2)
            yield _contract(name, expiry, strike, kind, lot, next(tokens))


def _contract(
    name: str, expiry: date, strike: int | None, kind: str, lot: int, token: int
) -> Instrument:
    symbol = f"{name}{expiry:%y%m%d}{'' if strike is None else strike}{kind}"
    return Instrument(
        broker=BROKER,
        exchange="NFO",
        symbol=symbol,
        name=name,
        broker_symbol=symbol,
        broker_exchange="NFO",
        token=str(token),
        instrument_type=kind,
        underlying=name,
        expiry=expiry,
        strike=None if strike is None else Decimal(strike),
        lot_size=lot,
        tick_size=Decimal("0.05"),
        contract_value=Decimal(1),
    )
