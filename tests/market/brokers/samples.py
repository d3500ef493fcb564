"""Short instrument files in Zerodha's format."""

from pathlib import Path

HEADING = (
    "instrument_token,exchange_token,tradingsymbol,name,last_price,expiry,strike,"
    "tick_size,lot_size,instrument_type,segment,exchange"
)
SHARE = "408065,1594,INFY,INFOSYS,0.0,,0.0,0.1,1,EQ,NSE,NSE"
INDEX = "256265,1001,NIFTY 50,NIFTY 50,0.0,,0.0,0.0,0,EQ,INDICES,NSE"
FUTURE = "13623298,53216,NIFTY25JULFUT,NIFTY,0.0,2025-07-31,0.0,0.1,75,FUT,NFO-FUT,NFO"
CALL = "1,2,NIFTY2573124000CE,NIFTY,0.0,2025-07-31,24000.0,0.05,75,CE,NFO-OPT,NFO"
PUT = "3,4,USDINR2580586.25PE,USDINR,0.0,2025-08-05,86.25,0.0025,1000,PE,CDS-OPT,CDS"


def written(path: Path, *lines: str, heading: str = HEADING) -> Path:
    """Write a CSV file with a heading and *lines*."""
    path.write_text("\n".join((heading, *lines, "")), encoding="utf-8")
    return path
