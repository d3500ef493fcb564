"""A made-up market as large as an exchange, for behaviour that only many rows show.

It is always the same: shares and indices of NSE, shares of BSE with unusual characters, and futures
and options, some long expired and some valid for decades.
"""

import random
from collections.abc import Iterator
from dataclasses import replace
from datetime import date
from decimal import Decimal
from itertools import chain, product

from oadb.market.instruments import Instrument

_FIRST_CODE = 40_000
_SHARES, _ODD_SHARES, _UNDERLYINGS = 10_000, 400, 60

_EXPIRIES = (
    date(2025, 7, 31), date(2025, 8, 7), date(2025, 8, 28), date(2025, 9, 30), date(2026, 12, 31),
    date(2099, 12, 31),
)  # fmt: skip  # a table
_NIFTY_EXPIRIES = (*_EXPIRIES, date(2025, 8, 14), date(2025, 8, 21), date(2098, 6, 26))

_SYLLABLES = (
    "AM", "BAR", "CE", "DHAN", "EK", "FER", "GOL", "HIN", "IND", "JAY", "KO", "LAK", "MAN", "NI",
    "OR", "PRI", "QUA", "RAJ", "SUR", "TEX", "UMA", "VIJ", "WAR", "WEN", "YAS", "ZEN",
)  # fmt: skip  # a table
_WORDS = (
    "INDUSTRIES", "LIMITED", "BANK", "FINANCE", "STEEL", "FOODS", "& SONS", "POWER", "(INDIA)",
    "MOTORS", "7.15%", "SR. II", "TEXTILES", "PHARMA", "50",
)  # fmt: skip  # a table
_SERIES = ("",) * 12 + ("-BE", "-SM", "-N1", "-SG", "-GS")

_ODD_SYLLABLES = ("a", "B", "n-", "é", "É", "ß", "_", "%", "a\\", "1.0", "\U0001f600", "CE", "fut")

_KNOWN_SHARES = (
    ("INFY", "INFOSYS"), ("RELIANCE", "RELIANCE INDUSTRIES"), ("TCS", "TCS"), ("M&M", "M & M"),
    ("BAJAJ-AUTO", "BAJAJ AUTO"), ("NIFTYBEES", "NIFTY MUTUAL FUND - NIFTYBEES"),
)  # fmt: skip  # a table
_INDICES = (
    ("NIFTY", "NIFTY 50"), ("BANKNIFTY", "NIFTY BANK"), ("FINNIFTY", "NIFTY FIN SERVICE"),
    ("INDIAVIX", "INDIA VIX"),
    *((f"NIFTY{word}{size}", f"NIFTY {word} {size}") for word, size in product(
        ("MIDCAP", "SMALLCAP", "ALPHA", "QUALITY", "VALUE"), range(30, 510, 20)
    )),
)  # fmt: skip  # a table


def instruments() -> list[Instrument]:
    """Return about 21,000 instruments, as Zerodha's reader makes them."""
    choice = random.Random(0)
    rows = chain(_cash(choice), _derivatives(choice))
    unique = {(row.exchange, row.symbol): row for row in rows}.values()
    return [
        replace(row, token=f"{code * 256 + 2}::::{code}")
        for code, row in enumerate(unique, start=_FIRST_CODE)
    ]


def _cash(choice: random.Random) -> Iterator[Instrument]:
    for symbol, name in _INDICES:
        yield _instrument("NSE_INDEX", symbol, name, name, "INDEX")
    for symbol, name in _KNOWN_SHARES:
        yield _instrument("NSE", symbol, name, symbol, "EQ")
    for _ in range(_SHARES):
        root = _text(choice, _SYLLABLES, 2, 4)
        symbol = root + choice.choice(_SERIES)
        name = f"{root} {_text(choice, _WORDS, 1, 2, ' ')}" if choice.random() > 0.15 else None
        yield _instrument("NSE", symbol, name, symbol, "EQ")
    for _ in range(_ODD_SHARES):
        symbol, ticker, name = (_text(choice, _ODD_SYLLABLES, 1, 4) for _ in range(3))
        yield _instrument("BSE", symbol, name, ticker, "EQ")


def _derivatives(choice: random.Random) -> Iterator[Instrument]:
    yield from _chain("NFO", "NIFTY", _NIFTY_EXPIRIES, 20_000, 50, 170)
    yield from _chain("NFO", "BANKNIFTY", _EXPIRIES[:3], 52_000, 100, 80)
    yield from _chain("NFO", "RELIANCE", _EXPIRIES[:4], 1200, 10, 40)
    yield from _chain("BFO", "SENSEX", _EXPIRIES[:2], 80_000, 100, 120)
    yield from _chain("CDS", "USDINR", _EXPIRIES[:3], 84, 0.25, 20)
    yield from _chain("MCX", "SILVER", _EXPIRIES[:1], 23_998, 0.5, 12)
    for _ in range(_UNDERLYINGS):
        root = _text(choice, _SYLLABLES, 2, 3)
        expiries = _EXPIRIES[: choice.randint(1, 3)]
        low, step = choice.randrange(100, 5000, 50), choice.choice((2.5, 5, 10, 50))
        yield from _chain("NFO", root, expiries, low, step, 35)


def _chain(
    exchange: str, root: str, expiries: tuple[date, ...], low: int, step: float, strikes: int
) -> Iterator[Instrument]:
    """Yield a future and options for each expiry, with *strikes* from *low* on, *step* apart."""
    prices = [low + Decimal(str(step)) * each for each in range(strikes)]
    contracts = [(None, "FUT"), *product(prices, ("CE", "PE"))]
    for expiry, (strike, kind) in product(expiries, contracts):
        end = kind if strike is None else f"{strike.normalize():f}{kind}"
        symbol, ticker = (f"{root}{expiry:{form}}".upper() + end for form in ("%d%b%y", "%y%b"))
        row = _instrument(exchange, symbol, root, ticker, kind)
        yield replace(row, underlying=root, expiry=expiry, strike=strike)


def _instrument(exchange: str, symbol: str, name: str | None, ticker: str, kind: str) -> Instrument:
    index = kind == "INDEX"
    return Instrument(
        broker="zerodha",
        exchange=exchange,
        symbol=symbol,
        name=name,
        broker_symbol=ticker,
        broker_exchange=exchange.partition("_")[0],
        token="",
        instrument_type=kind,
        underlying=None,
        expiry=None,
        strike=None,
        lot_size=0 if index else 75,
        tick_size=Decimal(0 if index else "0.05"),
        contract_value=Decimal(1),
    )


def _text(
    choice: random.Random, parts: tuple[str, ...], least: int, most: int, between: str = ""
) -> str:
    return between.join(choice.choices(parts, k=choice.randint(least, most)))
