"""Types of securities: by ISIN, by NSE's series, by BSE's groups and codes, and alike by each."""

import pytest

from oadb.market.brokers import securities
from oadb.market.brokers.fund_symbols import is_fund

# ISINs of the real form; their last characters are made up.
BY_ISIN = [
    ("INE111A01011", "NSE", "TORAL", "", "EQ"),
    ("IN9111A01017", "NSE", "TORALPP-E1", "", "EQ"),
    ("INE111A03017", "BSE", "TORALOCPS", "F", "PREF"),
    ("INE111A04015", "NSE", "TORAL-P1", "", "PREF"),
    ("INE111A07018", "NSE", "905TF31-N2", "", "BOND"),
    ("INE111A08016", "NSE", "TORAL-D1", "", "BOND"),
    ("INE111AA7014", "NSE", "1015TF29-NR", "", "BOND"),
    ("INE111A14SE7", "BSE", "TF12825", "F", "BOND"),
    ("INE111A24011", "BSE", "CITY29", "F", "BOND"),
    ("INE111A13016", "NSE", "TORAL-W1", "", "WARRANT"),
    ("INE111A20011", "NSE", "TORAL-RE-BE", "", "RIGHTS"),
    ("INE111A23014", "NSE", "QUAYINVIT-IV", "", "TRUST"),
    ("INE111A25010", "BSE", "HARPREIT", "IF", "TRUST"),
    ("IN0020190065", "NSE", "757GS2033-GS", "", "GSEC"),
    ("IN2220200306", "NSE", "656MH32-SG", "", "GSEC"),
    ("IN002024Y506", "NSE", "182D250925-TB", "", "GSEC"),
    ("INY020020106", "BSE", "0795GOI32", "G", "GSEC"),
    ("IN0020210319", "NSE", "SGBMAR30X-GB", "", "SGB"),
    ("IN0020210319", "BSE", "SGBMAR30X", "G", "SGB"),
    ("INF111K1A344", "NSE", "QUARTZBEES", "", "ETF"),
    ("INF111K1A344", "NSE", "QTZFMP9DG-MF", "", "MF"),
    ("INF111K1A344", "BSE", "QUARTZ50", "B", "ETF"),
    ("INF111K1A344", "BSE", "QTZFMP9DG", "F", "MF"),
    ("INF111K1A344", "BSE", "QTZLIQUIDETF", "F", "ETF"),
]


@pytest.mark.parametrize(("isin", "exchange", "symbol", "group", "kind"), BY_ISIN)
def test_an_isin_says_the_type(
    isin: str, exchange: str, symbol: str, group: str, kind: str
) -> None:
    assert securities.by_isin(isin, exchange, symbol, group) == kind


@pytest.mark.parametrize("isin", ["", "NA", "0", "US0378331005", "DUM1234567890", "INE111A0101"])
def test_what_is_no_indian_isin_says_nothing(isin: str) -> None:
    assert securities.by_isin(isin, "NSE", "TORAL", "") is None


@pytest.mark.parametrize(
    ("symbol", "kind"),
    [(symbol, kind) for _, exchange, symbol, _, kind in BY_ISIN if exchange == "NSE"],
)
def test_the_series_in_a_symbol_of_nse_says_the_same_as_the_isin(symbol: str, kind: str) -> None:
    assert securities.by_series(symbol, "") == kind


@pytest.mark.parametrize(
    ("symbol", "kind"),
    [
        ("TORAL-BE", "EQ"),
        ("TORAL-BZ", "EQ"),
        ("TORAL-SM", "EQ"),
        ("TORAL-ST", "EQ"),
        ("BAJAJ-AUTO", "EQ"),
        ("HARPREIT-RR", "TRUST"),
        ("905TF31-ZT", "BOND"),
        ("905TF31-AB", "BOND"),
        ("TORAL-RE", "RIGHTS"),
    ],
)
def test_series_of_shares_are_few_and_the_others_are_debt(symbol: str, kind: str) -> None:
    assert securities.by_series(symbol, "TORAL FINANCE") == kind


@pytest.mark.parametrize(
    ("code", "group", "kind"),
    [
        ("500325", "A", "EQ"),
        ("590107", "B", "EQ"),
        ("890144", "", "EQ"),
        ("717503", "F", "PREF"),
        ("974629", "F", "BOND"),
        ("539312", "F", "MF"),
        ("717503", "", "PREF"),
        ("725001", "", "BOND"),
        ("750999", "", "RIGHTS"),
        ("800394", "", "GSEC"),
        ("974629", "", "BOND"),
        ("544462", "IF", "TRUST"),
        ("961919", "W", "WARRANT"),
    ],
)
def test_a_group_of_bse_or_else_its_code_says_the_type(code: str, group: str, kind: str) -> None:
    assert securities.by_code(code, "TORAL", "TORAL FINANCE", group) == kind


@pytest.mark.parametrize(
    ("symbol", "name"),
    [
        ("QUARTZBEES", ""),
        ("TOP15IETF", ""),
        ("SETFNIF50", ""),
        ("QTZ50", "QUARTZAMC - QTZ50"),
        ("QTZ50", "QUARTZ-ETF TOP 50"),
        ("QTZ50", "QTZ IND ETF INFRA"),
        ("QTZ50", "Quartz Mutual Fund - Top 50"),
    ],
)
def test_funds_are_known_by_their_symbol_or_their_name(symbol: str, name: str) -> None:
    assert is_fund(symbol, name)
    assert securities.by_series(symbol, name) == "ETF"


@pytest.mark.parametrize(
    ("symbol", "name"),
    [
        ("JETFREIGHT", "JET FREIGHT LOGISTICS LTD"),
        ("HDFCAMC", "HDFC AMC LIMITED"),
        ("FIRSTCRY", "BRAINBEES SOLUTIONS LTD"),
        ("GOLDIAM", "GOLDIAM INTERNATIONAL LTD"),
        ("1STCUS", "FIRST CUSTODIAN FUND (INDIA) L"),
    ],
)
def test_companies_that_are_called_like_funds_are_shares(symbol: str, name: str) -> None:
    assert not is_fund(symbol, name)
    assert securities.by_series(symbol, name) == "EQ"
