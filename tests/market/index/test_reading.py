"""Any rows are read into an index: special characters, empty texts and shared values."""

from dataclasses import replace
from decimal import Decimal

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from oadb import Database
from oadb.market import instruments, live_index, search
from oadb.market.instruments import Instrument
from tests.market.index import reference
from tests.market.index.listed import assert_lookups_find, insert
from tests.support.rollback import rolled_back

# Few characters, so that columns and rows have texts in common; COPY escapes some of them.
WORDS = st.text(alphabet="aAbB1.0\\tN\t\n\r =é%_ß\x1f", min_size=1, max_size=5)
PRICES = st.sampled_from([*map(Decimal, ("1", "10", "1.0", "0.10", "100.50", "1000000"))])
ROWS = st.builds(
    Instrument,
    broker=st.sampled_from(["zerodha", 'b,\\{}"']),
    exchange=st.sampled_from(["NSE", "N\tF"]),
    symbol=WORDS,
    name=WORDS | st.none() | st.just(""),
    broker_symbol=WORDS,
    broker_exchange=WORDS,
    token=WORDS,
    instrument_type=st.sampled_from(["EQ", "CE", "x\\"]),
    underlying=WORDS | st.none() | st.just(""),
    expiry=st.dates() | st.none(),
    strike=PRICES | st.none(),
    lot_size=st.integers(0, 2**63 - 1),
    tick_size=PRICES,
    contract_value=PRICES | st.none(),
    freeze_quantity=st.integers(1, 2**63 - 1) | st.none(),
)


def consistent(rows: list[Instrument]) -> list[Instrument]:
    """Return rows of which no two share a symbol or a token, some named as their underlying."""
    by_symbol = {(row.broker, row.exchange, row.symbol): row for row in rows}
    by_token = {(row.broker, row.exchange, row.token): row for row in by_symbol.values()}
    return [
        replace(row, name=row.underlying) if row.lot_size % 2 else row for row in by_token.values()
    ]


@pytest.mark.long("builds sixty indexes, each with rows in the database")
@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(rows=st.lists(ROWS, max_size=12).map(consistent), text=WORDS, limit=st.integers(1, 5))
def test_every_row_is_found_as_by_sql(
    shared_db: Database, rows: list[Instrument], text: str, limit: int
) -> None:
    with rolled_back(shared_db) as tx:
        instruments.count_by_broker(tx, "")  # the first statement begins the transaction
        connection = tx._inner._open.connection  # to insert rows that a load would reject
        insert(connection, rows)
        index = live_index.build(tx, "zerodha", 'b,\\{}"')

        assert_lookups_find(
            index,
            [instruments.get(tx, row.broker, row.exchange, row.symbol) or row for row in rows],
        )
        assert [index.get(row.broker, row.exchange, row.symbol) for row in rows] == rows
        mine = reference.prepared(row for row in rows if row.broker == "zerodha")
        listed = index.search("zerodha", text, limit=limit)
        assert listed == reference.search(mine, text, limit)
        assert listed == search.search(tx, "zerodha", text, limit=limit)
        for row in rows:
            found = index.find_by_broker_symbol(row.broker, row.exchange, row.broker_symbol)
            place = (row.broker, row.exchange, row.broker_symbol)
            same = [
                each for each in rows if (each.broker, each.exchange, each.broker_symbol) == place
            ]
            listed = sorted(same, key=lambda each: each.symbol)
            assert index.list_by_broker_symbol(*place) == listed
            assert instruments.list_by_broker_symbol(tx, *place) == listed
            assert found == (listed[0] if len(listed) == 1 else None)
            assert instruments.find_by_broker_symbol(tx, *place) == found
