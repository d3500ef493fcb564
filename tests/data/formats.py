"""How each broker writes its file of instruments."""

import csv
import io
import json
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime, time, timedelta, timezone
from decimal import Decimal
from typing import Any

from tests.data.made_instruments import INDEX_ROOTS, Made

_INDIA = timezone(timedelta(hours=5, minutes=30))
_UPDATED = "2025-07-30"
_CURRENCIES = {"CDS", "BCD"}
_COMMODITIES = {"MCX", "NCO"}


@dataclass(frozen=True, slots=True)
class Format:
    """A file: the rows that it lists, and its text with them."""

    lists: Callable[[Made], bool]
    text: Callable[[list[Made]], str]


# Parts of several formats ------------------------------------------------------------------------


def csv_text(rows: Iterable[Iterable[object]], quoting: Any = csv.QUOTE_MINIMAL) -> str:
    out = io.StringIO()
    csv.writer(out, quoting=quoting, lineterminator="\n").writerows(rows)
    return out.getvalue()


def _array(entries: Iterable[dict[str, Any]]) -> str:
    """Return entries of JSON, one a line."""
    return "[" + ",\n".join(json.dumps(entry, separators=(",", ":")) for entry in entries) + "]\n"


def short(row: Made) -> str:
    """Return the symbol that Zerodha, Upstox and Fyers make: 25AUG for a month, else 25807."""
    if row.expiry is None:
        return row.root
    month = f"{row.expiry.month}" if row.expiry.month < 10 else f"{row.expiry:%b}"[0]
    when = f"{row.expiry:%b}".upper() if row.monthly else f"{month}{row.expiry:%d}"
    return f"{row.root}{row.expiry:%y}{when}{row.price}{row.kind}"


def market_of(row: Made) -> str:
    """Return what is traded, as exchanges call it: FUTIDX, OPTSTK, OPTCUR, FUTCOM."""
    kind = "FUT" if row.kind == "FUT" else "OPT"
    if row.exchange in _CURRENCIES:
        return f"{kind}CUR"
    if row.exchange in _COMMODITIES:
        return "FUTCOM" if kind == "FUT" else "OPTFUT"
    return f"{kind}IDX" if row.root in INDEX_ROOTS else f"{kind}STK"


def _paise(rupees: Decimal) -> float:
    return float(rupees * 100)


def _epoch(row: Made, hour: int, minute: int, second: int = 0) -> int | str:
    """Return when it expires, in seconds; empty where it does not."""
    if row.expiry is None:
        return ""
    at = datetime.combine(row.expiry, time(hour, minute, second), _INDIA)
    return int(at.timestamp())


# Zerodha -----------------------------------------------------------------------------------------

_KITE_SEGMENTS = {"NSE": 1, "NFO": 2, "CDS": 3, "BSE": 4, "BFO": 5, "BCD": 6, "MCX": 7, "NCO": 8}


def _zerodha(market: list[Made]) -> str:
    heading = (
        "instrument_token", "exchange_token", "tradingsymbol", "name", "last_price", "expiry",
        "strike", "tick_size", "lot_size", "instrument_type", "segment", "exchange",
    )  # fmt: skip  # a record
    return csv_text([heading, *map(_zerodha_line, market)])


def _zerodha_line(row: Made) -> tuple[object, ...]:
    exchange, _, index = row.exchange.partition("_")
    segment, kind, theirs = exchange, "EQ" if row.is_security else row.kind, row.symbol
    if index:
        segment, kind, theirs = "INDICES", "EQ", row.name.upper()
    elif row.expiry:
        segment, theirs = f"{exchange}-{'FUT' if kind == 'FUT' else 'OPT'}", short(row)
    token = row.code * 256 + (9 if index else _KITE_SEGMENTS[exchange])
    name = theirs if index else row.name
    return (token, row.code, theirs, name, "0.0", row.expiry or "", float(row.strike or 0),
            float(row.tick), row.lot, kind, segment, exchange)  # fmt: skip  # a record


# Upstox ------------------------------------------------------------------------------------------

_UPSTOX_SEGMENTS = {
    "NSE": "NSE_EQ", "BSE": "BSE_EQ", "NFO": "NSE_FO", "BFO": "BSE_FO", "CDS": "NCD_FO",
    "BCD": "BCD_FO", "MCX": "MCX_FO", "NCO": "NSE_COM",
}  # fmt: skip  # a record


def _upstox(market: list[Made]) -> str:
    return _array(map(_upstox_entry, market))


def _upstox_key(row: Made) -> str:
    segment = _UPSTOX_SEGMENTS.get(row.exchange, row.exchange)
    number = row.name if row.kind == "INDEX" else row.isin or row.code
    return f"{segment}|{number}"


def _upstox_entry(row: Made) -> dict[str, Any]:
    segment = _UPSTOX_SEGMENTS.get(row.exchange, row.exchange)
    exchange = "NSE" if segment.startswith("N") else segment[:3]
    common = {
        "segment": segment,
        "name": row.name,
        "exchange": exchange,
        "instrument_key": _upstox_key(row),
        "exchange_token": str(row.code),
    }
    traded = {
        "lot_size": row.lot,
        "freeze_quantity": float(row.most or 0),
        "tick_size": _paise(row.tick),
        "qty_multiplier": float(row.value),
    }
    if row.kind == "INDEX":
        return common | {"instrument_type": "INDEX", "trading_symbol": row.name.upper()}
    if row.is_security:
        return common | traded | {
            "instrument_type": row.series, "trading_symbol": row.root, "isin": row.isin,
        }  # fmt: skip  # a record
    return common | traded | {
        "weekly": not row.monthly, "expiry": int(_epoch(row, 23, 59, 59)) * 1000,
        "instrument_type": row.kind, "underlying_symbol": row.root, "asset_symbol": row.root,
        "strike_price": float(row.strike or 0),
        "trading_symbol": " ".join(
            (row.root, *filter(None, (row.price, row.kind)), row.day)
        ),
    }  # fmt: skip  # a record


def _upstox_csv(market: list[Made]) -> str:
    heading = (
        "instrument_key", "exchange_token", "tradingsymbol", "name", "last_price", "expiry",
        "strike", "tick_size", "lot_size", "instrument_type", "option_type", "exchange",
    )  # fmt: skip  # a record
    return csv_text([heading, *map(_upstox_line, market)], csv.QUOTE_ALL)


def _in_upstox_csv(row: Made) -> bool:
    """Leave out what the older form cannot say: a series, and ticks that are not in rupees."""
    return row.exchange not in _CURRENCIES | _COMMODITIES and (
        row.exchange != "NSE" or row.series == "EQ"
    )


def _upstox_line(row: Made) -> tuple[object, ...]:
    index = row.kind == "INDEX"
    kind = market_of(row) if row.expiry else "INDEX" if index else "EQUITY"
    option = "FF" if row.kind == "FUT" else row.kind if row.strike else "INDEX" if index else ""
    theirs = row.name.upper() if index else short(row)
    strike = float(row.strike or 0) if row.expiry else ""
    tick, lot = ("", "") if index else (float(row.tick), row.lot)
    return (
        _upstox_key(row),
        row.code,
        theirs,
        row.name,
        "0",
        row.expiry or "",
        strike,
        tick,
        lot,
        kind,
        option,
        _UPSTOX_SEGMENTS.get(row.exchange, row.exchange),
    )


# Angel -------------------------------------------------------------------------------------------


def _angel(market: list[Made]) -> str:
    return _array(map(_angel_entry, market))


def _angel_entry(row: Made) -> dict[str, Any]:
    unit = 10_000_000 if row.exchange == "CDS" else 100
    symbol, kind = row.symbol, ""
    if row.kind == "INDEX":
        symbol, kind = row.name, "AMXIDX"
    elif row.expiry:
        kind = market_of(row)
    elif row.exchange == "NSE":
        symbol = f"{row.root}-{row.series}"
    return {
        "token": str(row.code),
        "symbol": symbol,
        "name": row.root,
        "expiry": f"{row.expiry:%d%b%Y}".upper() if row.expiry else "",
        "strike": f"{(row.strike or 0) * unit:.6f}",
        "lotsize": str(row.lot),
        "instrumenttype": kind,
        "exch_seg": row.exchange.partition("_")[0],
        "tick_size": f"{row.tick * 100:.6f}",
        "freeze_qty": str(row.most or 0),
    }


# Dhan --------------------------------------------------------------------------------------------

_DHAN_SEGMENTS = {
    "NSE": "NSE,E", "BSE": "BSE,E", "NSE_INDEX": "NSE,I", "BSE_INDEX": "BSE,I", "NFO": "NSE,D",
    "BFO": "BSE,D", "CDS": "NSE,C", "BCD": "BSE,C", "MCX": "MCX,M", "NCO": "NSE,M",
}  # fmt: skip  # a record

_DHAN_TYPES = {
    "EQ": "ES", "PREF": "PS", "WARRANT": "Other", "RIGHTS": "Other", "BOND": "DEB", "GSEC": "DBT",
    "SGB": "Other", "ETF": "ETF", "MF": "MF", "TRUST": "InvITU",
}  # fmt: skip  # a record


def _dhan(market: list[Made]) -> str:
    heading = (
        "SEM_EXM_EXCH_ID", "SEM_SEGMENT", "SEM_SMST_SECURITY_ID", "SEM_INSTRUMENT_NAME",
        "SEM_EXPIRY_CODE", "SEM_TRADING_SYMBOL", "SEM_LOT_UNITS", "SEM_CUSTOM_SYMBOL",
        "SEM_EXPIRY_DATE", "SEM_STRIKE_PRICE", "SEM_OPTION_TYPE", "SEM_TICK_SIZE",
        "SEM_EXPIRY_FLAG", "SEM_EXCH_INSTRUMENT_TYPE", "SEM_SERIES", "SM_SYMBOL_NAME",
    )  # fmt: skip  # a record
    return csv_text([heading, *map(_dhan_line, market)])


def _dhan_line(row: Made) -> tuple[object, ...]:
    place = (*_DHAN_SEGMENTS[row.exchange].split(","), row.code)
    tick = f"{row.tick * 100:.4f}"
    if row.kind == "INDEX":
        name = "NIFTY" if row.root == "NIFTY" else row.name
        return (*place, "INDEX", 0, name.upper(), "1.0", name, "0001-01-01", "", "XX", "0.0500",
                "", "INDEX", "X", name.upper())  # fmt: skip  # a record
    if row.expiry is None:
        return (*place, "EQUITY", 0, row.root, f"{row.lot:.1f}", row.name.title(), "", "", "",
                tick, "NA", _DHAN_TYPES[row.kind], row.series, row.name)  # fmt: skip  # a record
    when = f"{row.expiry:%b%Y}" if row.monthly else f"{row.expiry:%d%b%Y}"
    symbol = "-".join((row.root, when, *filter(None, (row.price, row.kind))))
    shown = " ".join((row.root, row.day[:6], row.price, row.kind))
    strike, option = (f"{row.strike:.5f}", row.kind) if row.strike else ("-0.01000", "XX")
    return (*place, market_of(row), 0, symbol, f"{row.lot:.1f}", shown,
            f"{row.expiry} 14:30:00", strike, option, tick, "M" if row.monthly else "W",
            "FUT" if row.kind == "FUT" else "OP", "NA", "")  # fmt: skip  # a record


# Fyers -------------------------------------------------------------------------------------------

# Of each exchange: the file, Fyers' name and number of the exchange and number of the segment.
_FYERS = {
    "NSE": ("nse_cm", "NSE", 10, 10),
    "NSE_INDEX": ("nse_cm", "NSE", 10, 10),
    "NFO": ("nse_fo", "NSE", 10, 11),
    "CDS": ("nse_cd", "NSE", 10, 12),
    "NCO": ("nse_com", "NSE", 10, 20),
    "BSE": ("bse_cm", "BSE", 12, 10),
    "BSE_INDEX": ("bse_cm", "BSE", 12, 10),
    "BFO": ("bse_fo", "BSE", 12, 11),
    "BCD": ("bse_cd", "BSE", 12, 12),
    "MCX": ("mcx_com", "MCX", 11, 20),
}

_FYERS_TYPES = {
    "FUTIDX": 11, "FUTSTK": 13, "OPTIDX": 14, "OPTSTK": 15, "FUTCUR": 16, "OPTCUR": 19,
    "FUTCOM": 30, "OPTFUT": 31,
}  # fmt: skip  # a record


def _fyers(name: str) -> Format:
    """Return one of the files; futures of BFO, which Fyers writes in another way, are in none."""
    return Format(
        lambda row: _FYERS[row.exchange][0] == name and (row.exchange, row.kind) != ("BFO", "FUT"),
        lambda market: csv_text(map(_fyers_line, market)),
    )


def _fyers_line(row: Made) -> tuple[object, ...]:
    _, exchange, *numbers = _FYERS[row.exchange]
    description, kind, symbol = row.name, 0, f"{row.root}-{row.series}"
    if row.kind == "INDEX":
        symbol = f"{row.name.upper().replace(' ', '')}-INDEX"
        description, kind = symbol, 10
    elif row.expiry:
        description = f"{row.root} {row.expiry:%y %b %d} {row.price} {row.kind}".replace("  ", " ")
        kind, symbol = _FYERS_TYPES[market_of(row)], short(row)
    day = f"{row.expiry:%y%m%d}" if row.expiry else "000000"
    token = f"{numbers[0]}{numbers[1]}{day}{row.code}"
    return (token, description, kind, row.lot, row.tick, row.isin,
            "0915-1530|1815-1915:", _UPDATED, _epoch(row, 15, 30), f"{exchange}:{symbol}",
            *numbers, row.code, row.root, row.code, float(row.strike or -1),
            row.kind if row.strike else "XX", token, "None", 0, "0.0")  # fmt: skip  # a record


# All of them -------------------------------------------------------------------------------------


FORMATS = {
    "angel.json": Format(lambda row: row.exchange != "BCD", _angel),
    "dhan.csv": Format(lambda _: True, _dhan),
    **{
        f"fyers_{name}.csv": _fyers(name) for name in sorted({name for name, *_ in _FYERS.values()})
    },
    "upstox.csv": Format(_in_upstox_csv, _upstox_csv),
    "upstox.json.gz": Format(lambda _: True, _upstox),
    "zerodha.csv": Format(lambda _: True, _zerodha),
}
"""By the name of the file, which begins with the broker's."""
