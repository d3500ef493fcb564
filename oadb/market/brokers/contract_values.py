"""Contract values of currencies, interest rates and commodities, for files that say 1 for all.

A contract value is the change of a contract's worth for a change of its price by 1: 100 for crude
oil, whose contract is 100 barrels at a price per barrel. The exchanges' contract specifications
say it. Contracts whose size has changed, such as nickel's, are left out: a value is never guessed.
"""

import re

_EXCHANGES = frozenset({"CDS", "BCD", "MCX", "NCO"})

# The values of August 2025. MCX and NSE agree on each.
_VALUES = {
    **dict.fromkeys(("USDINR", "EURINR", "GBPINR", "JPYINR", "EURUSD", "GBPUSD", "USDJPY"), "1000"),
    **dict.fromkeys(("ALUMINIUM", "LEAD", "ZINC"), "5000"),
    **dict.fromkeys(("ALUMINI", "LEADMINI", "ZINCMINI"), "1000"),
    "COPPER": "2500",
    "CRUDEOIL": "100",
    "CRUDEOILM": "10",
    "NATURALGAS": "1250",
    "NATGASMINI": "250",
    "GOLD": "100",
    "GOLDM": "10",
    **dict.fromkeys(("GOLDGUINEA", "GOLDPETAL", "GOLDTEN", "GOLD1G", "SILVERMIC"), "1"),
    "SILVER": "30",
    "SILVERM": "5",
    "MENTHAOIL": "360",
}

# Futures and options on a bond of the government such as 718GS2037: 2,000 bonds.
_BOND = re.compile(r"\d{2,4}GS20\d\d", re.ASCII)


def known(exchange: str, underlying: str) -> str:
    """Return the contract value of a derivative; empty if it is not known here."""
    if exchange not in _EXCHANGES:
        return ""
    return "2000" if _BOND.fullmatch(underlying) else _VALUES.get(underlying, "")
