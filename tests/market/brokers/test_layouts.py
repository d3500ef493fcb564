"""What holds for the rows of every broker: types of markets, names of underlyings, lots."""

from pathlib import Path

import pytest

from oadb.market.brokers import zerodha
from oadb.market.instruments import Listing, Rejected
from tests.market.brokers.samples import FUTURE, SHARE, written


def read_one(tmp_path: Path, line: str) -> Listing | Rejected:
    (found,) = zerodha.read(written(tmp_path / "kite.csv", line))
    return found


@pytest.mark.parametrize("exchange", ["NFO", "BFO", "CDS", "BCD", "MCX", "NCO"])
@pytest.mark.parametrize("kind", ["EQ", "INDEX", "SPOT"])
def test_an_exchange_of_derivatives_lists_futures_and_options_only(
    tmp_path: Path, exchange: str, kind: str
) -> None:
    line = FUTURE.replace(",FUT,NFO-FUT,NFO", f",{kind},{exchange}-FUT,{exchange}")

    assert str(read_one(tmp_path, line)) == (
        f"kite.csv:2: instrument type {kind!r} does not exist on {exchange}"
    )


@pytest.mark.parametrize("exchange", ["NSE", "BSE"])
@pytest.mark.parametrize("kind", ["FUT", "CE", "PE"])
def test_an_exchange_of_shares_lists_no_derivatives(
    tmp_path: Path, exchange: str, kind: str
) -> None:
    line = SHARE.replace(",EQ,NSE,NSE", f",{kind},{exchange},{exchange}")

    assert str(read_one(tmp_path, line)) == (
        f"kite.csv:2: instrument type {kind!r} does not exist on {exchange}"
    )


@pytest.mark.parametrize(
    ("written_as", "root"),
    [
        ("Nifty", "NIFTY"),
        (" NIFTY ", "NIFTY"),
        ("CRUDE OIL", "CRUDEOIL"),
        ("CRUDE\u00a0OIL", "CRUDEOIL"),
        ("\u200bNIFTY\u200d", "NIFTY"),
        ("\ufeffNIFTY", "NIFTY"),
        ("m&m", "M&M"),
        ("Bajaj-Auto", "BAJAJ-AUTO"),
    ],
)
def test_an_underlying_is_cleaned_of_spaces_case_and_invisible_characters(
    tmp_path: Path, written_as: str, root: str
) -> None:
    found = read_one(tmp_path, FUTURE.replace(",NIFTY,", f",{written_as},"))

    assert isinstance(found, Listing), found
    assert (found.underlying, found.name) == (root, root)
    assert found.symbol == f"{root}31JUL25FUT"


@pytest.mark.parametrize("written_as", ["\u200b", " ", "NIFTY/50", "N\u0406FTY", "NIFTY\x07"])
def test_an_underlying_that_cannot_be_cleaned_is_rejected(tmp_path: Path, written_as: str) -> None:
    found = read_one(tmp_path, FUTURE.replace(",NIFTY,", f",{written_as},"))

    assert isinstance(found, Rejected)
    assert found.reason == f"name is {written_as!r}; expected letters, digits and &_.-"


@pytest.mark.parametrize(
    ("text", "lot"), [("1.00E+07", "10000000"), ("7.5e1", "75"), ("75.", "75"), ("1E2", "100")]
)
def test_a_lot_may_have_an_exponent(tmp_path: Path, text: str, lot: str) -> None:
    found = read_one(tmp_path, FUTURE.replace(",75,", f",{text},"))

    assert isinstance(found, Listing), found
    assert found.lot_size == lot


@pytest.mark.parametrize("text", ["7.51E1", "1E30", "1E-2", "E5", "1E+", "1.5"])
def test_a_lot_that_is_not_whole_is_rejected(tmp_path: Path, text: str) -> None:
    found = read_one(tmp_path, FUTURE.replace(",75,", f",{text},"))

    assert isinstance(found, Rejected)
    assert found.reason == f"lot_size is {text!r}; expected a whole number from 0"


@pytest.mark.parametrize("character", ["\u200b", "\u200d", "\ufeff", "\u2060", "\u00ad"])
def test_a_symbol_with_an_invisible_character_is_rejected(tmp_path: Path, character: str) -> None:
    found = read_one(tmp_path, SHARE.replace(",INFY,", f",IN{character}FY,"))

    assert isinstance(found, Rejected)
    assert found.reason == (
        f"broker_symbol is {f'IN{character}FY'!r}, which has an invisible character"
    )


def test_a_name_may_have_any_character(tmp_path: Path) -> None:
    found = read_one(tmp_path, SHARE.replace(",INFOSYS,", ",INF\u200b\u00d6SYS,"))

    assert isinstance(found, Listing), found
    assert found.name == "INF\u200b\u00d6SYS"
