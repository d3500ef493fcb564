"""Fyers' JSON symbol masters: how their entries become instruments."""

import json
from datetime import date
from decimal import Decimal
from pathlib import Path

import pytest

from oadb.errors import LoadError
from oadb.market.brokers import fyers
from oadb.market.instruments import Instrument, Listing, Rejected

Entry = dict[str, object]

GOLD: Entry = {
    "asmGsmVal": "", "currencyCode": "INR", "exInstType": 30, "exSeries": "XX",
    "exSymName": "GOLD25JUNFUT", "exSymbol": "GOLD", "exToken": 435697, "exchange": 11,
    "exchangeName": "MCX", "expiryDate": "1749146400", "faceValue": 0,
    "fyToken": "1120250605435697", "isin": "", "lastUpdate": "2024-08-06", "minLotSize": 1,
    "optType": "XX", "originalExpDate": "1749146400", "qtyFreeze": "", "qtyMultiplier": 100,
    "segment": 20, "strikePrice": -1, "symDetails": "GOLD 25 Jun 05 FUT",
    "symTicker": "MCX:GOLD25JUNFUT", "tickSize": 1, "underFyTok": "1120000000114",
    "underSym": "GOLD",
}  # fmt: skip  # a record
CALL = GOLD | {
    "exInstType": 19, "exchange": 10, "segment": 12, "fyToken": "101225111410316",
    "expiryDate": 1763103600, "optType": "CE", "qtyMultiplier": 1000, "strikePrice": 88.25,
    "symTicker": "NSE:USDINR25N1488.25CE", "tickSize": 0.0025, "underSym": "USDINR",
}  # fmt: skip  # a record
SHARE = GOLD | {
    "exInstType": 0, "exSeries": "EQ", "exchange": 10, "segment": 10, "expiryDate": "",
    "fyToken": "101000000016921", "isin": "INE144J01027", "qtyMultiplier": 1,
    "symDetails": "20 MICRONS LTD", "symTicker": "NSE:20MICRONS-EQ", "tickSize": 0.01,
    "underSym": "20MICRONS",
}  # fmt: skip  # a record


def read(tmp_path: Path, *entries: Entry) -> list[Listing | Rejected]:
    file = tmp_path / "MCX_COM_sym_master.json"
    file.write_text(json.dumps({str(entry.get("symTicker")): entry for entry in entries}))
    return [*fyers.read(file)]


def listed(tmp_path: Path, entry: Entry) -> Instrument:
    (found,) = read(tmp_path, entry)
    assert isinstance(found, Listing), found
    return found.instrument()


def test_a_future_has_its_lot_and_its_contract_value(tmp_path: Path) -> None:
    assert listed(tmp_path, GOLD) == Instrument(
        broker="fyers",
        exchange="MCX",
        symbol="GOLD05JUN25FUT",
        name="GOLD",
        broker_symbol="MCX:GOLD25JUNFUT",
        broker_exchange="MCX",
        token="1120250605435697",
        instrument_type="FUT",
        underlying="GOLD",
        expiry=date(2025, 6, 5),
        strike=None,
        lot_size=1,
        tick_size=Decimal(1),
        contract_value=Decimal(100),
    )


def test_an_option_and_a_share_are_read(tmp_path: Path) -> None:
    option, share = listed(tmp_path, CALL), listed(tmp_path, SHARE)

    assert (option.exchange, option.symbol) == ("CDS", "USDINR14NOV2588.25CE")
    assert (option.tick_size, option.contract_value) == (Decimal("0.0025"), 1000)
    assert (share.exchange, share.symbol, share.name) == ("NSE", "20MICRONS", "20 MICRONS LTD")


def test_all_entries_of_a_file_are_read(tmp_path: Path) -> None:
    found = read(tmp_path, *(GOLD | {"symTicker": f"MCX:{n}", "fyToken": n} for n in range(2000)))

    assert [row.token for row in found if isinstance(row, Listing)] == [*map(str, range(2000))]


@pytest.mark.parametrize(
    "key",
    ["exchange", "segment", "exInstType", "optType", "symTicker", "symDetails", "underSym",
     "fyToken", "expiryDate", "strikePrice", "minLotSize", "tickSize", "qtyMultiplier"],
)  # fmt: skip  # a table
def test_a_file_with_a_renamed_key_is_refused(tmp_path: Path, key: str) -> None:
    renamed = {("new" if each == key else each): value for each, value in GOLD.items()}

    with pytest.raises(LoadError, match=f"MCX_COM_sym_master.json: no entry has {key}"):
        read(tmp_path, renamed)


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"qtyMultiplier": 0}, "qtyMultiplier is '0'; expected a number above 0"),
        ({"segment": 17}, "segment '17' on exchange '11' is unknown"),
        ({"optType": "CE"}, "option_type is 'CE'"),
        ({"expiryDate": ""}, "expiryDate is ''; expected a date"),
    ],
)
def test_an_entry_that_cannot_be_read_is_rejected_with_the_reason(
    tmp_path: Path, change: Entry, reason: str
) -> None:
    (found,) = read(tmp_path, GOLD | change)

    assert isinstance(found, Rejected)
    assert str(found).startswith(f"MCX_COM_sym_master.json: entry 1: {reason}")


@pytest.mark.parametrize(
    "text",
    ["{", '{"a"', '{"a":', '{"a":{}', '{"a":{},', '{"a":{},}', '{"a":1}', '{"a":{}}]', '{"a" {}}'],
)
def test_a_file_that_is_cut_off_or_not_an_object_of_objects_is_refused(
    tmp_path: Path, text: str
) -> None:
    file = tmp_path / "NSE_CM_sym_master.json"
    file.write_text(text.replace("{}", json.dumps(GOLD)))

    with pytest.raises(LoadError, match="cut off, or not a JSON object of objects"):
        list(fyers.read(file))
