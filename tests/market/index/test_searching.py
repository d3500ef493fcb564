"""A search of an index returns what its description says, and what SQL returns."""

from datetime import date
from decimal import Decimal
from typing import Any

import pytest

from oadb import Database
from oadb.errors import ParameterError
from oadb.market import search
from oadb.market.index import searching
from oadb.market.index.lookups import InstrumentIndex
from tests.market.index import reference

TEXTS = [
    "nifty", "NIFTY 24000 ce", "24000.00 nifty", "24000.50", "24000.", "reliance", "infosys", "50",
    "ce", "zzzz", "13623298", "::::", "%", "_", "a\\", "n-", "NIFTY NIFTY", "  bank  fut ", "é", "",
]  # fmt: skip  # a table
FILTERS: list[dict[str, Any]] = [
    {},
    {"exchange": "NFO"},
    {"exchange": "NOWHERE"},
    {"instrument_type": "CE", "underlying": "NIFTY"},
    {"instrument_type": "CE", "underlying": "nifty", "limit": 1},
    {"expiry": date(2025, 7, 31), "limit": 7},
    {"strike_min": Decimal(24000), "strike_max": Decimal("24100.0")},
    {"strike_min": Decimal(90000), "limit": 1000},
]
SEARCHES = [
    *((text, FILTERS[0]) for text in TEXTS),
    *((text, filters) for text in ("", "nifty", "24000 ce") for filters in FILTERS[1:]),
]
EMPTY = [
    ("zzzz", {}), ("", {}), ("nifty", FILTERS[7]), ("24000 ce", FILTERS[7]),
    *((text, FILTERS[2]) for text in ("", "nifty", "24000 ce")),
]  # fmt: skip  # a table
"""Searches that find nothing in the made-up market; the others find something."""


@pytest.mark.parametrize(("text", "filters"), SEARCHES)
def test_a_search_of_a_market_returns_what_its_description_says(
    index: InstrumentIndex,
    market: str,
    prepared: reference.Prepared,
    text: str,
    filters: dict[str, Any],
) -> None:
    found = index.search("zerodha", text, **filters)

    assert found == reference.search(prepared, text, **filters)
    assert bool(found) is ((text, filters) not in EMPTY) or market == "real"


@pytest.mark.long("reads all of a market for each text")
@pytest.mark.parametrize("text", [*TEXTS[:-1], "ifty", "ce nifty", "31JUL25", "5", "jul", "n"])
def test_terms_of_many_rows_find_the_same(
    index: InstrumentIndex,
    prepared: reference.Prepared,
    monkeypatch: pytest.MonkeyPatch,
    text: str,
) -> None:
    monkeypatch.setattr(searching, "_COMMON", 0)
    monkeypatch.setattr(searching, "_STEP", 64)
    monkeypatch.setattr(searching, "_SAMPLE", 256)

    found = reference.search(prepared, text, limit=1000)
    for limit in (1, 7, 50, 1000):
        assert index.search("zerodha", text, limit=limit) == found[:limit]


@pytest.mark.parametrize(("text", "filters"), SEARCHES)
def test_a_search_of_a_market_returns_what_sql_returns(
    market_db: Database, index: InstrumentIndex, text: str, filters: dict[str, Any]
) -> None:
    found = search.search(market_db, "zerodha", text, **filters)

    indexed = index.search("zerodha", text, **filters)
    assert (indexed, indexed.is_cut) == (found, found.is_cut)


@pytest.mark.parametrize("text", ["x" * 201, "x " * 11, "\0", "\ud800"])
def test_a_text_that_sql_refuses_is_refused(text: str) -> None:
    with pytest.raises(ParameterError):
        InstrumentIndex().search("zerodha", text)


@pytest.mark.parametrize("limit", [0, 1001, -1])
def test_a_limit_out_of_range_is_refused(limit: int) -> None:
    with pytest.raises(ParameterError, match="limit"):
        InstrumentIndex().search("zerodha", "x", limit=limit)
