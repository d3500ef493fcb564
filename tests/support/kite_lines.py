"""Lines of a file in Zerodha's form, with every exchange and contracts that have not expired."""

from datetime import date, datetime, timedelta

from oadb.validation.time_zones import INDIA

TODAY: date = datetime.now(INDIA).date()
SOON = TODAY + timedelta(days=20)

HEADING = (
    "instrument_token,exchange_token,tradingsymbol,name,last_price,expiry,strike,tick_size,"
    "lot_size,instrument_type,segment,exchange"
)
EXCHANGES = ("NSE", "BSE", "NFO", "BFO", "MCX", "CDS")


def line(exchange: str, number: int, expiry: object = SOON) -> str:
    """Return the line of a share, or of a future on an exchange of derivatives, first of NIFTY."""
    if exchange in {"NSE", "BSE"}:
        return f"{number},{number},S{number},S {number},0,,0,0.05,1,EQ,{exchange},{exchange}"
    root = "NIFTY" if (exchange, number) == ("NFO", 0) else f"X{number}"
    names = f"{number},{number},{root}FUT,{root}"
    return f"{names},0,{expiry},0,0.05,75,FUT,{exchange}-FUT,{exchange}"


def index_line(exchange: str, number: int) -> str:
    return f"{number},{number},I{number},I {number},0,,0,0,0,EQ,INDICES,{exchange}"


def whole(*without: str, each: int = 1) -> list[str]:
    """Return lines of each exchange that Zerodha's file has but some, and of two indices."""
    listed = [exchange for exchange in EXCHANGES if exchange not in without]
    rows = [line(exchange, number) for exchange in listed for number in range(each)]
    return [*rows, index_line("NSE", 900), index_line("BSE", 900)]


def text(*lines: str) -> str:
    """Return a file of lines under their heading."""
    return "\n".join((HEADING, *lines, ""))
