"""How values are sent: without a type, so that the server infers types from the statement.

As PREPARE does when a DBA pastes it. psycopg alone would choose a type for each value (smallint for
1, bigint for 3000000000), and prepare a statement for each.
"""

from datetime import date, datetime, time, timedelta
from decimal import Decimal
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


def _untyped_adapters() -> AdaptersMap:
    adapters = AdaptersMap(psycopg.adapters)
    for python, dumper in _DUMPERS:
        adapters.register_dumper(python, type(f"Untyped{dumper.__name__}", (dumper,), {"oid": 0}))
    return adapters


class Untyped:
    """The context from which connections take their dumpers."""

    adapters = _untyped_adapters()
    connection = None
