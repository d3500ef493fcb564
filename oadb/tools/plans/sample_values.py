"""Values for the parameters of a statement, for which it is planned: those of an ordinary call.

A caller asks for a hundred rows, for ten keys at once, and for the last three days. Numbers, texts
and times are such as no statement writes itself, so that a plan's conditions show where they stand.
"""

import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta

from oadb.engine.binding.declarations import Declaration
from oadb.engine.binding.values import ValueType

ROWS, KEYS, DAYS = 100, 10, 3
"""How many rows and keys a caller asks for, and how many days back."""

_LIMIT = re.compile(r"\b(?:limit|offset)\s+\(*:(\w+)", re.IGNORECASE)
_BEGINNING = re.compile(r"since|after|first|begin|from|oldest")

# A text that the statement reads as another type: :ip::text::inet, :ids::text[]::uuid[].
_CAST = re.compile(
    r":(\w+)(?:::text(?:\[\])?::| as text\)(?: as |::))(double precision|\w+)(\[\])?", re.IGNORECASE
)
_NAMES = {
    "bigint": "int8", "integer": "int4", "smallint": "int2", "boolean": "bool",
    "double precision": "float8", "real": "float4",
}  # fmt: skip  # a table

_ZONE = "Asia/Kolkata"

# Types of which no number is needed to tell values apart.
_PLAIN = {"bool": "true", "jsonb": "{}", "json": "{}", "date": "2026-01-31", "time": "09:15"}


def sample_values(statement: Declaration, now: datetime) -> dict[str, str | None]:
    """Return a value for each parameter, as a text that PostgreSQL reads; None of unknown types.

    Args:
        now: the time until which a caller asks, with its zone.
    """
    limits = {*_LIMIT.findall(statement.sql)}
    casts = {
        name: (_NAMES.get(to.lower(), str(to).lower()), str(array))
        for name, to, array in _CAST.findall(statement.sql)
    }
    return {
        name: str(ROWS + number)
        if name in limits
        else _sample(name, kind, casts.get(name), number, now)
        for number, (name, kind) in enumerate(statement.parameters.items())
    }


def named_in(text: str, values: Mapping[str, str | None]) -> str:
    """Return a condition of a plan with ``:name`` where it has a value of ``sample_values``."""
    for number, name in enumerate(values):
        value = rf"'[^']*{_mark(number)}[^']*'(?:::[a-z ]+(?:\(\d\))?(?:\[\])?)?"
        text = re.sub(rf"{value}|\b{_mark(number)}\b", f":{name}", text)
    return text


def _mark(number: int) -> str:
    """Return the digits that tell the values of a parameter from others."""
    return f"{7100 + number}"


def _sample(
    name: str, kind: ValueType, cast: tuple[str, str] | None, number: int, now: datetime
) -> str | None:
    """Return the value of a parameter; *cast* is the type that the statement makes of its text."""
    is_array = kind.array or (cast is not None and cast[1] != "")
    if "zone" in name:
        one: str | None = _ZONE
    elif kind.choices:
        one = str(kind.choices[0])
    else:
        type_name = min(kind.postgres, default="") if cast is None else cast[0]
        one = _value(type_name.removeprefix("_"), name, number, now)
    if one is None or not is_array:
        return one
    quoted = one.replace("\\", "\\\\")
    return "{" + ",".join([f'"{quoted}"'] * KEYS) + "}"


def _value(type_name: str, name: str, number: int, now: datetime) -> str | None:
    mark = _mark(number)
    if type_name == "timestamptz":
        then = now - timedelta(days=DAYS) if _BEGINNING.search(name) else now
        return f"{then.astimezone(UTC):%Y-%m-%d %H:%M:%S}.{mark}1+00"
    forms = {
        "int2": mark, "int4": mark, "int8": mark, "numeric": mark, "float4": mark, "float8": mark,
        "text": f"x{mark}", "varchar": f"x{mark}", "bpchar": f"x{mark}", "name": f"x{mark}",
        "bytea": rf"\x{mark * 16}", "uuid": f"00000000-0000-0000-0000-00000000{mark}",
        "inet": f"2001:db8::{mark}", "cidr": f"2001:db8::{mark}", "interval": f"{mark} seconds",
        "pg_snapshot": f"{mark}:{mark}:",
    }  # fmt: skip  # a table
    return {**forms, **_PLAIN}.get(type_name)
