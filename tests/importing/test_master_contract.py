"""The master contract, whose broker has to be named."""

import pytest

from oadb import Database
from oadb.market import instruments
from tests.importing.openalgo import Installation
from tests.importing.running import bring, told

SHARE = {
    "symbol": "SBIN", "brsymbol": "SBIN-EQ", "name": "STATE BANK", "exchange": "NSE",
    "brexchange": "NSE", "token": "3045", "expiry": "", "strike": -0.01, "lotsize": 1,
    "instrumenttype": "EQ", "tick_size": 0.05,
}  # fmt: skip
OPTION = {
    "symbol": "NIFTY31JUL2524500CE", "brsymbol": "NIFTY2573124500CE", "name": "NIFTY",
    "exchange": "NFO", "brexchange": "NFO", "token": "1::::2", "expiry": "31-JUL-25",
    "strike": 24500.0, "lotsize": 75, "instrumenttype": "CE", "tick_size": 0.05,
    "contract_value": 1.0,
}  # fmt: skip
FUTURE = {
    **OPTION, "symbol": "M&M31JUL25FUT", "name": "", "token": "3", "strike": 0.0,
    "instrumenttype": "FUT", "expiry": "31-JUL-2025", "contract_value": 0.001, "lotsize": 75.0,
}  # fmt: skip


def test_instruments_are_brought_over_with_types(db: Database, there: Installation) -> None:
    there.add("symtoken", SHARE, OPTION, FUTURE)
    dry = bring(db, there, broker="zerodha", applies=False)
    assert instruments.count_by_broker(db, "zerodha") == 0
    reports = bring(db, there, broker="zerodha")

    assert told(dry) == told(reports)
    assert reports["symtoken"].written == 3
    share = instruments.get(db, "zerodha", "NSE", "SBIN")
    option = instruments.get(db, "zerodha", "NFO", "NIFTY31JUL2524500CE")
    future = instruments.get(db, "zerodha", "NFO", "M&M31JUL25FUT")
    assert share is not None
    assert option is not None
    assert future is not None
    assert (share.strike, share.expiry, share.underlying, str(share.tick_size)) == (
        None, None, None, "0.05",
    )  # fmt: skip
    assert (str(option.strike), str(option.expiry), option.underlying, option.lot_size) == (
        "24500", "2025-07-31", "NIFTY", 75,
    )  # fmt: skip
    assert (future.strike, future.underlying, str(future.contract_value)) == (None, "M&M", "0.001")


def test_a_set_that_is_here_is_not_replaced_by_an_older_one(
    db: Database, there: Installation
) -> None:
    there.add("symtoken", SHARE)
    bring(db, there, broker="zerodha")
    there.add("symtoken", OPTION)
    reports = bring(db, there, broker="zerodha")

    assert instruments.count_by_broker(db, "zerodha") == 1
    assert "zerodha has instruments here already" in told(reports)


def test_without_a_broker_none_is_brought_over(db: Database, there: Installation) -> None:
    there.add("symtoken", SHARE, OPTION)
    report = bring(db, there)["symtoken"]

    assert (report.found, report.written) == (2, 0)
    assert report.remarks == ["which broker's it is, the table does not say: give --broker"]


UNFIT = {
    "no exchange": ({"exchange": None}, "exchange is missing"),
    "no token": ({"token": ""}, "token is missing"),
    "a strike that is none": ({"strike": "x"}, "strike is no number above 0"),
    "no strike": ({"strike": 0.0}, "strike is no number above 0"),
    "no expiry": ({"expiry": ""}, "expiry is missing"),
    "no date": ({"expiry": "31-XXX-25"}, "expiry is no date such as 31-JUL-25"),
    "a negative lot": ({"lotsize": -1}, "lotsize is no whole number from 0"),
    "a long name": ({"name": "x" * 201}, "it has a text of more than 200 characters"),
    "infinite ticks": ({"tick_size": float("inf")}, "tick_size is no number from 0"),
}


def test_rows_that_are_no_instruments_are_left_out(db: Database, there: Installation) -> None:
    there.add("symtoken", SHARE)
    for number, (change, _) in enumerate(UNFIT.values()):
        there.add("symtoken", {**OPTION, "symbol": f"S{number}", "token": f"T{number}", **change})
    there.add("symtoken", {**SHARE, "token": "7"})
    reports = bring(db, there, broker="zerodha")

    assert reports["symtoken"].written == 1
    reasons = [reason for _, reason in UNFIT.values()]
    assert reports["symtoken"].left_out_ids() == {
        reason: [str(row_id) for row_id, each in enumerate(reasons, 2) if each == reason]
        for reason in reasons
    }
    assert "1 rows have the symbol or the token of another one" in told(reports)


@pytest.mark.parametrize("applies", [True, False])
def test_a_contract_without_a_fit_row_does_not_end_the_run(
    db: Database, there: Installation, applies: bool
) -> None:
    there.add("symtoken", {**SHARE, "exchange": None})
    there.add_logs(1)
    reports = bring(db, there, broker="zerodha", applies=applies)

    assert reports["symtoken"].left_out == 1
    assert reports["order_logs"].written == 1
