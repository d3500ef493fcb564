"""Instruments for tests of the index: a made-up market, and a real one where its files are."""

from collections.abc import Callable, Iterable
from dataclasses import astuple, fields

import psycopg
from psycopg.types.json import Jsonb

from oadb.market.brokers import zerodha
from oadb.market.instruments import Instrument, Listing
from tests.support import broker_files, large_market

COLUMNS = [column.name for column in fields(Instrument)]


def _real() -> list[Instrument]:
    """Return the shares of Zerodha's files and some of the derivatives.

    The derivatives of underlyings from N on, NIFTY and RELIANCE among them: a third of all, which
    takes a third of the time.
    """
    rows = [
        row.instrument()
        for path in broker_files.found(*broker_files.ZERODHA)
        for row in zerodha.read(path)
        if isinstance(row, Listing)
    ]
    return [row for row in rows if row.underlying is None or row.underlying >= "N"]


MARKETS: dict[str, Callable[[], list[Instrument]]] = {"made up": large_market.instruments}
"""What to compare the index with SQL on, by name."""

if len(broker_files.found(*broker_files.ZERODHA)) == len(broker_files.ZERODHA):
    MARKETS["real"] = _real


def insert(connection: psycopg.Connection, rows: Iterable[Instrument]) -> None:
    """Add rows, and nothing that tells of it."""
    names = psycopg.sql.SQL(", ").join(map(psycopg.sql.Identifier, COLUMNS))
    copy = psycopg.sql.SQL("copy oadb.instruments ({}) from stdin").format(names)
    with connection.cursor() as cursor, cursor.copy(copy) as rows_in:
        for row in rows:
            rows_in.write_row(astuple(row))


def replace_all(url: str, broker: str, rows: Iterable[Instrument], *, notify: bool = True) -> None:
    """Replace what a broker lists as a load does it: recorded and, if wanted, notified."""
    with psycopg.connect(url) as connection:
        connection.execute("delete from oadb.instruments where broker = %s", (broker,))
        insert(connection, rows)
        connection.execute(
            "insert into oadb.instrument_loads (broker, source, outcome, ended_at, exchanges) "
            "values (%s, 'test', 'loaded', clock_timestamp(), %s)",
            (broker, Jsonb({})),
        )
        if notify:
            connection.execute("select pg_notify('oadb_instruments', %s)", (broker,))
