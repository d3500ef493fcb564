"""Kotak Neo's files: units by decimal places, expiries by segment, and what guards them."""

from datetime import date
from decimal import Decimal
from pathlib import Path

import pytest

from oadb.market.brokers import kotak
from oadb.market.instruments import Instrument, Listing, Rejected

HEADING = (
    "pSymbol,pGroup,pExchSeg,pInstType,pSymbolName,pTrdSymbol,pOptionType,pISIN,pDesc,dTickSize ,"
    "lLotSize,lExpiryDate ,lMultiplier ,lPrecision,dStrikePrice;,lFreezeQty"
)
PUT = "5,XX,nse_fo,OPTIDX,NIFTY,NIFTY2692221000PE,PE,,,5,65,1474554600,-1,2,2.1e+06,1801"
CALL = "6,,mcx_fo,OPTFUT,GOLDM,GOLDM25SEP26148500CE,CE,,,50,100,1790380799,-1,2,1.485e+07,10000"
FUTURE = "7,,bse_fo,FUTIDX,BSX,SENSEX26OCTFUT,,,,5,20,1793232000,1,2,,1000"
RUPEE = "8,,cde_fo,OPTCUR,USDINR,USDINR26OCT87.25CE,CE,,,25,1,1477679400,-1,4,872500,10000"
SHARE = "2885,EQ,nse_cm,EQ,RELIANCE,RELIANCE-EQ,,INE002A01018,Reliance Industries,10,1,0,,2,,0"
BOND = "9,SG,nse_cm,DB,715RJ53,715RJ53-SG,,IN2920250148,SDL RJ 7.15%,1,100,0,,2,,0"


def read_one(tmp_path: Path, line: str) -> Listing | Rejected:
    file = tmp_path / "nse_fo.csv"
    file.write_text(f"{HEADING}\n{line}\n")
    (found,) = kotak.read(file)
    return found


def listed(tmp_path: Path, line: str) -> Instrument:
    found = read_one(tmp_path, line)
    assert isinstance(found, Listing), found
    return found.instrument()


@pytest.mark.parametrize(
    ("line", "exchange", "symbol", "day", "tick"),
    [
        (PUT, "NFO", "NIFTY22SEP2621000PE", date(2026, 9, 22), "0.05"),
        (CALL, "MCX", "GOLDM25SEP26148500CE", date(2026, 9, 25), "0.5"),
        (FUTURE, "BFO", "SENSEX29OCT26FUT", date(2026, 10, 29), "0.05"),
        (RUPEE, "CDS", "USDINR28OCT2687.25CE", date(2026, 10, 28), "0.0025"),
    ],
)
def test_a_contract_has_its_expiry_and_its_prices_in_rupees(
    tmp_path: Path, line: str, exchange: str, symbol: str, day: date, tick: str
) -> None:
    found = listed(tmp_path, line)

    assert (found.exchange, found.symbol, found.expiry) == (exchange, symbol, day)
    assert found.tick_size == Decimal(tick)
    assert found.contract_value is None


@pytest.mark.parametrize(
    ("line", "symbol", "kind"),
    [(SHARE, "RELIANCE", "EQ"), (BOND, "715RJ53-SG", "GSEC")],
)
def test_a_security_has_its_type(tmp_path: Path, line: str, symbol: str, kind: str) -> None:
    found = listed(tmp_path, line)

    assert (found.exchange, found.symbol, found.instrument_type) == ("NSE", symbol, kind)
    assert found.freeze_quantity is None


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        # The same seconds since 1970 would be in 2016.
        (PUT.replace("1474554600", "1790087400"), "the symbol is 'NIFTY2692221000PE'; expected"),
        (PUT.replace("2.1e+06", "2.2e+06"), "the symbol is 'NIFTY2692221000PE'; expected"),
        (PUT.replace("nse_fo", "nse_com"), "pExchSeg is 'nse_com'; expected one of nse_cm"),
        (PUT.replace(",-1,2,", ",-1,,"), "lPrecision is ''; expected 0 to 8"),
        (PUT.replace(",-1,2,", ",-1,9,"), "lPrecision is '9'; expected 0 to 8"),
        (PUT.replace("1474554600", "soon"), "lExpiryDate is 'soon'; expected a date"),
        (PUT.replace(",PE,", ",XX,"), "pOptionType is 'XX', and pInstType 'OPTIDX'"),
    ],
)
def test_a_row_that_contradicts_itself_is_rejected(tmp_path: Path, line: str, reason: str) -> None:
    found = read_one(tmp_path, line)

    assert isinstance(found, Rejected)
    assert found.reason.startswith(reason)
