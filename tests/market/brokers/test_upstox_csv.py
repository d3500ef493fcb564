"""Upstox's CSV file, which says less than its JSON: what is read, and what is refused."""

from decimal import Decimal
from pathlib import Path

import pytest

from oadb.market.brokers import upstox
from oadb.market.instruments import Instrument, Listing, Rejected
from tests.market.brokers.test_upstox import HEADING

SHARE = "NSE_EQ|INE467B01029,11536,TCS,TATA CONSULTANCY,0,,,0.05,1,EQUITY,,NSE_EQ"
CALL = "MCX_FO|462587,462587,CRUDEOIL25SEP5750PE,CRUDE OIL,313.4,2025-09-17,5750.0,10.0,100,OPTFUT,PE,MCX_FO"  # noqa: E501  # a line


def read_one(tmp_path: Path, line: str) -> Listing | Rejected:
    file = tmp_path / "complete.csv"
    file.write_text(f"{HEADING}\n{line}\n")
    (found,) = upstox.read(file)
    return found


def listed(tmp_path: Path, line: str) -> Instrument:
    found = read_one(tmp_path, line)
    assert isinstance(found, Listing), found
    return found.instrument()


def future(segment: str, root: str, tick: str, lot: str = "1", kind: str = "FUTCUR") -> str:
    return f"{segment}|7,7,{root}25AUGFUT,{root},0,2025-08-26,0.0,{tick},{lot},{kind},FF,{segment}"


@pytest.mark.parametrize(
    ("line", "tick"),
    [
        (future("NCD_FO", "USDINR", "0.25"), "0.0025"),
        (future("BCD_FO", "JPYINR", "0.25"), "0.0025"),
        (future("BCD_FO", "718GS2037", "0.25", kind="FUTIRC"), "0.0025"),
        (future("MCX_FO", "MENTHAOIL", "10.0", "360", "FUTCOM"), "0.1"),
        (future("NSE_COM", "GOLD", "100.0", kind="FUTCOM"), "1"),
        (future("NSE_FO", "SOLARINDS", "1.0", "75", "FUTSTK"), "1"),
        (future("BSE_FO", "BANKEX", "0.05", "30", "FUTIDX"), "0.05"),
        (SHARE, "0.05"),
        (SHARE.replace("NSE_EQ", "BSE_EQ"), "0.05"),
        (CALL, "0.1"),
    ],
)
def test_ticks_of_currencies_and_commodities_are_in_paise_and_others_in_rupees(
    tmp_path: Path, line: str, tick: str
) -> None:
    assert listed(tmp_path, line).tick_size == Decimal(tick)


@pytest.mark.parametrize(
    ("line", "value"),
    [
        (future("NCD_FO", "EURINR", "0.25"), 1000),
        (future("BCD_FO", "741GS2036", "0.25", kind="FUTIRC"), 2000),
        (future("MCX_FO", "GOLDM", "100.0", "100", "FUTCOM"), 10),
        (future("NSE_COM", "ZINC", "5.0", kind="FUTCOM"), 5000),
        (future("NSE_FO", "SJVN", "0.01", "5875", "FUTSTK"), None),
        (future("MCX_FO", "NICKEL", "10.0", "250"), None),
        (future("NCD_FO", "91DTB", "0.25"), None),
        (CALL, 100),
    ],
)
def test_contract_values_are_those_of_the_exchange_or_not_known(
    tmp_path: Path, line: str, value: int | None
) -> None:
    assert listed(tmp_path, line).contract_value == value


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("NSE_COM|4,4,BRENTCRUDEOIL,BRCRUDE,0,,0.0,100.0,1,,COM,NSE_COM", "symbol of a commodity"),
        (SHARE.replace(",1,EQUITY", ",1200,EQUITY"), "the series of a security in lots"),
        (SHARE.replace("INE467B01029", "INE467B08105"), "the series of 'TCS', which is not a"),
        (SHARE.replace("INE467B01029", "IN2920250148"), "by its ISIN 'IN2920250148'"),
    ],
)
def test_what_the_file_cannot_say_is_rejected_and_the_other_file_named(
    tmp_path: Path, line: str, reason: str
) -> None:
    found = read_one(tmp_path, line)

    assert isinstance(found, Rejected)
    assert found.where == "complete.csv:2"
    assert found.reason.startswith("the file does not say")
    assert reason in found.reason
    assert found.reason.endswith("load complete.json.gz")


@pytest.mark.parametrize("kind", ["04", "07", "08", "13"])
@pytest.mark.parametrize("share_is_first", [True, False])
def test_a_symbol_of_several_securities_is_that_of_the_share(
    tmp_path: Path, kind: str, share_is_first: bool
) -> None:
    share = SHARE.replace("TCS", "MANGO").replace("INE467B01029", "INE775A01035")
    other = share.replace("INE775A01035", f"INE775A{kind}105")
    file = tmp_path / "complete.csv"
    lines = (share, other) if share_is_first else (other, share)
    file.write_text("\n".join((HEADING, *lines, "")))

    found = [row.token for row in upstox.read(file) if isinstance(row, Listing)]

    assert found == ["NSE_EQ|INE775A01035"]


def test_a_fund_keeps_its_symbol_and_the_securities_of_bse_too(tmp_path: Path) -> None:
    fund = SHARE.replace("INE467B01029", "INF109KC1V59")
    bond = SHARE.replace("INE467B01029", "INE467B07105").replace("NSE_EQ", "BSE_EQ")

    assert listed(tmp_path, fund).symbol == "TCS"
    assert listed(tmp_path, bond).symbol == "TCS"
