"""The master contract is imported for the broker that is given."""

from datetime import UTC

import pytest

from oadb import Database
from oadb.market import instruments, loads
from tests.importing.openalgo import Installation
from tests.importing.running import run_import, text_of

SHARE = {
    "symbol": "SBIN",
    "brsymbol": "SBIN-EQ",
    "name": "STATE BANK",
    "exchange": "NSE",
    "brexchange": "NSE",
    "token": "3045",
    "expiry": "",
    "strike": -0.01,
    "lotsize": 1,
    "instrumenttype": "EQ",
    "tick_size": 0.05,
}
OPTION = {
    "symbol": "NIFTY31JUL2524500CE",
    "brsymbol": "NIFTY2573124500CE",
    "name": "NIFTY",
    "exchange": "NFO",
    "brexchange": "NFO",
    "token": "1::::2",
    "expiry": "31-JUL-25",
    "strike": 24500.0,
    "lotsize": 75,
    "instrumenttype": "CE",
    "tick_size": 0.05,
    "contract_value": 1.0,
}
FUTURE = {
    **OPTION,
    "symbol": "M&M31JUL25FUT",
    "name": "",
    "token": "3",
    "strike": 0.0,
    "instrumenttype": "FUT",
    "expiry": "31-JUL-2025",
    "contract_value": 0.001,
    "lotsize": 75.0,
}


def test_instruments_are_imported_with_types(db: Database, origin: Installation) -> None:
    origin.add("symtoken", SHARE, OPTION, FUTURE)
    dry = run_import(db, origin, broker="zerodha", applies=False)
    assert instruments.count_by_broker(db, "zerodha") == 0
    reports = run_import(db, origin, broker="zerodha")

    assert text_of(dry) == text_of(reports)
    assert reports["symtoken"].written == 3
    share = instruments.get(db, "zerodha", "NSE", "SBIN")
    option = instruments.get(db, "zerodha", "NFO", "NIFTY31JUL2524500CE")
    future = instruments.get(db, "zerodha", "NFO", "M&M31JUL25FUT")
    assert share is not None
    assert option is not None
    assert future is not None
    assert (share.strike, share.expiry, share.underlying, str(share.tick_size)) == (
        None,
        None,
        None,
        "0.05",
    )
    assert (str(option.strike), str(option.expiry), option.underlying, option.lot_size) == (
        "24500",
        "2025-07-31",
        "NIFTY",
        75,
    )
    assert (future.strike, future.underlying, str(future.contract_value)) == (None, "M&M", "0.001")


STATUS = "create table master_contract_status (broker varchar primary key, {} datetime);"


@pytest.mark.parametrize(
    ("column", "given", "downloaded_at"),
    [
        ("last_download_time", "2025-07-30 08:15:00.123456", "2025-07-30T02:45:00.123456+00:00"),
        ("last_download_time", "2999-07-30 08:15:00", None),
        ("last_download_time", "yesterday", None),
        ("last_updated", "2025-07-30 08:15:00", None),
    ],
)
def test_a_list_is_as_old_as_its_last_download_there(
    db: Database, origin: Installation, column: str, given: str, downloaded_at: str | None
) -> None:
    """OpenAlgo writes Indian time; older versions wrote when the row had changed."""
    origin.add("symtoken", SHARE)
    origin.script("openalgo", STATUS.format(column))
    origin.add(
        "master_contract_status",
        {"broker": "angel", column: "2025-07-31 08:15:00"},
        {"broker": "zerodha", column: given},
    )
    run_import(db, origin, broker="zerodha")

    (status,) = loads.list_exchange_status(db, "zerodha")
    found = status.downloaded_at
    assert (found and found.astimezone(UTC).isoformat()) == downloaded_at
    assert loads.is_due(db, "zerodha")


def test_existing_instruments_are_not_replaced(db: Database, origin: Installation) -> None:
    origin.add("symtoken", SHARE)
    run_import(db, origin, broker="zerodha")
    origin.add("symtoken", OPTION)
    reports = run_import(db, origin, broker="zerodha")

    assert instruments.count_by_broker(db, "zerodha") == 1
    assert "zerodha has instruments in oadb already" in text_of(reports)


def test_without_a_broker_no_instrument_is_imported(db: Database, origin: Installation) -> None:
    origin.add("symtoken", SHARE, OPTION)
    report = run_import(db, origin)["symtoken"]

    assert (report.found, report.written) == (2, 0)
    assert report.remarks == ["the table does not say which broker it is from: give --broker"]


UNFIT = {
    "no exchange": ({"exchange": None}, "exchange is missing"),
    "no token": ({"token": ""}, "token is missing"),
    "an invalid strike": ({"strike": "x"}, "strike is not a number above 0"),
    "no strike": ({"strike": 0.0}, "strike is not a number above 0"),
    "no expiry": ({"expiry": ""}, "expiry is missing"),
    "an invalid date": ({"expiry": "31-XXX-25"}, "expiry is not a date such as 31-JUL-25"),
    "a negative lot": ({"lotsize": -1}, "lotsize is not a whole number from 0"),
    "a long name": ({"name": "x" * 201}, "it has a text of more than 200 characters"),
    "infinite ticks": ({"tick_size": float("inf")}, "tick_size is not a number from 0"),
}


def test_invalid_instruments_are_left_out(db: Database, origin: Installation) -> None:
    origin.add("symtoken", SHARE)
    for number, (change, _) in enumerate(UNFIT.values()):
        origin.add("symtoken", {**OPTION, "symbol": f"S{number}", "token": f"T{number}", **change})
    origin.add("symtoken", {**SHARE, "token": "7"})
    reports = run_import(db, origin, broker="zerodha")

    assert reports["symtoken"].written == 1
    reasons = [reason for _, reason in UNFIT.values()]
    assert reports["symtoken"].left_out_ids() == {
        reason: [str(row_id) for row_id, each in enumerate(reasons, 2) if each == reason]
        for reason in reasons
    }
    assert "1 rows have the symbol or the token of another row" in text_of(reports)


@pytest.mark.parametrize("applies", [True, False])
def test_a_contract_without_a_valid_row_does_not_stop_the_run(
    db: Database, origin: Installation, applies: bool
) -> None:
    origin.add("symtoken", {**SHARE, "exchange": None})
    origin.add_logs(1)
    reports = run_import(db, origin, broker="zerodha", applies=applies)

    assert reports["symtoken"].left_out == 1
    assert reports["order_logs"].written == 1


def test_a_verification_compares_instruments_row_by_row(db: Database, origin: Installation) -> None:
    origin.add("symtoken", SHARE, OPTION, FUTURE)
    run_import(db, origin, broker="zerodha")
    same = run_import(db, origin, broker="zerodha", applies=False, verifies=True)["symtoken"]
    assert (same.found, same.existing, same.differs) == (3, 3, False)
    origin.change("symtoken", 2, token="9", lotsize=65)
    origin.change("symtoken", 3, symbol="M&M28AUG25FUT")
    report = run_import(db, origin, broker="zerodha", applies=False, verifies=True)["symtoken"]

    assert report.compared()["kept"] == {"token": ["2"], "lot_size": ["2"]}
    assert report.left_out_ids() == {"oadb has no such instrument": ["3"]}
    assert " ".join(report.figures().split()) == (
        "symtoken 3 compared 2 fields differ 1 not in oadb 0 only in oadb"
    )
