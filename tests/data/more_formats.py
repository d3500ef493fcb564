"""How Groww, 5paisa, Kotak Neo, Shoonya and Alice Blue write their files of instruments."""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, time

from tests.data.formats import Format, csv_text, market_of, short
from tests.data.made_instruments import Made

_HOUR = time(14, 30)


def _index_name(row: Made) -> str:
    return row.name.upper()


def _of(exchanges: frozenset[str], write: Callable[[list[Made]], str]) -> Format:
    """Return the file of the platform's *exchanges*."""
    return Format(lambda row: row.exchange in exchanges, write)


# Groww -------------------------------------------------------------------------------------------

_GROWW = {
    "NSE": "NSE,CASH", "BSE": "BSE,CASH", "NSE_INDEX": "NSE,CASH", "BSE_INDEX": "BSE,CASH",
    "NFO": "NSE,FNO", "BFO": "BSE,FNO", "MCX": "MCX,COMMODITY",
}  # fmt: skip  # a record


def _groww(market: list[Made]) -> str:
    heading = (
        "exchange", "exchange_token", "trading_symbol", "groww_symbol", "name", "instrument_type",
        "segment", "series", "isin", "underlying_symbol", "underlying_exchange_token",
        "expiry_date", "strike_price", "lot_size", "tick_size", "freeze_quantity", "is_reserved",
        "buy_allowed", "sell_allowed", "internal_trading_symbol", "is_intraday",
    )  # fmt: skip  # a record
    return csv_text([heading, *map(_groww_line, market)])


def _groww_line(row: Made) -> tuple[object, ...]:
    exchange, segment = _GROWW[row.exchange].split(",")
    end = (0, 1, 1)
    if row.kind == "INDEX":
        code = "NIFTYMIDSELECT" if row.root == "MIDCPNIFTY" else row.root
        return (exchange, code, code, f"{exchange}-{code}", "", "IDX", segment, "", "", "", "", "",
                "", "", "", "", *end, code, 0)  # fmt: skip  # a record
    if row.is_security:
        return (exchange, row.code, row.root, f"{exchange}-{row.root}", row.name, "EQ", segment,
                row.series, row.isin, "", "", "", "", row.lot, float(row.tick), row.most, *end,
                row.root, 1)  # fmt: skip  # a record
    theirs = short(row)
    return (exchange, row.code, theirs, f"{exchange}-{row.root}", "", row.kind, segment, "", "",
            row.root, 26000, row.expiry, row.price, row.lot, float(row.tick), row.most, *end,
            theirs, 1)  # fmt: skip  # a record


# 5paisa ------------------------------------------------------------------------------------------

_FIVEPAISA = {
    "NSE": "N,C", "NSE_INDEX": "N,C", "NFO": "N,D", "CDS": "N,U", "BSE": "B,C", "BSE_INDEX": "B,C",
    "BFO": "B,D", "BCD": "B,U", "MCX": "M,D",
}  # fmt: skip  # a record


def _fivepaisa(market: list[Made]) -> str:
    heading = (
        "Exch", "ExchType", "ScripCode", "Name", "Expiry", "ScripType", "StrikeRate", "FullName",
        "TickSize", "LotSize", "QtyLimit", "Multiplier", "SymbolRoot", "BOCOAllowed", "ISIN",
        "ScripData", "Series",
    )  # fmt: skip  # a record
    return csv_text([heading, *map(_fivepaisa_line, market)])


def _fivepaisa_line(row: Made) -> tuple[object, ...]:
    place = _FIVEPAISA[row.exchange].split(",")
    if row.kind == "INDEX":
        name = _index_name(row)
        return (*place, 999_900_000 + row.code, row.root, "", "EQ", 0, name, 0, 0, 0, 1, name, "N",
                "", name, "EQ")  # fmt: skip  # a record
    if row.is_security:
        return (*place, row.code, row.root, "", "EQ", 0, row.name, row.tick, row.lot, row.most, 1,
                row.root, "Y", row.isin, f"{row.root}_{row.series}", row.series,
                )  # fmt: skip  # a record
    kind = "XX" if row.kind == "FUT" else row.kind
    data = "_".join((row.root, f"{row.expiry:%Y%m%d}", *filter(None, (kind, row.price))))
    return (*place, row.code, f"{row.root} {row.day}", f"{row.expiry} 14:30:00", kind,
            row.price or 0, row.root, row.tick, row.lot, row.most, 1, row.root, "N", "", data, "XX",
            )  # fmt: skip  # a record


# Kotak Neo ---------------------------------------------------------------------------------------

_KOTAK = {
    "nse_cm": frozenset({"NSE", "NSE_INDEX"}),
    "bse_cm": frozenset({"BSE", "BSE_INDEX"}),
    "nse_fo": frozenset({"NFO"}),
    "bse_fo": frozenset({"BFO"}),
    "cde_fo": frozenset({"CDS"}),
    "mcx_fo": frozenset({"MCX"}),
}


def _kotak(segment: str) -> Format:
    heading = (
        "pSymbol", "pGroup", "pExchSeg", "pInstType", "pSymbolName", "pTrdSymbol", "pOptionType",
        "pISIN", "pDesc", "dTickSize ", "lLotSize", "lExpiryDate ", "lMultiplier ", "lPrecision",
        "dStrikePrice;", "pExchange", "lFreezeQty", "CASEligible",
    )  # fmt: skip  # a record

    def write(market: list[Made]) -> str:
        return csv_text([heading, *(_kotak_line(segment, row) for row in market)])

    return _of(_KOTAK[segment], write)


def _kotak_line(segment: str, row: Made) -> tuple[object, ...]:
    places = 4 if segment == "cde_fo" else 2
    tick = row.tick.scaleb(places).normalize()
    end = (segment[:3].upper(), row.most or 0, "false")
    if row.kind == "INDEX":
        return (row.code, "", segment, "", row.root, row.root, "", "", row.name, 0, 0, "", "",
                places, "", *end)  # fmt: skip  # a record
    if row.is_security:
        theirs = f"{row.root}-{row.series}" if row.exchange == "NSE" else row.root
        return (row.code, row.series, segment, "EQ", row.root, theirs, "", row.isin, row.name,
                f"{tick:f}", row.lot, "", "", places, "", *end)  # fmt: skip  # a record
    if row.expiry is None:
        raise ValueError(row)
    start = datetime(1980 if segment in {"nse_fo", "cde_fo"} else 1970, 1, 1, tzinfo=UTC)
    expiry = int((datetime.combine(row.expiry, _HOUR, UTC) - start).total_seconds())
    strike = f"{float(row.strike.scaleb(places)):.8g}" if row.strike else ""
    return (row.code, "XX", segment, market_of(row), row.root, short(row),
            row.kind if row.strike else "XX", "", "", f"{tick:f}", row.lot, expiry, -1, places,
            strike, *end)  # fmt: skip  # a record


# Shoonya -----------------------------------------------------------------------------------------

_SHOONYA = {
    "NSE": frozenset({"NSE", "NSE_INDEX"}),
    "BSE": frozenset({"BSE", "BSE_INDEX"}),
    **{name: frozenset({name}) for name in ("NFO", "BFO", "CDS", "MCX")},
    "NCX": frozenset({"NCO"}),
}

_BSE_CODES = {"SENSEX": "BSX"}


def _shoonya(exchange: str) -> Format:
    """Return a file of an exchange; each line ends with a comma."""
    more = {"CDS": ("Precision", "Multiplier"), "MCX": ("GNGD",)}.get(exchange, ())
    contract = ("Expiry", "Instrument", "OptionType", "StrikePrice")
    columns = ("Instrument",) if exchange in {"NSE", "BSE"} else contract
    heading = (
        "Exchange", "Token", "LotSize", *more, "Symbol", "TradingSymbol", *columns, "TickSize", "",
    )  # fmt: skip  # a record

    def write(market: list[Made]) -> str:
        return csv_text([heading, *(_shoonya_line(exchange, row) for row in market)])

    return _of(_SHOONYA[exchange], write)


def _shoonya_line(exchange: str, row: Made) -> tuple[object, ...]:
    if row.kind == "INDEX":
        return (exchange, row.code, 1, row.name, _index_name(row), "INDEX", 0, "")
    if row.is_security:
        theirs = f"{row.root}-{row.series}" if exchange == "NSE" else row.root
        return (exchange, row.code, row.lot, row.root, theirs, row.series, row.tick, "")
    more = {"CDS": (4, row.value), "MCX": (row.value,)}.get(exchange, ())
    kind = "F" if row.kind == "FUT" else row.kind[0]
    root = f"{_BSE_CODES[row.root]}{market_of(row)[:3]}" if exchange == "BFO" else row.root
    theirs = f"{row.root}{row.day}{kind}{row.price}".replace(" ", "")
    return (exchange, row.code, row.lot, *more, root, theirs,
            f"{row.expiry:%d-%b-%Y}".upper(), market_of(row), row.kind if row.strike else "XX",
            row.price or 0, row.tick, "")  # fmt: skip  # a record


# Alice Blue --------------------------------------------------------------------------------------

_ALICEBLUE = ("NSE", "BSE", "NFO", "BFO", "CDS", "BCD", "MCX")


def _aliceblue(exchange: str) -> Format:
    group = ("Group Name",) if exchange in {"NSE", "BSE"} else ()
    heading = (
        "Exch", "Exchange Segment", *group, "Symbol", "Token", "Instrument Type", "Option Type",
        "Strike Price", "Instrument Name", "Formatted Ins Name", "Trading Symbol", "Expiry Date",
        "Lot Size", "Tick Size",
    )  # fmt: skip  # a record

    def write(market: list[Made]) -> str:
        return csv_text([heading, *map(_aliceblue_line, market)])

    return _of(frozenset({exchange}), write)


def _aliceblue_line(row: Made) -> tuple[object, ...]:
    if row.is_security:
        theirs = f"{row.root}-{row.series}" if row.exchange == "NSE" else row.root
        return (row.exchange, f"{row.exchange.lower()}_cm", row.series, row.root, row.code, "EQ",
                "", "", row.name, row.name, theirs, "", row.lot, row.tick,
                )  # fmt: skip  # a record
    kind, option = market_of(row), row.kind if row.strike else "XX"
    if row.exchange == "BFO":
        kind, option = ("IO", option) if row.strike else ("IF", "")
    return (row.exchange, f"{row.exchange.lower()}_fo", row.root, row.code, kind, option,
            row.price or 0, row.root, f"{row.root} {row.day}", short(row), row.expiry, row.lot,
            row.tick)  # fmt: skip  # a record


def _aliceblue_indices(market: list[Made]) -> str:
    lines = ((row.exchange[:3], _index_name(row), row.code) for row in market)
    return csv_text([("exch", "symbol", "token"), *lines])


# All of them -------------------------------------------------------------------------------------


def _all() -> Iterator[tuple[str, Format]]:
    yield "groww.csv", Format(lambda row: row.exchange in _GROWW, _groww)
    yield "fivepaisa.csv", Format(lambda row: row.exchange in _FIVEPAISA, _fivepaisa)
    for segment in _KOTAK:
        yield f"kotak_{segment}.csv", _kotak(segment)
    for exchange in _SHOONYA:
        yield f"shoonya_{exchange.lower()}.txt", _shoonya(exchange)
    for exchange in _ALICEBLUE:
        yield f"aliceblue_{exchange.lower()}.csv", _aliceblue(exchange)
    indices = Format(lambda row: row.kind == "INDEX", _aliceblue_indices)
    yield "aliceblue_indices.csv", indices


MORE_FORMATS = dict(_all())
"""Each file, by its name."""
