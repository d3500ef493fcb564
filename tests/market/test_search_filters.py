"""Every statement of a search applies every filter; which one runs is a matter of cost."""

from collections.abc import Callable
from dataclasses import replace
from datetime import date
from decimal import Decimal
from typing import Any

import pytest

from oadb import Transaction
from oadb.market import search
from oadb.market.instruments import Instrument
from oadb.market.patterns import containing, upper_bound
from tests.support.instrument_rows import CALL, insert_rows

DAY, STRIKE = date(2025, 7, 31), Decimal(24000)
FITTING = replace(CALL, symbol="THENIFTY", name="A BANK", token="t", expiry=DAY, strike=STRIKE)
OTHERS = [
    replace(FITTING, broker="upstox"),
    replace(FITTING, exchange="BFO"),
    replace(FITTING, symbol="THENIFTYB", token="b", instrument_type="PE"),
    replace(FITTING, symbol="THENIFTYC", token="c", expiry=date(2025, 8, 28)),
    replace(FITTING, symbol="THENIFTYD", token="d", strike=Decimal(23999)),
    replace(FITTING, symbol="THENIFTYE", token="e", strike=Decimal(24001)),
    replace(FITTING, symbol="THENIFTYF", token="f", name="A FUND"),
    replace(FITTING, symbol="THEBANK", token="g", broker_symbol="THEBANK"),
]
"""Each differs from FITTING in what one filter, one term or the broker decides."""

NIFTY, BANK = map(containing, ("NIFTY", "BANK"))
FILTERS = ("NFO", "CE", DAY, STRIKE, STRIKE)

SEARCHES: dict[str, tuple[Callable[..., list[Instrument]], tuple[object, ...]]] = {
    "beginning": (search._search_beginning, ("THEN", upper_bound("THEN"), 100, [NIFTY, BANK])),
    "selective": (search._search_selective, (NIFTY, BANK, BANK, "NIFTY", [])),
    "in the symbol": (search._search_further, (2, NIFTY, BANK, BANK, "NIFTY", [NIFTY, BANK])),
    "elsewhere": (search._search_further, (3, NIFTY, BANK, BANK, "BANK", [NIFTY, BANK])),
    "walking": (search._search_walking, ("NIFTY", 100, [NIFTY, BANK])),
    "scanning": (search._search_scanning, ("NIFTY", [NIFTY, BANK])),
}


@pytest.mark.parametrize("name", SEARCHES)
def test_a_statement_finds_what_passes_every_filter(tx: Transaction, name: str) -> None:
    statement: Any
    statement, terms = SEARCHES[name]
    insert_rows(tx, FITTING, *OTHERS)

    assert statement(tx, FITTING.broker, *terms, *FILTERS, 10) == [FITTING]
    unfiltered = statement(tx, FITTING.broker, *terms, *(None,) * len(FILTERS), 10)
    assert {row.token for row in unfiltered} == set("tbcde")
