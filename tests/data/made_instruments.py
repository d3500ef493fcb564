"""A small made-up market: what the files in this folder list, before any broker has written it."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from itertools import count

_WEEK = date(2025, 8, 7)
_MONTH = date(2025, 8, 28)
_OCTOBER = date(2025, 10, 9)
_YEARS = date(2029, 12, 27)

_MONTHS = {_MONTH, _YEARS}
"""Expiries that are the last of their month, whose day brokers leave out of their symbols."""

# Type, symbol without series, company, series at NSE, group at BSE; "-" where it is not listed.
_SECURITIES = """
    EQ      INFY        INFOSYS                           EQ  A
    EQ      RELIANCE    RELIANCE INDUSTRIES               EQ  A
    EQ      M&M         MAHINDRA & MAHINDRA               EQ  A
    EQ      BAJAJ-AUTO  BAJAJ AUTO                        EQ  A
    EQ      AMBERKILN   AMBER KILN WORKS                  EQ  B
    EQ      NORTHQUAY   NORTH QUAY PORTS LTD.             EQ  A
    EQ      3SPICES     3 SPICES FOODS                    EQ  B
    EQ      R&BWEAVE    R & B WEAVING MILLS               BE  XT
    EQ      KOSI        KOSI, SONS AND COMPANY            EQ  B
    EQ      LOTUS-TEA   LOTUS TEA GARDENS (INDIA)         EQ  -
    EQ      SAMVAT      SAMVAT ALMANACS                   SM  -
    EQ      TORALWIND   TORAL WIND POWER                  BZ  Z
    EQ      GLASSHARP   GLASS HARP MUSIC                  EQ  M
    EQ      ORCHIDNOTE  ORCHID NOTE PAPER                 EQ  X
    EQ      UNNAMED                                       EQ  B
    EQ      OLDMINT     OLD MINT HOUSE                    -   XT
    EQ      RIVERBOAT   RIVER BOAT LINES                  -   A
    EQ      P&Q-R       P & Q-R PARTNERS                  EQ  T
    EQ      JETFREEZER  JETFREEZER AMC LIMITED            EQ  T
    EQ      TORAL       TORAL FINANCE                     EQ  A
    ETF     QUARTZBEES  QUARTZ MUTUAL FUND - QUARTZBEES   EQ  B
    ETF     ONYXIETF    ONYXAMC - ONYXIETF                EQ  B
    MF      QTZFMP9DG   QUARTZ MUTUAL FUND - FMP SR 9     MF  F
    BOND    TORAL       TORAL FINANCE 9.05% 2031 SR. II   N2  -
    BOND    905TF31     TF-9.05%-1-8-31-PVT               -   F
    PREF    TORAL       TORAL FINANCE 6% PREFERENCE       P1  -
    PREF    AMBERKILNP  AMBER KILN WORKS                  -   F
    WARRANT TORAL       TORAL FINANCE WARRANTS            W1  -
    RIGHTS  KOSI-RE     KOSI, SONS AND COMPANY            BE  R
    GSEC    712SD40     SDL SD 7.12% 2040                 SG  G
    GSEC    655GS2049   GOI LOAN 6.55% 2049               GS  -
    GSEC    364D110926  GOI TBILL 364D-11/09/26           TB  -
    SGB     SGBAUG33    2.50%GOLDBONDS2033SR-III          GB  G
    TRUST   QUAYINVIT   NORTH QUAY INVIT                  IV  IF
    TRUST   HARPREIT    GLASS HARP REIT                   RR  IF
"""

# By type: how an ISIN begins and what its characters 8 and 9 are, and the first two digits of
# BSE's code.
_ISINS = {
    "EQ": ("INE", "01", 53),
    "PREF": ("INE", "04", 71),
    "WARRANT": ("INE", "13", 96),
    "RIGHTS": ("INE", "20", 75),
    "BOND": ("INE", "07", 93),
    "GSEC": ("IN0", "01", 80),
    "SGB": ("IN0", "01", 80),
    "ETF": ("INF", "01", 59),
    "MF": ("INF", "01", 53),
    "TRUST": ("INE", "23", 54),
}

# Platform's exchange and symbol, and the index as NSE or BSE write it.
_INDICES = (
    ("NSE_INDEX", "NIFTY", "Nifty 50"),
    ("NSE_INDEX", "BANKNIFTY", "Nifty Bank"),
    ("NSE_INDEX", "FINNIFTY", "Nifty Fin Service"),
    ("NSE_INDEX", "INDIAVIX", "India VIX"),
    ("NSE_INDEX", "NIFTYMIDCAP150", "Nifty Midcap 150"),
    ("BSE_INDEX", "SENSEX", "SENSEX"),
    ("BSE_INDEX", "SENSEX50", "SNSX50"),
    ("BSE_INDEX", "BANKEX", "BANKEX"),
)


@dataclass(frozen=True, slots=True)
class _Chain:
    """Futures and options on one underlying: *strikes* from *low* on, *step* apart."""

    exchange: str
    root: str
    lot: int
    tick: str
    expiries: tuple[date, ...]
    low: str
    step: str
    strikes: int
    value: int = 1


_CHAINS = (
    _Chain("NFO", "NIFTY", 75, "0.05", (_WEEK, _MONTH, _YEARS), "23700", "50", 13),
    _Chain("NFO", "BANKNIFTY", 35, "0.05", (_MONTH,), "55600", "100", 9),
    _Chain("NFO", "RELIANCE", 500, "0.1", (_MONTH,), "1360", "10", 7),
    _Chain("NFO", "M&M", 200, "0.05", (_MONTH, _OCTOBER), "3197.5", "12.5", 4),
    _Chain("NFO", "BAJAJ-AUTO", 75, "0.5", (_MONTH,), "8900", "100", 3),
    _Chain("BFO", "SENSEX", 20, "0.05", (_WEEK, _MONTH), "80800", "100", 7),
    _Chain("CDS", "USDINR", 1, "0.0025", (_WEEK, _MONTH), "86.25", "0.125", 5, 1000),
    _Chain("CDS", "JPYINR", 1, "0.0025", (_MONTH,), "61", "0.25", 3, 1000),
    _Chain("BCD", "USDINR", 1, "0.0025", (_MONTH,), "87", "0.25", 2, 1000),
    _Chain("MCX", "GOLD", 1, "1", (_MONTH, _OCTOBER), "101000", "100", 4, 100),
    _Chain("MCX", "ZINC", 5, "0.05", (_MONTH,), "262.5", "2.5", 3, 5000),
    _Chain("NCO", "GOLD", 1, "0.5", (_MONTH,), "101000", "100", 2, 100),
)

INDEX_ROOTS = frozenset({"NIFTY", "BANKNIFTY", "SENSEX"})
"""Underlyings of the chains that are indices."""


@dataclass(frozen=True, slots=True)
class Made:
    """An instrument, with the exchange's number of it; *root* is its symbol without a series."""

    exchange: str
    code: int
    root: str
    kind: str
    name: str
    series: str = ""
    isin: str = ""
    expiry: date | None = None
    strike: Decimal | None = None
    lot: int = 1
    tick: Decimal = Decimal("0.05")
    value: int = 1
    most: int | None = None

    @property
    def is_security(self) -> bool:
        return self.expiry is None and self.kind != "INDEX"

    @property
    def symbol(self) -> str:
        """The platform's symbol."""
        if self.expiry is None:
            shown = self.exchange == "NSE" and self.series != "EQ"
            return f"{self.root}-{self.series}" if shown else self.root
        return f"{self.root}{self.day.replace(' ', '')}{self.price}{self.kind}"

    @property
    def day(self) -> str:
        """The expiry as 28 AUG 25."""
        return f"{self.expiry:%d %b %y}".upper() if self.expiry else ""

    @property
    def price(self) -> str:
        """The strike without zeros that say nothing."""
        return "" if self.strike is None else f"{self.strike.normalize():f}"

    @property
    def monthly(self) -> bool:
        return self.expiry in _MONTHS


def instruments() -> Iterator[Made]:
    """Yield all of the market, the same each time."""
    codes = count(30_011, 7)
    for exchange, root, name in _INDICES:
        yield Made(exchange, next(codes), root, "INDEX", name, lot=0, tick=Decimal(0))
    yield from _securities(codes)
    for chain in _CHAINS:
        yield from _contracts(chain, codes)


def _securities(codes: Iterator[int]) -> Iterator[Made]:
    for number, line in enumerate(_SECURITIES.strip().splitlines()):
        kind, root, *words, series, group = line.split()
        tick = (Decimal("0.01"), Decimal("0.05"), Decimal("0.1"))[number % 3]
        lot = 1600 if series == "SM" else 100 if series in {"SG", "GS", "TB"} else 1
        start, middle, place = _ISINS[kind]
        for exchange, each in (("NSE", series), ("BSE", group)):
            if each != "-":
                code = next(codes)
                yield Made(
                    exchange,
                    code if exchange == "NSE" else place * 10_000 + code % 10_000,
                    root,
                    kind,
                    " ".join(words),
                    each,
                    f"{start}{number:03}T{middle}{number:03}",
                    lot=lot,
                    tick=tick,
                    most=100_000,
                )


def _contracts(chain: _Chain, codes: Iterator[int]) -> Iterator[Made]:
    for expiry in chain.expiries:
        strikes = [
            Decimal(chain.low) + number * Decimal(chain.step) for number in range(chain.strikes)
        ]
        for kind, strike in (
            ("FUT", None),
            *((kind, strike) for strike in strikes for kind in ("CE", "PE")),
        ):
            yield Made(
                chain.exchange, next(codes), chain.root, kind, chain.root, expiry=expiry,
                strike=strike, lot=chain.lot, tick=Decimal(chain.tick), value=chain.value,
                most=40 * chain.lot,
            )  # fmt: skip  # a record
