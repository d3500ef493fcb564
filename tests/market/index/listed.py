"""Instruments for tests of the index: the real dumps, where they are, and rows of all oddities."""

from collections.abc import Iterable
from dataclasses import astuple, fields
from pathlib import Path

import psycopg
import pytest
from psycopg.types.json import Jsonb

from oadb.market.brokers import zerodha
from oadb.market.instruments import Instrument, Listing

DUMPS = Path(__file__).resolve().parents[4] / "shared" / "data"

COLUMNS = [column.name for column in fields(Instrument)]


def real() -> list[Instrument]:
    """Return the shares of the real dumps and some of the derivatives; skip where they are absent.

    The derivatives of underlyings from N on, NIFTY and RELIANCE among them: a third of all, which
    takes a third of the time.
    """
    found = [*_read("kite_nse.csv.gz"), *_read("kite_nfo.csv.gz")]
    return [row for row in found if row.underlying is None or row.underlying >= "N"]


def _read(name: str) -> list[Instrument]:
    if not (DUMPS / name).exists():
        pytest.skip(f"{name} is not here")
    return [row.instrument() for row in zerodha.read(DUMPS / name) if isinstance(row, Listing)]


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
