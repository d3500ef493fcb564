"""Groww's, 5paisa's, Shoonya's and Alice Blue's files: what their rows become, or why not."""

from pathlib import Path

import pytest

from oadb.errors import LoadError
from oadb.market import brokers
from oadb.market.instruments import Instrument, Listing, Rejected

GROWW = (
    "exchange,exchange_token,trading_symbol,groww_symbol,name,instrument_type,segment,series,isin,"
    "underlying_symbol,underlying_exchange_token,lot_size,expiry_date,strike_price,tick_size,"
    "freeze_quantity,is_reserved,buy_allowed,sell_allowed"
)
FIVEPAISA = (
    "Exch,ExchType,ScripCode,Name,Expiry,ScripType,StrikeRate,FullName,TickSize,LotSize,QtyLimit,"
    "Multiplier,SymbolRoot,BOCOAllowed,ISIN,ScripData,Series"
)
SHOONYA = (
    "Exchange,Token,LotSize,Symbol,TradingSymbol,Expiry,Instrument,OptionType,StrikePrice,TickSize,"
)
SHOONYA_CASH = "Exchange,Token,LotSize,Symbol,TradingSymbol,Instrument,TickSize,"
SHOONYA_CDS = SHOONYA.replace("LotSize,", "LotSize,Precision,Multiplier,")
ALICE = (
    "Exch,Exchange Segment,Symbol,Token,Instrument Type,Option Type,Strike Price,Instrument Name,"
    "Formatted Ins Name,Trading Symbol,Expiry Date,Lot Size,Tick Size"
)
ALICE_CASH = ALICE.replace("Symbol,Token", "Group Name,Symbol,Token")


def read_one(tmp_path: Path, broker: str, heading: str, line: str) -> Listing | Rejected:
    file = tmp_path / "file.csv"
    file.write_text(f"{heading}\n{line}\n")
    (found,) = brokers.read(broker, file)
    return found


def listed(tmp_path: Path, broker: str, heading: str, line: str) -> Instrument:
    found = read_one(tmp_path, broker, heading, line)
    assert isinstance(found, Listing), found
    return found.instrument()


@pytest.mark.parametrize(
    ("broker", "heading", "line", "place", "kind"),
    [
        ("groww", GROWW, "NSE,1,TORAL,NSE-TORAL,Toral,EQ,CASH,W1,INE111A13016,,,1,,,0.05,0,0,1,1",
         ("NSE", "TORAL-W1"), "WARRANT"),
        ("groww", GROWW, "BSE,1,SENSEX,BSE-SENSEX,,IDX,CASH,,,,,,,,,,0,1,1",
         ("BSE_INDEX", "SENSEX"), "INDEX"),
        ("groww", GROWW, "NSE,NIFTYJR,NIFTYJR,NSE-NIFTYJR,,IDX,CASH,,,,,,,,,,0,1,1",
         ("NSE_INDEX", "NIFTYNXT50"), "INDEX"),
        ("groww", GROWW, ("MCX,9,GOLD25OCTFUT,MCX-GOLD,,FUT,COMMODITY,,,GOLD,1,100,2025-10-03,,1,"
         "10000,0,1,1"), ("MCX", "GOLD03OCT25FUT"), "FUT"),
        ("fivepaisa", FIVEPAISA, ("B,C,974629,905TF31,,EQ,0,TF-9.05%,0.01,1,0,1,905TF31,N,"
         "INE111A07018,905TF31_F,F"), ("BSE", "905TF31"), "BOND"),
        ("fivepaisa", FIVEPAISA, ("N,C,1922,QTZBEES,,EQ,0,QUARTZ ETF,0.01,1,0,1,QTZBEES,N,"
         "INF111K1A344,QTZBEES_EQ,EQ"), ("NSE", "QTZBEES"), "ETF"),
        ("fivepaisa", FIVEPAISA, ("M,D,9,GOLD 03 Oct 2025,2025-10-03 23:30:00,XX,0,GOLD,1,100,0,1,"
         "GOLD,N,,GOLD_20251003,XX"), ("MCX", "GOLD03OCT25FUT"), "FUT"),
        ("shoonya", SHOONYA_CASH, "NSE,26009,1,Nifty Bank,NIFTY BANK,INDEX,0,",
         ("NSE_INDEX", "BANKNIFTY"), "INDEX"),
        ("shoonya", SHOONYA_CASH, "NSE,1,1,TORAL,TORAL-N5,N5,0.01,", ("NSE", "TORAL-N5"), "BOND"),
        ("shoonya", SHOONYA_CASH, "BSE,500325,1,TORAL,TORAL,A,0.05,", ("BSE", "TORAL"), "EQ"),
        ("shoonya", SHOONYA_CASH, "BSE,974629,1,905TF31,905TF31,F,0.01,", ("BSE", "905TF31"),
         "BOND"),
        ("shoonya", SHOONYA, ("BFO,859358,20,BSXOPT,SENSEX2591181200CE,11-SEP-2025,OPTIDX,CE,81200,"
         "0.05,"), ("BFO", "SENSEX11SEP2581200CE"), "CE"),
        ("shoonya", SHOONYA, "NCX,7,1,ZINC,ZINC31OCT25F,31-OCT-2025,FUTCOM,XX,0,0.05,",
         ("NCO", "ZINC31OCT25FUT"), "FUT"),
        ("aliceblue", ALICE_CASH, "NSE,nse_cm,BE,TORAL,1,EQ,,,TORAL FINANCE,TORAL,TORAL-BE,,1,0.05",
         ("NSE", "TORAL-BE"), "EQ"),
        ("aliceblue", ALICE, ("BFO,bse_fo,SENSEX,1,IF,,0,SENSEX,SENSEX 11SEP25 FUT,SENSEX25SEPFUT,"
         "2025-09-11,20,0.05"), ("BFO", "SENSEX11SEP25FUT"), "FUT"),
        ("aliceblue", "token,exch,symbol", "1,BSE,SNSX50", ("BSE_INDEX", "SENSEX50"), "INDEX"),
    ],
)  # fmt: skip  # a table
def test_a_row_has_the_platforms_exchange_symbol_and_type(
    tmp_path: Path, broker: str, heading: str, line: str, place: tuple[str, str], kind: str
) -> None:
    found = listed(tmp_path, broker, heading, line)

    assert (found.exchange, found.symbol) == place
    assert found.instrument_type == kind


def test_the_contract_value_of_a_currency_is_in_shoonyas_file_alone(tmp_path: Path) -> None:
    line = "CDS,17274,1,4,1000,USDINR,USDINR29DEC26P91,29-DEC-2026,OPTCUR,PE,91,0.0025,"
    theirs = "CDS,cds_fo,USDINR,1,OPTCUR,PE,91,USDINR,USDINR,USDINR26DEC91PE,2026-12-29,1,0.0025"

    assert listed(tmp_path, "shoonya", SHOONYA_CDS, line).contract_value == 1000
    assert listed(tmp_path, "aliceblue", ALICE, theirs).contract_value is None


@pytest.mark.parametrize(
    ("broker", "heading", "line", "reason"),
    [
        ("groww", GROWW, "NYSE,1,A,NYSE-A,A,EQ,CASH,EQ,,,,1,,,0.05,0,0,1,1",
         "segment 'CASH' on exchange 'NYSE' is unknown"),
        ("groww", GROWW, "NSE,1,A,NSE-A,,XX,FNO,,,A,1,1,2025-10-03,,0.05,0,0,1,1",
         "instrument type 'XX' does not exist on NFO"),
        ("fivepaisa", FIVEPAISA, "N,X,1,A,,EQ,0,A,0.05,1,0,1,A,N,,A_EQ,EQ",
         "type 'X' on exchange 'N' is unknown"),
        ("fivepaisa", FIVEPAISA, "N,D,1,A,2025-10-03,EQ,0,A,0.05,1,0,1,A,N,,A,XX",
         "instrument type 'EQ' does not exist on NFO"),
        ("shoonya", SHOONYA_CASH, "NYSE,1,1,A,A,EQ,0.05,", "exchange 'NYSE' is unknown"),
        ("shoonya", SHOONYA, "NYSE,1,1,A,A,31-OCT-2025,FUTSTK,XX,0,0.05,",
         "exchange 'NYSE' is unknown"),
        ("shoonya", SHOONYA, "CDS,1,1,A,A,31-OCT-2025,UNDCUR,XX,0,0.05,",
         "OptionType is 'XX', and Instrument 'UNDCUR'"),
        ("aliceblue", ALICE_CASH, "NYSE,x,EQ,A,1,EQ,,,A,A,A,,1,0.05", "exchange 'NYSE' is unknown"),
        ("aliceblue", ALICE, "NSX,x,A,1,FUTSTK,XX,0,A,A,A,2025-10-03,1,0.05",
         "exchange 'NSX' is unknown"),
        ("aliceblue", ALICE, "NFO,x,A,1,OPTSTK,XX,0,A,A,A,2025-10-03,1,0.05",
         "Option Type is 'XX', and Instrument Type 'OPTSTK'"),
    ],
)  # fmt: skip  # a table
def test_what_is_unknown_is_rejected(
    tmp_path: Path, broker: str, heading: str, line: str, reason: str
) -> None:
    found = read_one(tmp_path, broker, heading, line)

    assert isinstance(found, Rejected)
    assert found.reason.startswith(reason)


def test_a_file_without_tick_sizes_is_refused(tmp_path: Path) -> None:
    """Such as Flattrade's, whose columns are otherwise Shoonya's."""
    with pytest.raises(LoadError, match="the heading lacks TickSize"):
        read_one(tmp_path, "shoonya", SHOONYA_CASH.replace("TickSize", ""), "NSE,1,1,A,A-EQ,EQ,")
