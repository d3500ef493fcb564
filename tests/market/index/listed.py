"""Instruments for the tests of the index: a made-up market, and a real one if its files exist."""

from collections.abc import Callable, Iterable
from dataclasses import astuple, fields

import psycopg
from psycopg.types.json import Jsonb

from oadb.market.brokers import zerodha
from oadb.market.index.lookups import InstrumentIndex
from oadb.market.instruments import Instrument, Listing
from tests.support import broker_files, large_market

COLUMNS = [column.name for column in fields(Instrument)]


def _real() -> list[Instrument]:
    """Return the shares of Zerodha's files, and the derivatives of underlyings from N on.

    These include NIFTY and RELIANCE, and are a third of all derivatives, to save time.
    """
    rows = [
        row.instrument()
        for path in broker_files.found(*broker_files.ZERODHA)
        for row in zerodha.read(path)
        if isinstance(row, Listing)
    ]
    return [row for row in rows if row.underlying is None or row.underlying >= "N"]


MARKETS: dict[str, Callable[[], list[Instrument]]] = {"made up": large_market.instruments}
"""Makers of the markets in which the index is compared with SQL, by name."""

if len(broker_files.found(*broker_files.ZERODHA)) == len(broker_files.ZERODHA):
    MARKETS["real"] = _real


def insert(connection: psycopg.Connection, rows: Iterable[Instrument]) -> None:
    """Insert rows without the record and the hint of a load."""
    names = psycopg.sql.SQL(", ").join(map(psycopg.sql.Identifier, COLUMNS))
    copy = psycopg.sql.SQL("copy oadb.instruments ({}) from stdin").format(names)
    with connection.cursor() as cursor, cursor.copy(copy) as rows_in:
        for row in rows:
            rows_in.write_row(astuple(row))


def replace_all(url: str, broker: str, rows: Iterable[Instrument], *, notify: bool = True) -> None:
    """Replace the instruments of a broker, with the record and the hint of a load."""
    with psycopg.connect(url) as connection:
        connection.execute("delete from oadb.instruments where broker = %s", (broker,))
        insert(connection, rows)
        connection.execute(
            "insert into oadb.instrument_loads (broker, source, outcome, ended_at, exchanges) "
            "values (%s, 'test', 'loaded', clock_timestamp(), %s)",
            (broker, Jsonb({})),
        )
        if notify:
            connection.execute("notify oadb_instruments")


def assert_lookups_find(index: InstrumentIndex, rows: list[Instrument]) -> None:
    """Look up each of *rows*, which SQL returned, by all keys; there are no others."""
    for row in rows:
        place = row.broker, row.exchange
        assert index.get(*place, row.symbol) == row
        assert index.find_by_token(*place, row.token) == row
        assert index.get_token(*place, row.symbol) == row.token
        assert index.get_symbol(*place, row.token) == row.symbol
        assert index.get_broker_symbol(*place, row.symbol) == row.broker_symbol
        assert row in index.list_by_broker_symbol(*place, row.broker_symbol)
    assert len(index) == len(rows)
