"""Types of securities: what is traded on a cash exchange, by its ISIN or by what else a file says.

| type | what it is |
| --- | --- |
| EQ | a share, partly paid ones and those with other votes included |
| PREF | a preference share |
| WARRANT | a warrant |
| RIGHTS | an entitlement to a rights issue |
| BOND | a debenture (NCD), another bond, commercial paper: debt of a company or city |
| GSEC | a bond or treasury bill of the Union or of a state |
| SGB | a sovereign gold bond |
| ETF | a unit of an exchange-traded fund |
| MF | a unit of another fund, such as a closed one |
| TRUST | a unit of a REIT or InvIT |
"""

import re

from oadb.market.brokers.fund_symbols import is_fund

# An Indian ISIN: IN, the issuer (E a company, F a fund, 9 and 8 shares that are partly paid or have
# other votes; other digits and Y a government), five characters, the type, three characters.
_ISIN = re.compile(r"IN([0-9A-Z])[0-9A-Z]{4}([0-9A-Z]{2})[0-9A-Z]{3}", re.ASCII)

_BY_ISIN = {
    "01": "EQ",
    "03": "PREF",
    "04": "PREF",
    "13": "WARRANT",
    "20": "RIGHTS",
    "23": "TRUST",
    "25": "TRUST",
}

# NSE's series of shares, by segment (SM and ST: small companies) and by way of settlement; those
# of partly paid shares are E1, E2, X1.
_SHARES = frozenset({"", "EQ", "BE", "BL", "BZ", "IL", "IT", "SM", "SO", "ST", "SZ", "T0"})
_PARTLY_PAID = re.compile(r"[EX]\d", re.ASCII)

_BY_SERIES = {
    "GB": "SGB",
    "GS": "GSEC",
    "SG": "GSEC",
    "TB": "GSEC",
    "IV": "TRUST",
    "RR": "TRUST",
    "MF": "MF",
    "SF": "MF",
}
_BY_FIRST_LETTER = {"P": "PREF", "W": "WARRANT"}

# BSE's groups of securities that are no shares. In F are debt, preference shares and funds: their
# codes say which.
_BY_GROUP = {
    "E": "ETF",
    "G": "GSEC",
    "IF": "TRUST",
    "R": "RIGHTS",
    "W": "WARRANT",
}

# BSE's codes of six digits, by the first two: 500325 is a share.
_BY_CODE = {
    "70": "PREF",
    "71": "PREF",
    "72": "BOND",
    "73": "BOND",
    "75": "RIGHTS",
    "80": "GSEC",
    "81": "GSEC",
    **dict.fromkeys(map(str, range(90, 98)), "BOND"),
}

_DIGITS = 6

_SERIES = re.compile(r"-([A-Z][A-Z0-9])$", re.ASCII)


def of_symbol(
    exchange: str, symbol: str, name: str, ticker: str, series: str, nature: str, code: str
) -> str:
    """Return the type of a security from a file that says nothing of it but symbol and name.

    Args:
        code: at BSE, its code there.
    """
    del ticker, series, nature
    return by_code(code, symbol, name) if exchange == "BSE" else by_series(symbol, name)


def of_isin(
    exchange: str, symbol: str, name: str, ticker: str, group: str, isin: str, code: str
) -> str:
    """Return the type of a security from a file with ISINs, and with groups at BSE."""
    del ticker
    kind = by_isin(isin, exchange, symbol, group)
    if kind is not None:
        return kind
    return by_code(code, symbol, name, group) if exchange == "BSE" else by_series(symbol, name)


def series_of(symbol: str) -> str:
    """Return the series in the platform's symbol of a security of NSE; empty: EQ."""
    found = _SERIES.search(symbol)
    return "" if found is None or found[1] == "RE" else found[1]


def by_isin(isin: str, exchange: str, symbol: str, group: str) -> str | None:
    """Return the type of a security by its ISIN; None if it is not an Indian ISIN.

    Args:
        symbol: the platform's symbol.
        group: its group at BSE; empty if the file does not say it.
    """
    found = _ISIN.fullmatch(isin)
    if found is None:
        return None
    issuer, code = found.groups()
    if issuer == "E":
        return _BY_ISIN.get(code, "BOND")
    if issuer in "89":
        return "EQ"
    if issuer == "F":
        return fund_of_bse(symbol, group) if exchange == "BSE" else _fund_of_nse(symbol)
    is_gold = symbol.startswith("SGB") or (exchange == "NSE" and series_of(symbol) == "GB")
    return "SGB" if is_gold else "GSEC"


def by_series(symbol: str, name: str) -> str:
    """Return the type of a security of NSE, by the series in its symbol; a share by its name."""
    series = series_of(symbol)
    if series not in _SHARES and not _PARTLY_PAID.fullmatch(series):
        # The many other series are debt.
        return _BY_SERIES.get(series) or _BY_FIRST_LETTER.get(series[0], "BOND")
    if symbol.removesuffix(f"-{series}").endswith("-RE"):
        return "RIGHTS"
    return "ETF" if is_fund(symbol, name) else "EQ"


def by_code(code: str, symbol: str, name: str, group: str = "") -> str:
    """Return the type of a security of BSE, by its group, if the file has it, and its code."""
    if symbol.endswith("-RE"):
        return "RIGHTS"
    kind = _BY_GROUP.get(group)
    if kind is None and len(code) == _DIGITS:
        kind = _BY_CODE.get(code[:2])
    if kind == "GSEC" and symbol.startswith("SGB"):
        return "SGB"
    if kind is not None:
        return kind
    if group == "F" and len(code) != _DIGITS:
        return "BOND"
    # A fund in group F has the code of a share.
    is_any = group == "F" or is_fund(symbol, name)
    return fund_of_bse(symbol, group) if is_any else "EQ"


def _fund_of_nse(symbol: str) -> str:
    return "MF" if _BY_SERIES.get(series_of(symbol)) == "MF" else "ETF"


def fund_of_bse(symbol: str, group: str) -> str:
    """Return the type of a fund; in group F are closed funds and, by their symbols, others."""
    return "ETF" if group not in {"", "F"} or is_fund(symbol, "") else "MF"
