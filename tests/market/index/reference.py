"""The search as its description says it, one row after the other."""

import re
import string
from collections.abc import Iterable
from typing import Any

from oadb.market.instruments import Instrument

_CAPITALS = str.maketrans(string.ascii_lowercase, string.ascii_uppercase)


Prepared = list[tuple[Instrument, list[str]]]


def prepared(rows: Iterable[Instrument]) -> Prepared:
    """Return each row with what is searched of it."""
    return [(row, _fields(row)) for row in rows]


def search(rows: Prepared, text: str, limit: int = 50, **filters: Any) -> list[Instrument]:
    """Return what a search of *rows* returns."""
    terms = [_without_zeros(term) for term in _capitals(text).split()]
    if not terms and not filters:
        return []
    found = [
        row
        for row, fields in rows
        if _passes(row, **filters) and all(any(term in field for field in fields) for term in terms)
    ]
    return sorted(found, key=lambda row: _place(row, terms))[:limit]


def _place(row: Instrument, terms: list[str]) -> tuple[object, ...]:
    symbol = _capitals(row.symbol)
    at = symbol.find(terms[0]) if terms else 0
    rank = 3 if at < 0 else 2 if at else 1
    names = (symbol, row.symbol, row.exchange, row.broker)
    return rank, len(symbol), *(name.encode() for name in names)


def _fields(row: Instrument) -> list[str]:
    strike = "" if row.strike is None else _without_zeros(f"{row.strike:f}")
    fields = (row.symbol, row.broker_symbol, row.name or "", row.token, strike)
    return [*map(_capitals, fields)]


def _passes(
    row: Instrument,
    strike_min: Any = None,
    strike_max: Any = None,
    underlying: str | None = None,
    **equal: Any,
) -> bool:
    if underlying is not None and row.underlying not in {underlying, _capitals(underlying)}:
        return False
    if any(getattr(row, name) != value for name, value in equal.items()):
        return False
    if strike_min is None and strike_max is None:
        return True
    strike = row.strike
    return strike is not None and (strike_min or 0) <= strike <= (strike_max or strike)


def _without_zeros(term: str) -> str:
    return re.sub(r"^([0-9]+(?:\.[0-9]*?[1-9])?)\.?0*$", r"\1", term) if "." in term else term


def _capitals(text: str) -> str:
    return text.translate(_CAPITALS)
