"""Whole files: those of every broker in tests/data, and large ones of Zerodha if they exist."""

import csv
import gzip
import re
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import astuple
from datetime import date
from decimal import Decimal
from itertools import chain
from pathlib import Path

import pytest

from oadb import Transaction
from oadb.market import brokers, instruments, loads
from oadb.market.instruments import Instrument, Listing, Rejected
from tests.data import make
from tests.support import broker_files

MADE = make.files()
"""The contents of the files in tests/data, by name."""

WANTED = [*csv.DictReader(MADE["instruments.csv"].splitlines())]

# The files that a broker serves for one day.
SERVED = {
    "aliceblue": sorted(name for name in MADE if name.startswith("aliceblue")),
    "angel": ["angel.json"],
    "dhan": ["dhan.csv"],
    "fivepaisa": ["fivepaisa.csv"],
    "groww": ["groww.csv"],
    "kotak": sorted(name for name in MADE if name.startswith("kotak")),
    "shoonya": sorted(name for name in MADE if name.startswith("shoonya")),
    "fyers": sorted(name for name in MADE if name.startswith("fyers")),
    "upstox": ["upstox.json.gz"],
    "upstox, the older form": ["upstox.csv"],
    "zerodha": ["zerodha.csv"],
}


def broker_of(served: str) -> str:
    return served.partition(",")[0]


def read(served: str) -> Iterator[Listing | Rejected]:
    paths = [make.FOLDER / name for name in SERVED[served]]
    return chain.from_iterable(brokers.read(broker_of(served), path) for path in paths)


def read_all(served: str) -> list[Instrument]:
    """Return the instruments of a broker's files; no row may be rejected."""
    rows = [*read(served)]
    assert [row for row in rows if isinstance(row, Rejected)] == []
    return [row.instrument() for row in rows if isinstance(row, Listing)]


def text_of(path: Path) -> str:
    content = path.read_bytes()
    return (gzip.decompress(content) if path.suffix == ".gz" else content).decode()


def test_the_files_are_up_to_date() -> None:
    """If not, run ``python -m tests.data.make``."""
    paths = [path for path in make.FOLDER.glob("*.*") if path.suffix not in {".py", ".md"}]

    assert {path.name: text_of(path) for path in paths} == MADE


def test_every_broker_has_a_file_and_every_file_is_served() -> None:
    assert {*map(broker_of, SERVED)} == {*brokers.READERS}
    assert {*chain(*SERVED.values())} == {*MADE} - {"instruments.csv"}


# What files cannot say, by what was served: nothing else may differ. Where a file has neither ISINs
# nor groups of BSE, a unit of a REIT or InvIT is taken for a share; without names, one of a closed
# fund too.
TAKEN_FOR_SHARES = {
    "angel": {("BSE", "TRUST"), ("BSE", "MF")},
    "zerodha": {("BSE", "TRUST")},
}
NAMED_BY_SYMBOL = {"angel", "shoonya"}
WITH_CONTRACT_VALUES = {
    "shoonya": {"CDS"},
    "upstox": {"NSE", "BSE", "NFO", "BFO", "CDS", "BCD", "MCX", "NCO"},
    "fyers": {"CDS", "BCD", "MCX", "NCO"},
}
WITH_FREEZE_QUANTITIES = {"angel", "fivepaisa", "groww", "kotak", "upstox"}


def type_in(served: str, row: dict[str, str]) -> str:
    place = (row["exchange"], row["instrument_type"])
    return "EQ" if place in TAKEN_FOR_SHARES.get(served, set()) else place[1]


def wanted(served: str) -> set[tuple[object, ...]]:
    """Return the common part of each instrument in the files, except indices."""
    names = {*SERVED[served]}
    return {
        (
            row["exchange"],
            row["symbol"],
            (row["root"] if served in NAMED_BY_SYMBOL else row["name"]) or None,
            type_in(served, row),
            row["root"] if row["expiry"] else None,
            date.fromisoformat(row["expiry"]) if row["expiry"] else None,
            Decimal(row["strike"]) if row["strike"] else None,
            int(row["lot_size"]),
            Decimal(row["tick_size"]),
            Decimal(row["contract_value"])
            if row["exchange"] in WITH_CONTRACT_VALUES.get(served, set())
            else None,
            int(row["freeze_quantity"]) if served in WITH_FREEZE_QUANTITIES else None,
        )
        for row in WANTED
        if names & {*row["files"].split()} and row["instrument_type"] != "INDEX"
    }


def common_part(row: Instrument) -> tuple[object, ...]:
    """Return the fields of an instrument that are the same for all brokers."""
    _, exchange, symbol, name, _, _, _, *rest = astuple(row)
    return exchange, symbol, name, *rest


@pytest.mark.parametrize("served", SERVED)
def test_every_broker_has_the_same_instruments(served: str) -> None:
    rows = [row for row in read_all(served) if row.instrument_type != "INDEX"]

    assert {common_part(row) for row in rows} == wanted(served)
    assert len(rows) == len(wanted(served)) > 180


@pytest.mark.parametrize("served", SERVED)
def test_every_index_has_the_same_exchange_and_symbol_for_every_broker(
    served: str,
) -> None:
    found = [row for row in read_all(served) if row.instrument_type == "INDEX"]

    assert {(row.exchange, row.symbol) for row in found} == {
        (row["exchange"], row["symbol"]) for row in WANTED if row["instrument_type"] == "INDEX"
    }
    assert {(row.underlying, row.expiry, row.strike) for row in found} == {(None, None, None)}
    assert {(row.lot_size, row.tick_size) for row in found} == {(0, Decimal(0))}
    assert len(found) == 8


# Loaded ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("served", SERVED)
def test_every_row_of_a_file_is_loaded_and_found(tx: Transaction, served: str) -> None:
    broker, rows = broker_of(served), read_all(served)
    report = loads.load(tx, broker, read(served), force=True)

    assert (report.rows, report.accepted, report.inserted) == (len(rows),) * 3
    assert report.rejected.rows == 0
    assert instruments.count_by_broker(tx, broker) == len(rows)
    for row in rows:
        assert instruments.get(tx, broker, row.exchange, row.symbol) == row
        assert instruments.find_by_token(tx, broker, row.exchange, row.token) == row


# Number of rows, exchange and symbol of one of them, and Zerodha's symbol of it.
KNOWN = {
    "zerodha.csv": (301, ("NFO", "NIFTY28AUG25FUT"), "NIFTY25AUGFUT"),
    "kite_nfo.csv.gz": (36_340, ("NFO", "NIFTY31JUL25FUT"), "NIFTY25JULFUT"),
    "kite_nse.csv.gz": (8_490, ("NSE_INDEX", "BANKNIFTY"), "NIFTY BANK"),
}


@pytest.mark.parametrize(
    "path",
    [make.FOLDER / "zerodha.csv", *broker_files.found(*broker_files.ZERODHA)],
    ids=lambda path: path.name,
)
def test_every_line_of_a_file_of_zerodha_is_loaded(tx: Transaction, path: Path) -> None:
    rows, known, theirs = KNOWN[path.name]
    report = loads.load(tx, "zerodha", brokers.read("zerodha", path), force=True)

    assert (report.rows, report.accepted, report.inserted) == (rows, rows, rows)
    assert report.rejected.rows == 0
    assert instruments.count_by_broker(tx, "zerodha") == rows
    found = instruments.get(tx, "zerodha", *known)
    assert found is not None
    assert found.broker_symbol == theirs
    assert instruments.find_by_token(tx, "zerodha", known[0], found.token) == found


# Rows of whole files, and how many of them are rejected: of our own, and of real ones.
WHOLE = {
    "zerodha.csv": (301, 0),
    "kite_nfo.csv.gz": (36_340, 0),
    "kite_nse.csv.gz": (8_490, 0),
    "upstox_complete.json.gz": (95_846, 0),
    # NSE's bonds and SME shares, whose series the file does not say.
    "upstox_complete.csv.gz": (95_846, 5_727),
    "fyers_bse_fo.csv.gz": (6_708, 0),
    "fyers_bse_cm.csv.gz": (12_569, 0),
    "fyers_nse_cm.csv.gz": (8_730, 0),
    "fyers_nse_cd.csv.gz": (11_063, 0),
    "dhan_compact.csv.gz": (23_116, 0),
    "dhan_detailed.csv.gz": (9_469, 0),
}


@pytest.mark.long("reads real files of brokers, where there are any")
@pytest.mark.parametrize(
    "path",
    [Path(make.__file__).with_name("zerodha.csv"), *broker_files.found(*WHOLE)],
    ids=lambda path: path.name,
)
def test_every_row_of_a_whole_file_is_read_but_those_that_say_too_little(path: Path) -> None:
    broker = re.split("[_.]", path.name)[0].replace("kite", "zerodha")
    rows = [*brokers.read(broker, path)]

    assert (len(rows), sum(isinstance(row, Rejected) for row in rows)) == WHOLE[path.name]


@pytest.mark.long("reads whole files of brokers, where there are any")
def test_real_files_agree_on_the_type_and_the_contract_value_of_every_instrument() -> None:
    """But Upstox's CSV, which has neither series nor groups."""
    found: dict[tuple[str, str], dict[str, tuple[str, str]]] = defaultdict(dict)
    for path in broker_files.found(*WHOLE.keys() - {"upstox_complete.csv.gz"}):
        broker = path.name.partition("_")[0].replace("kite", "zerodha")
        for row in brokers.read(broker, path):
            if isinstance(row, Listing):
                facts = (row.instrument_type, row.contract_value)
                found[row.exchange, row.symbol][path.name] = facts

    for place, facts_of in found.items():
        assert len({kind for kind, _ in facts_of.values()}) == 1, (place, facts_of)
        assert len({value for _, value in facts_of.values() if value}) <= 1, (place, facts_of)
