"""JSON files whose keys were renamed are refused, as a CSV file with another heading is."""

import json
from pathlib import Path

import pytest

from oadb.errors import LoadError
from oadb.market import brokers
from oadb.market.instruments import Listing, Rejected

Entry = dict[str, object]

UPSTOX_SHARE: Entry = {
    "segment": "NSE_EQ", "name": "JOCIL LIMITED", "instrument_type": "EQ",
    "instrument_key": "NSE_EQ|INE839G01010", "lot_size": 1, "tick_size": 5.0,
    "trading_symbol": "JOCIL",
}  # fmt: skip  # a record
UPSTOX_CALL: Entry = UPSTOX_SHARE | {
    "segment": "NSE_FO", "expiry": 1767119399000, "instrument_type": "CE",
    "underlying_symbol": "BANKNIFTY", "instrument_key": "NSE_FO|50904", "lot_size": 35,
    "trading_symbol": "BANKNIFTY 51200 CE 30 DEC 25", "strike_price": 51200.0,
    "qty_multiplier": 1.0,
}  # fmt: skip  # a record
ANGEL_CALL: Entry = {
    "token": "35", "symbol": "NIFTY31JUL2524000CE", "name": "NIFTY", "expiry": "31JUL2025",
    "strike": "2400000.000000", "lotsize": "75", "instrumenttype": "OPTIDX", "exch_seg": "NFO",
    "tick_size": "5.000000",
}  # fmt: skip  # a record


def read(tmp_path: Path, broker: str, *entries: Entry) -> list[Listing | Rejected]:
    file = tmp_path / "instruments.json"
    file.write_text(json.dumps(entries))
    return [*brokers.read(broker, file)]


def renamed(entry: Entry, key: str) -> Entry:
    return {("other" if each == key else each): value for each, value in entry.items()}


@pytest.mark.parametrize("key", UPSTOX_CALL)
def test_a_renamed_key_of_upstox_is_an_error_that_names_it(tmp_path: Path, key: str) -> None:
    index = UPSTOX_SHARE | {"segment": "NSE_INDEX", "instrument_type": "INDEX", "lot_size": 0}
    entries = [renamed(entry, key) for entry in (UPSTOX_SHARE, UPSTOX_CALL, index)]

    with pytest.raises(
        LoadError, match=rf"^instruments\.json: no entry has {key}; the keys are .*other"
    ):
        read(tmp_path, "upstox", *entries)


@pytest.mark.parametrize("key", ANGEL_CALL)
def test_a_renamed_key_of_angel_is_an_error_that_names_it(tmp_path: Path, key: str) -> None:
    with pytest.raises(
        LoadError, match=rf"^instruments\.json: no entry has {key}; the keys are .*other"
    ):
        read(tmp_path, "angel", renamed(ANGEL_CALL, key))


def test_a_file_without_derivatives_needs_none_of_their_keys(tmp_path: Path) -> None:
    bad = UPSTOX_SHARE | {"lot_size": -1}
    share, rejected = read(tmp_path, "upstox", UPSTOX_SHARE, bad)

    assert isinstance(share, Listing)
    assert isinstance(rejected, Rejected)


@pytest.mark.parametrize("key", ["expiry", "strike_price", "lot_size", "qty_multiplier"])
def test_a_key_that_one_entry_lacks_rejects_that_entry(tmp_path: Path, key: str) -> None:
    whole, without = read(tmp_path, "upstox", UPSTOX_CALL, renamed(UPSTOX_CALL, key))

    assert isinstance(whole, Listing)
    assert isinstance(without, Rejected)
    assert without.where == "instruments.json: entry 2"
    assert without.reason.startswith(key)


def test_an_entry_without_a_type_is_rejected(tmp_path: Path) -> None:
    _, without = read(tmp_path, "upstox", UPSTOX_SHARE, renamed(UPSTOX_SHARE, "instrument_type"))

    assert str(without) == "instruments.json: entry 2: the instrument type is empty"


def test_options_of_bse_have_no_contract_value_and_need_none(tmp_path: Path) -> None:
    bse = renamed(UPSTOX_CALL | {"segment": "BSE_FO"}, "qty_multiplier")
    (found,) = read(tmp_path, "upstox", bse)

    assert isinstance(found, Listing)
    assert found.contract_value == ""
