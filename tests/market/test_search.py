"""Search of instruments: matches, order and limits; all statements find the same."""

from dataclasses import replace
from datetime import date
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from oadb import AsyncDatabase, Database, Transaction
from oadb.errors import ParameterError
from oadb.market import search
from oadb.market.instruments import Instrument
from oadb.market.patterns import has_trigram, trigram
from tests.conftest import configured
from tests.market.index import reference
from tests.support.instrument_rows import CALL, FUTURE, INFY, insert_rows
from tests.support.plans import plan
from tests.support.rollback import rolled_back

BROKER = "zerodha"

PUT = replace(
    CALL,
    symbol="NIFTY31JUL2524000PE",
    token="4",
    instrument_type="PE",
    broker_symbol="NIFTY25JUL24000PE",
)


def stock(symbol: str, **changes: str | None) -> Instrument:
    row = replace(INFY, symbol=symbol, broker_symbol="-", name=None, token=f"t-{symbol}-t")
    return replace(row, **changes)


def symbols(rows: list[Instrument]) -> list[str]:
    return [row.symbol for row in rows]


@pytest.fixture(params=["sorted", "walked"])
def way(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Run a test twice: as if all terms were rare, and as if all were common."""
    few = 10**9 if request.param == "sorted" else 0
    monkeypatch.setattr(search, "_FEW_MATCHES", few)


pytestmark = pytest.mark.usefixtures("way")


# Matches ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "text",
    ["SYMBOL", "YMBO", "BROKERS", "NAME OF", "778899", "TOKEN::", "24000.5", "4000.5", "24000.50"],
)
def test_a_term_is_found_anywhere_in_symbol_broker_symbol_name_token_and_strike(
    tx: Transaction, text: str
) -> None:
    row = replace(
        CALL,
        symbol="MYSYMBOL",
        broker_symbol="BROKERS",
        name="NAME of it",
        strike=Decimal("24000.50"),
        token="token::778899",
    )
    insert_rows(tx, row, INFY)

    assert search.search(tx, BROKER, text) == [row]


def test_lower_case_finds_upper_case_and_vice_versa(tx: Transaction) -> None:
    """'reli' finds RELIANCE, which PostgreSQL's LIKE does not."""
    insert_rows(tx, stock("RELIANCE"), stock("Reliable"), stock("TCS"))

    assert symbols(search.search(tx, BROKER, "reli")) == ["Reliable", "RELIANCE"]
    assert symbols(search.search(tx, BROKER, "RELI")) == ["Reliable", "RELIANCE"]


@pytest.mark.parametrize("text", ["%", "_", "\\", "RE%CE", "R_LIANCE", "%%", "'", "RELIANCE%"])
def test_wildcards_are_ordinary_characters(tx: Transaction, text: str) -> None:
    insert_rows(tx, stock("RELIANCE"))

    assert search.search(tx, BROKER, text) == []


@pytest.mark.parametrize("text", ["%", "_", "\\", "5%", "A_B", "C\\D", "\\D"])
def test_special_characters_of_like_are_found_literally(tx: Transaction, text: str) -> None:
    row = stock("FOUND", name="5% A_B C\\D")
    insert_rows(tx, row, stock("OTHER", name="5 AB CD"))

    assert search.search(tx, BROKER, text) == [row]


@pytest.mark.parametrize(
    ("term", "expected"),
    [("ABC", "ABC"), ("BAJAJ-AUTO", "BAJ"), ("L&T", "L&T"), ("M&MFIN", "MFI"), ("J_K", "J_K")],
)
def test_a_term_is_looked_up_by_three_letters_or_by_two_words(term: str, expected: str) -> None:
    assert has_trigram(term)
    assert trigram(term) == expected


@pytest.mark.parametrize("term", ["A", "AB", "A&", "&A", "&", "A %", "É&É", ""])
def test_other_terms_are_not_looked_up(term: str) -> None:
    assert not has_trigram(term)


def test_every_term_has_to_match_in_any_order_and_any_column(tx: Transaction) -> None:
    insert_rows(tx, CALL, PUT, FUTURE, INFY)

    assert search.search(tx, BROKER, "NIFTY 24000 CE") == [CALL]
    assert search.search(tx, BROKER, "ce  nifty\t24000") == [CALL]
    assert search.search(tx, BROKER, "NIFTY 24000 INFOSYS") == []


def test_no_match_spans_two_columns(tx: Transaction) -> None:
    insert_rows(tx, replace(INFY, symbol="ABC", broker_symbol="DEF"))

    assert search.search(tx, BROKER, "CD") == []
    assert symbols(search.search(tx, BROKER, "C D")) == ["ABC"]


def test_trailing_zeros_of_a_price_do_not_matter(tx: Transaction) -> None:
    insert_rows(tx, replace(CALL, symbol="X", broker_symbol="X", name=None))

    for text in ("24000", "24000.", "24000.0", "24000.00"):
        assert symbols(search.search(tx, BROKER, text)) == ["X"]
    assert search.search(tx, BROKER, "24000.05") == []


# Filters ---------------------------------------------------------------------------------------


def test_an_unknown_exchange_finds_nothing(tx: Transaction) -> None:
    """It does not find the rows of all exchanges."""
    insert_rows(tx, CALL, INFY)

    assert search.search(tx, BROKER, "NIFTY", exchange="NOWHERE") == []
    assert search.search(tx, BROKER, "", exchange="NOWHERE") == []
    assert search.search(tx, BROKER, "", exchange="NOWHERE", underlying="NIFTY") == []
    assert search.search(tx, BROKER, "NIFTY", exchange="") == []


def test_every_filter_narrows(tx: Transaction) -> None:
    later = replace(CALL, symbol="NIFTY28AUG2524000CE", token="5", expiry=date(2025, 8, 28))
    higher = replace(CALL, symbol="NIFTY31JUL2524050CE", token="6", strike=Decimal(24050))
    other = replace(CALL, symbol="NIFTYX31JUL2524000CE", token="7", underlying="NIFTYX")
    theirs = replace(CALL, broker="upstox")
    insert_rows(tx, CALL, PUT, FUTURE, later, higher, other, theirs)

    def found(text: str) -> list[Instrument]:
        return search.search(
            tx,
            BROKER,
            text,
            exchange="NFO",
            instrument_type="CE",
            expiry=date(2025, 7, 31),
            underlying="NIFTY",
            strike_min=Decimal(23999),
            strike_max=Decimal(24000),
        )

    assert found("NIFTY") == [CALL]
    assert found("") == [CALL]
    assert found("BANK") == []


@pytest.mark.parametrize(
    ("filters", "count"),
    [
        ({"exchange": "NSE"}, 1),
        ({"instrument_type": "CE"}, 1),
        ({"expiry": date(2025, 7, 31)}, 3),
        ({"strike_min": Decimal("24000.00")}, 2),
        ({"strike_max": Decimal("23999.99")}, 0),
        ({"underlying": "NIFTY"}, 3),
        ({"underlying": "nifty"}, 3),
        ({"underlying": "NIF%"}, 0),
    ],
)
def test_one_filter_alone_is_enough(tx: Transaction, filters: dict[str, Any], count: int) -> None:
    insert_rows(tx, CALL, PUT, FUTURE, INFY, replace(CALL, broker="upstox"))

    assert len(search.search(tx, BROKER, "", **filters)) == count
    assert len(search.search(tx, BROKER, " \t", **filters)) == count


def test_without_terms_and_filters_nothing_is_found(tx: Transaction) -> None:
    insert_rows(tx, INFY)

    assert search.search(tx, BROKER, "") == []
    assert search.search(tx, BROKER, "  ") == []


# Order and limit -------------------------------------------------------------------------------

RANKED = [
    stock("AB"), stock("ABX"), stock("abY"), stock("ABZ"), stock("ABBB"), stock("XAB"),
    stock("XXAB"), stock("Z", name="about"), stock("ZZ", broker_symbol="xab"),
]  # fmt: skip  # a table


@pytest.mark.parametrize("limit", range(1, len(RANKED) + 2))
def test_the_limit_returns_the_best_matches(tx: Transaction, limit: int) -> None:
    insert_rows(tx, *reversed(RANKED), stock("NONE"))

    found = search.search(tx, BROKER, "ab", limit=limit)
    assert found == RANKED[:limit]
    assert found.is_cut is (limit < len(RANKED))


@pytest.mark.parametrize("limit", range(1, len(RANKED) + 2))
@pytest.mark.parametrize("text", ["ab", "ab a", "abo", "x"])
def test_matches_beyond_the_first_symbols_are_found(
    tx: Transaction, monkeypatch: pytest.MonkeyPatch, text: str, limit: int
) -> None:
    monkeypatch.setattr(search, "_MOST_PREFIXED", 1)
    monkeypatch.setattr(search, "_MOST_WALKED", 2)
    insert_rows(tx, *reversed(RANKED), stock("NONE"))

    found = search.search(tx, BROKER, text, limit=limit)
    assert found == model(RANKED, text, None, limit)
    assert found.is_cut is (len(model(RANKED, text, None, len(RANKED))) > limit)


def test_equal_spellings_are_ordered_by_case_then_exchange(tx: Transaction) -> None:
    rows = [
        stock("ABC", exchange="BSE"),
        stock("ABC", exchange="NSE"),
        stock("AbC"),
        stock("abc"),
    ]
    insert_rows(tx, *reversed(rows))

    for limit in range(1, 5):
        assert search.search(tx, BROKER, "ABC", limit=limit) == rows[:limit]
        assert search.search(tx, BROKER, "BC", limit=limit) == rows[:limit]


def test_only_the_first_term_ranks(tx: Transaction) -> None:
    insert_rows(tx, stock("BANKNIFTY"), stock("NIFTYBANKS"), stock("NIFTY"))

    assert symbols(search.search(tx, BROKER, "NIFTY BANK")) == ["NIFTYBANKS", "BANKNIFTY"]
    assert symbols(search.search(tx, BROKER, "BANK NIFTY")) == ["BANKNIFTY", "NIFTYBANKS"]


# Refused arguments -----------------------------------------------------------------------------


@pytest.mark.parametrize("limit", [0, -1, 1001])
def test_a_limit_is_from_1_to_1000(tx: Transaction, limit: int) -> None:
    with pytest.raises(ParameterError, match="limit must be 1 to 1000"):
        search.search(tx, BROKER, "A", limit=limit)


@pytest.mark.parametrize("text", ["A" * 201, " " * 201, "A " * 11])
def test_a_text_too_long_or_of_too_many_terms_is_refused(tx: Transaction, text: str) -> None:
    with pytest.raises(ParameterError, match="200 characters and 10 terms"):
        search.search(tx, BROKER, text)


def test_the_longest_text_and_the_most_terms_are_taken(tx: Transaction) -> None:
    insert_rows(tx, stock("A" * 200))

    assert symbols(search.search(tx, BROKER, "A" * 200)) == ["A" * 200]
    assert symbols(search.search(tx, BROKER, "A " * 10)) == ["A" * 200]


@pytest.mark.parametrize("text", ["A\0B", "A\ud800"])
def test_a_text_that_cannot_be_sent_is_refused(tx: Transaction, text: str) -> None:
    with pytest.raises(ParameterError):
        search.search(tx, BROKER, text)


async def test_a_search_for_asyncio_does_the_same(adb: AsyncDatabase, db: Database) -> None:
    insert_rows(db, *RANKED)

    assert await search.search(adb, BROKER, "ab", limit=7) == RANKED[:7]


# Generated searches ----------------------------------------------------------------------------

LETTERS = st.sampled_from("aAbB1.%_\\ éÉ\U0010ffff")
NAMES = st.text(LETTERS, min_size=1, max_size=6)


@st.composite
def listed(draw: st.DrawFn) -> list[Instrument]:
    def row(number: int) -> Instrument:
        return replace(
            INFY,
            symbol=draw(NAMES),
            broker_symbol=draw(NAMES),
            name=draw(st.none() | NAMES),
            token=f"{number}",
            exchange=draw(st.sampled_from(["BSE", "NSE"])),
            broker=draw(st.sampled_from([BROKER, "b"])),
            strike=draw(st.none() | st.decimals(1, 200, places=2)),
        )

    rows = [row(number) for number in range(draw(st.integers(0, 12)))]
    return [*{(row.broker, row.exchange, row.symbol): row for row in rows}.values()]


def model(rows: list[Instrument], text: str, exchange: str | None, limit: int) -> list[Instrument]:
    """Return what a search must find."""
    mine = reference.prepared(row for row in rows if row.broker == BROKER)
    filters = {} if exchange is None else {"exchange": exchange}
    return reference.search(mine, text, limit, **filters)


@pytest.mark.long("hundreds of random searches")
@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    rows=listed(),
    text=st.lists(st.text(LETTERS, max_size=4), max_size=3).map(" ".join),
    exchange=st.none() | st.sampled_from(["BSE", "NOWHERE"]),
    limit=st.integers(1, 6),
)
def test_a_search_finds_what_its_description_says(
    shared_db: Database, rows: list[Instrument], text: str, exchange: str | None, limit: int
) -> None:
    with rolled_back(shared_db) as tx:
        insert_rows(tx, *rows)
        found = search.search(tx, BROKER, text, exchange=exchange, limit=limit)
        assert found == model(rows, text, exchange, limit)


# Plans -----------------------------------------------------------------------------------------


@pytest.mark.long("plans every search")
@pytest.mark.parametrize(
    ("name", "index"),
    [
        ("_search_selective", "instruments_broker_text_idx"),
        ("_search_selective +among", "(broker || ''::text)"),
        ("_search_scanning +underlying", "instruments_underlying_idx"),
        ("_search_beginning", "instruments_ranked_idx"),
        ("_search_further", "instruments_broker_text_idx"),
        ("_search_walking", "instruments_ranked_idx"),
    ],
)
def test_a_search_is_served_by_its_index(filled_url: str, name: str, index: str) -> None:
    shown = plan(filled_url, "search", name)

    assert index in shown
    assert "Seq Scan on instruments" not in shown


def test_the_broker_is_looked_up_where_most_rows_are_of_others(
    tx: Transaction, filled_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    looked_up: list[object] = []

    async def selective(*given: object) -> list[Instrument]:
        looked_up.append(given[-1])
        return []

    monkeypatch.setattr(search, "_FEW_MATCHES", 1)
    monkeypatch.setattr(search, "_search_selective", selective)
    insert_rows(tx, INFY)
    search.search(tx, BROKER, "NOTHING")
    with Database(configured(filled_url)) as db:
        search.search(db, BROKER, "NOTHING")

    assert looked_up == [None, BROKER]


@pytest.mark.parametrize("text", ["ROOT1", "OOT", "ROOT11 7", "T", "19999", "NOTHING"])
def test_rare_and_common_terms_find_the_same_among_many_rows(
    filled_url: str, monkeypatch: pytest.MonkeyPatch, text: str
) -> None:
    found: list[list[Instrument]] = []
    with Database(configured(filled_url)) as db:
        for few in (0, 10**9):
            monkeypatch.setattr(search, "_FEW_MATCHES", few)
            found.append(search.search(db, "broker1", text, limit=300))

    assert found[0] == found[1]
    assert len(found[0]) == {"19999": 1, "NOTHING": 0, "ROOT11 7": len(found[0]) or 1}.get(
        text, 300
    )
