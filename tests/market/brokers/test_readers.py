"""All readers: found by the broker's name, with the same result for the same instrument."""

import gzip
from collections.abc import Callable
from datetime import date
from pathlib import Path

import pytest

from oadb import Transaction
from oadb.errors import LoadError
from oadb.market import brokers, instruments, loads
from oadb.market.brokers.field_values import cited
from oadb.market.instruments import Instrument, Listing, Rejected
from tests.market.brokers.samples import HEADING

# The same call on NIFTY and the same index, as each broker writes them.
FILES = {
    "zerodha": (
        f"{HEADING}\n"
        "9,35,NIFTY2573124000.5CE,NIFTY,0.0,2025-07-31,24000.5,0.05,75,CE,NFO-OPT,NFO\n"
        "256265,1001,NIFTY 50,NIFTY 50,0.0,,0.0,0.0,0,EQ,INDICES,NSE\n"
    ),
    "angel": (
        '[{"token":"35","symbol":"NIFTY31JUL2524000.5CE","name":"NIFTY","expiry":"31JUL2025",'
        '"strike":"2400050.000000","lotsize":"75","instrumenttype":"OPTIDX","exch_seg":"NFO",'
        '"tick_size":"5.000000"},{"token":"99926000","symbol":"Nifty 50","name":"NIFTY",'
        '"expiry":"","strike":"0.000000","lotsize":"1","instrumenttype":"AMXIDX",'
        '"exch_seg":"NSE","tick_size":"0.000000"}]'
    ),
    "upstox": (
        '[{"segment":"NSE_FO","name":"NIFTY","expiry":1753986599000,"instrument_type":"CE",'
        '"underlying_symbol":"NIFTY","instrument_key":"NSE_FO|35","lot_size":75,"tick_size":5.0,'
        '"trading_symbol":"NIFTY 24000.5 CE 31 JUL 25","strike_price":24000.5,'
        '"qty_multiplier":1.0},'
        '{"segment":"NSE_INDEX","name":"Nifty 50","instrument_type":"INDEX",'
        '"instrument_key":"NSE_INDEX|Nifty 50","trading_symbol":"NIFTY 50"}]'
    ),
    "dhan": (
        "SEM_EXM_EXCH_ID,SEM_SEGMENT,SEM_SMST_SECURITY_ID,SEM_INSTRUMENT_NAME,SEM_TRADING_SYMBOL,"
        "SEM_LOT_UNITS,SEM_EXPIRY_DATE,SEM_STRIKE_PRICE,SEM_TICK_SIZE,SEM_EXCH_INSTRUMENT_TYPE,"
        "SEM_SERIES,SM_SYMBOL_NAME\n"
        "NSE,D,35,OPTIDX,NIFTY-Jul2025-24000.5-CE,75.0,2025-07-31 14:30:00,24000.5,5.0000,OP,NA,\n"
        "NSE,I,13,INDEX,NIFTY,1.0,0001-01-01,,0.0500,INDEX,X,NIFTY\n"
    ),
    "fyers": (
        "101125073135,NIFTY 31 Jul 25 24000.5 CE,14,75,0.05,,0915-1530:,2025-07-01,1753956000,"
        "NSE:NIFTY2573124000.5CE,10,11,35,NIFTY,26000,24000.5,CE,101000000026000,None\n"
        "101000000026000,NIFTY50-INDEX,10,0,0.05,,0915-1530:,2025-07-01,,NSE:NIFTY50-INDEX,10,10,"
        "26000,NIFTY,26000,-1.0,XX,101000000026000,None\n"
    ),
    "groww": (
        "exchange,exchange_token,trading_symbol,groww_symbol,name,instrument_type,segment,series,"
        "isin,underlying_symbol,underlying_exchange_token,expiry_date,strike_price,lot_size,"
        "tick_size,freeze_quantity,is_reserved,buy_allowed,sell_allowed\n"
        "NSE,35,NIFTY25JUL24000.5CE,NSE-NIFTY-31Jul25-24000.5-CE,,CE,FNO,,,NIFTY,26000,2025-07-31,"
        "24000.5,75,0.05,1801,0,1,1\n"
        "NSE,NIFTY,NIFTY,NSE-NIFTY,,IDX,CASH,,,,,,,,,,0,1,1\n"
    ),
    "fivepaisa": (
        "Exch,ExchType,ScripCode,Name,Expiry,ScripType,StrikeRate,FullName,TickSize,LotSize,"
        "QtyLimit,Multiplier,SymbolRoot,BOCOAllowed,ISIN,ScripData,Series\n"
        "N,D,35,NIFTY 31 Jul 2025 CE 24000.50,2025-07-31 14:30:00,CE,24000.50,NIFTY,0.05,75,0,1,"
        "NIFTY,N,,NIFTY_20250731_CE_24000.50,XX\n"
        "N,C,999920000,NIFTY,,EQ,0,NIFTY 50,0.05,1,0,1,NIFTY 50,N,,NIFTY 50,EQ\n"
    ),
    "kotak": (
        "pSymbol,pGroup,pExchSeg,pInstType,pSymbolName,pTrdSymbol,pOptionType,pISIN,pDesc,"
        "dTickSize ,lLotSize,lExpiryDate ,lMultiplier ,lPrecision,dStrikePrice;,lFreezeQty\n"
        "35,XX,nse_fo,OPTIDX,NIFTY,NIFTY25JUL24000.5CE,CE,,,5,75,1438439400,-1,2,2.40005e+06,1801\n"
        "26000,,nse_cm,,NIFTY,NIFTY,,,Nifty 50,5,1,0,,2,,0\n"
    ),
    "shoonya": (
        "Exchange,Token,LotSize,Symbol,TradingSymbol,Expiry,Instrument,OptionType,StrikePrice,"
        "TickSize,\n"
        "NFO,35,75,NIFTY,NIFTY31JUL25C24000.5,31-JUL-2025,OPTIDX,CE,24000.5,0.05,\n"
    ),
    "aliceblue": (
        "Exch,Exchange Segment,Symbol,Token,Instrument Type,Option Type,Strike Price,"
        "Instrument Name,Formatted Ins Name,Trading Symbol,Expiry Date,Lot Size,Tick Size\n"
        "NFO,nse_fo,NIFTY,35,OPTIDX,CE,24000.5,NIFTY,NIFTY 31JUL25 24000.5 CE,"
        "NIFTY25JUL24000.5CE,2025-07-31,75,0.05\n"
    ),
}
# Those of brokers that list indices in a file of their own.
INDEX_FILES = {
    "shoonya": (
        "Exchange,Token,LotSize,Symbol,TradingSymbol,Instrument,TickSize,\n"
        "NSE,26000,1,Nifty 50,NIFTY INDEX,INDEX,0,\n"
    ),
    "aliceblue": "exch,symbol,token\nNSE,NIFTY 50,26000\n",
}


def test_there_is_a_sample_of_every_broker() -> None:
    assert sorted(FILES) == sorted(brokers.READERS)


def read(file: Path, broker: str) -> list[Instrument]:
    return [row.instrument() for row in brokers.read(broker, file) if isinstance(row, Listing)]


@pytest.mark.parametrize("broker", FILES)
@pytest.mark.parametrize("packed", [bytes, gzip.compress], ids=["plain", "gzip"])
def test_every_broker_gives_an_instrument_the_same_symbol(
    tmp_path: Path, broker: str, packed: Callable[[bytes], bytes]
) -> None:
    file = tmp_path / "file"
    found: list[Instrument] = []
    for text in filter(None, (FILES[broker], INDEX_FILES.get(broker))):
        file.write_bytes(packed(text.encode()))
        found += read(file, broker)
    option, index = found

    assert option.broker == broker
    assert (option.exchange, option.symbol) == ("NFO", "NIFTY31JUL2524000.5CE")
    assert (option.name, option.instrument_type) == ("NIFTY", "CE")
    assert (option.expiry, str(option.strike)) == (date(2025, 7, 31), "24000.5")
    assert (option.lot_size, str(option.tick_size)) == (75, "0.05")
    assert (index.exchange, index.symbol) == ("NSE_INDEX", "NIFTY")
    assert (index.expiry, index.strike) == (None, None)


@pytest.mark.parametrize("broker", FILES)
def test_rows_of_a_reader_are_stored_unchanged(
    tx: Transaction, tmp_path: Path, broker: str
) -> None:
    file = tmp_path / "file"
    file.write_text(FILES[broker])
    report = loads.load(tx, broker, brokers.read(broker, file), force=True)

    rows = read(file, broker)
    assert (report.accepted, report.rejected.rows) == (len(rows), 0)
    assert rows
    for row in rows:
        assert instruments.get(tx, broker, row.exchange, row.symbol) == row


@pytest.mark.parametrize("broker", FILES)
def test_the_file_of_another_broker_is_refused_or_all_its_rows_are_rejected(
    tmp_path: Path, broker: str
) -> None:
    file = tmp_path / "file"
    for other in FILES.keys() - {broker}:
        file.write_text(FILES[other])
        try:
            rows = list(brokers.read(broker, file))
        except LoadError:
            continue
        assert all(isinstance(row, Rejected) for row in rows), other


def test_the_error_for_an_unknown_broker_lists_the_known_ones() -> None:
    with pytest.raises(
        LoadError, match="no reader for 'kite'; expected one of aliceblue, angel, dhan, fivepaisa,"
    ):
        brokers.read("kite", Path("none"))


def test_an_error_shows_the_first_40_characters_of_a_text() -> None:
    digits = "0123456789" * 4

    assert cited(f"{digits}x") == repr(digits)
