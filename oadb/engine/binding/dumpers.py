"""How values are sent: as text, so that the server infers types from the statement.

As PREPARE does when a DBA pastes it. psycopg alone would choose a type for each value (smallint for
1, bigint for 3000000000), and prepare a statement for each.
"""

from datetime import date, datetime, time, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

import psycopg
from psycopg.adapt import AdaptersMap, Dumper
from psycopg.types.bool import BoolDumper
from psycopg.types.datetime import DateDumper, DatetimeDumper, TimedeltaDumper, TimeDumper
from psycopg.types.json import JsonbDumper
from psycopg.types.numeric import DecimalDumper, FloatDumper, Int8Dumper
from psycopg.types.string import BytesBinaryDumper, BytesDumper
from psycopg.types.uuid import UUIDDumper

_DUMPERS: tuple[tuple[type, type[Dumper]], ...] = (
    (int, Int8Dumper),
    (float, FloatDumper),
    (Decimal, DecimalDumper),
    (bool, BoolDumper),
    (bytes, BytesDumper),
    (bytes, BytesBinaryDumper),
    (date, DateDumper),
    (datetime, DatetimeDumper),
    (time, TimeDumper),
    (timedelta, TimedeltaDumper),
    (UUID, UUIDDumper),
    (dict, JsonbDumper),
)


def _adapters(*, typed: bool) -> AdaptersMap:
    adapters = AdaptersMap(psycopg.adapters)
    for python, dumper in _DUMPERS:
        untyped = type(f"Untyped{dumper.__name__}", (dumper,), {"oid": 0})
        adapters.register_dumper(python, dumper if typed else untyped)
    return adapters


class Untyped:
    """The context from which connections take the dumpers of psycopg's cursors."""

    adapters = _adapters(typed=False)
    connection = None


class Sent:
    """The context of what the engine sends by itself, which is always without types.

    psycopg puts its dumpers in C in the place of its own classes, but not of their subclasses.
    """

    adapters = _adapters(typed=True)

    def __init__(self, connection: Any) -> None:
        self.connection = connection
