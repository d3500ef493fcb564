"""The rows of a load: invalid rows are rejected, and duplicates are left out."""

from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest

from oadb import Transaction
from oadb.market import instruments, loads
from oadb.market.instruments import LONGEST_TEXT, Instrument, Rejected
from tests.support.instrument_rows import CALL, INFY, TCS, WARRANT
from tests.support.loading import ALL, load, stored

REJECTED: list[tuple[dict[str, Any], str]] = [
    ({"broker": "upstox"}, "broker is 'upstox'; this load is for 'zerodha'"),
    ({"symbol": ""}, "symbol is empty"),
    ({"token": " "}, "token is empty"),
    ({"exchange": ""}, "exchange is empty"),
    ({"broker_symbol": "a" * 201}, f"broker_symbol has 201 characters; at most {LONGEST_TEXT}"),
    ({"name": "a" * 201}, "name has 201 characters"),
    ({"name": "a\0b"}, "name holds a NUL character"),
    ({"symbol": "a\ud800"}, "symbol holds a lone surrogate"),
    ({"lot_size": -1}, "lot_size is -1; expected a whole number from 0"),
    ({"lot_size": 2**63}, "lot_size is 9223372036854775808; expected"),
    ({"tick_size": Decimal("-0.05")}, "tick_size is -0.05; expected a number from 0"),
    ({"tick_size": Decimal("NaN")}, "tick_size is NaN; expected"),
    ({"contract_value": Decimal(0)}, "contract_value is 0; expected a number above 0"),
    ({"contract_value": Decimal("Infinity")}, "contract_value is Infinity; expected"),
    ({"freeze_quantity": 0}, "freeze_quantity is 0; expected a whole number above 0"),
    ({"freeze_quantity": 2**63}, "freeze_quantity is 9223372036854775808; expected"),
    ({"strike": Decimal(0)}, "strike is 0; expected a number above 0"),
    ({"strike": Decimal(-1)}, "strike is -1; expected"),
    ({"instrument_type": "CE"}, "an option (CE) needs both strike and expiry"),
    ({"instrument_type": "PE", "strike": Decimal(1)}, "an option (PE) needs both"),
    ({"tick_size": Decimal("1E+200000")}, "tick_size is 1E+200000"),
]


@pytest.mark.parametrize(("changes", "reason"), REJECTED)
def test_an_invalid_row_is_rejected_with_a_reason_and_the_others_are_loaded(
    tx: Transaction, changes: dict[str, Any], reason: str
) -> None:
    report = load(tx, [TCS, replace(INFY, **changes), CALL])
    (rejected,) = report.rejected.sample

    assert str(rejected).startswith(f"row 2: {reason}")
    assert (report.rows, report.accepted, report.inserted) == (3, 2, 2)
    assert stored(tx) == {TCS, CALL}


def test_a_rejected_row_does_not_keep_the_symbol_of_a_valid_one(tx: Transaction) -> None:
    report = load(tx, [replace(INFY, lot_size=-1), INFY])

    assert (report.accepted, report.rejected.rows) == (1, 1)
    assert stored(tx) == {INFY}


def test_a_row_that_its_reader_rejected_is_reported_in_order(tx: Transaction) -> None:
    unread = Rejected("file.csv:3", "no number")
    report = load(tx, [INFY, unread, replace(TCS, symbol="")])

    assert [str(row) for row in report.rejected.sample] == [
        "file.csv:3: no number",
        "row 3: symbol is empty",
    ]


def test_rows_of_exchanges_that_are_not_replaced_are_omitted(tx: Transaction) -> None:
    report = loads.load(tx, "zerodha", ALL, exchanges=["NSE"])

    assert [str(each) for each in report.omitted.sample] == [
        "row 3: exchange is 'NFO'; this load is for NSE"
    ]
    assert stored(tx) == {INFY, TCS}


# Duplicates ------------------------------------------------------------------------------------


def test_of_two_rows_with_the_same_symbol_or_token_the_first_is_accepted(tx: Transaction) -> None:
    rows = [INFY, replace(INFY, token="9"), TCS, replace(TCS, symbol="TCS2")]
    report = load(tx, rows)

    assert report.accepted == 2
    assert [str(each) for each in report.duplicates.sample] == [
        "row 2: symbol 'INFY' is that of row 1, which comes first",
        "row 4: token '2' is that of row 3, which comes first",
    ]
    assert stored(tx) == {INFY, TCS}


@pytest.mark.parametrize("rows", [[WARRANT, INFY], [INFY, WARRANT]])
def test_a_warrant_never_takes_the_token_of_a_share(
    tx: Transaction, rows: list[Instrument]
) -> None:
    report = load(tx, rows)

    assert (report.rows, report.accepted, report.inserted) == (2, 1, 1)
    assert report.duplicates.rows == 1
    assert instruments.find_by_token(tx, "zerodha", "NSE", INFY.token) == INFY


def test_a_share_displaces_two_rows_at_once(tx: Transaction) -> None:
    by_symbol = replace(INFY, token="8", instrument_type="BE")
    report = load(tx, [by_symbol, WARRANT, INFY, TCS])

    assert [str(each) for each in report.duplicates.sample] == [
        "row 1: symbol 'INFY' is that of row 3, which is a share",
        "row 2: token '1' is that of row 3, which is a share",
    ]
    assert (report.accepted, report.inserted) == (2, 2)
    assert stored(tx) == {INFY, TCS}


def test_the_symbol_of_a_displaced_row_can_be_used_again(tx: Transaction) -> None:
    later = replace(WARRANT, token="7")
    report = load(tx, [WARRANT, INFY, later])

    assert report.accepted == 2
    assert instruments.get(tx, "zerodha", "NSE", "INFY-W1") == later


def test_a_symbol_may_be_listed_on_two_exchanges(tx: Transaction) -> None:
    assert load(tx, [INFY, replace(INFY, exchange="BSE")]).accepted == 2


# Defect 22.
def test_the_same_token_on_two_exchanges_is_not_a_duplicate(tx: Transaction) -> None:
    report = load(tx, [INFY, replace(INFY, exchange="CDS")])

    assert (report.accepted, report.duplicates.rows) == (2, 0)
