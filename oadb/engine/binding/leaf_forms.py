"""Forms of single values: what PostgreSQL writes of them, and JSON holds of them."""

import ipaddress
import json
import re
from collections.abc import Callable
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from enum import Enum
from typing import Any
from uuid import UUID

from oadb.engine.binding.forms import Form, MisfitError, Shape, expect
from oadb.engine.binding.text_forms import TEXTS
from oadb.engine.binding.values import POSTGRES, Rule, ValueType, bounds_broken

# Digits that a float holds exactly.
_EXACT_DIGITS = 15

_INTERVAL = re.compile(
    r"(?:(-?\+?\d+) years? ?)?(?:(-?\+?\d+) mons? ?)?(?:(-?\+?\d+) days? ?)?"
    r"(?:([-+]?)(\d+):(\d+):(\d+(?:\.\d+)?))?"
)


def _interval(text: str) -> timedelta:
    found = _INTERVAL.fullmatch(text)
    if found is None:
        raise ValueError
    years, months, days, sign, hours, minutes, seconds = (part or "0" for part in found.groups())
    whole, _, fraction = seconds.partition(".")
    clock = timedelta(
        hours=int(hours),
        minutes=int(minutes),
        seconds=int(whole),
        microseconds=int(f"{fraction:0<6}") if fraction else 0,
    )
    span = timedelta(days=int(years) * 365 + int(months) * 30 + int(days))
    return span - clock if sign == "-" else span + clock


READS: dict[type, Callable[[str], Any]] = {
    int: int, float: float, Decimal: Decimal, bool: {"t": True, "f": False}.__getitem__, str: str,
    bytes: lambda text: bytes.fromhex(text[2:]), date: date.fromisoformat,
    datetime: datetime.fromisoformat, time: time.fromisoformat, timedelta: _interval, UUID: UUID,
    dict: json.loads,
}  # fmt: skip  # a table

_AS_JSON: dict[type, Callable[[Any], Any]] = {
    Decimal: str, date: str, datetime: str, time: str, UUID: str,
}  # fmt: skip  # a table

_NO_JSON = frozenset({bytes, timedelta})

ADDRESSES: dict[type, tuple[str, Callable[[str], Any]]] = {
    ipaddress.IPv4Address: ("inet", ipaddress.ip_address),
    ipaddress.IPv6Address: ("inet", ipaddress.ip_address),
    ipaddress.IPv4Interface: ("inet", ipaddress.ip_interface),
    ipaddress.IPv6Interface: ("inet", ipaddress.ip_interface),
    ipaddress.IPv4Network: ("cidr", ipaddress.ip_network),
    ipaddress.IPv6Network: ("cidr", ipaddress.ip_network),
}
"""The PostgreSQL types of the classes of ipaddress, and what reads one."""


def leaf(kind: ValueType) -> Form:
    """Return the form of a plain value type: its values are loaded by psycopg."""
    python, shown, write = kind.python, str(kind), TEXTS[kind.python]

    def checked(value: Any) -> Any:
        if not kind.accepts(value):
            raise MisfitError(f"must be {shown}, not {type(value).__name__}")
        if python is int:
            _require_bounds(int, value)
        if kind.choices and value not in kind.choices:
            raise MisfitError(f"must be one of {', '.join(map(str, kind.choices))}")
        return value

    def read(value: Any) -> Any:
        return checked(parsed(shown, READS[python], value))

    to_json = _AS_JSON.get(python)
    return Form(
        python,
        shown,
        lambda value: write(_require_bounds(python, _ruled(kind.rule, checked(value)))),
        read,
        None if python in _NO_JSON else lambda value: _json(to_json, checked(value)),
        None if python in _NO_JSON else lambda value: checked(_from_json(python, shown, value)),
        POSTGRES[python],
    )


def _require_bounds(python: type, value: Any) -> Any:
    bounds = bounds_broken(python, [value])
    if bounds is not None:
        raise MisfitError(f"must be {bounds}")
    return value


def _ruled(rule: Rule | None, value: Any) -> Any:
    if rule is None:
        return value
    try:
        return rule.check(value)
    except ValueError as error:
        raise MisfitError(str(error)) from None


def parsed(shown: str, read: Callable[[str], Any], value: Any) -> Any:
    """Read a text; return what was loaded already.

    Raises:
        MisfitError: another text.
    """
    if not isinstance(value, str):
        return value
    try:
        return read(value)
    except (ValueError, ArithmeticError, LookupError):
        raise MisfitError(f"must be {shown}") from None


def _json(convert: Callable[[Any], Any] | None, value: Any) -> Any:
    return value if convert is None else convert(value)


def _from_json(python: type, shown: str, value: Any) -> Any:
    if python is Decimal and type(value) in {int, float}:
        digits = Decimal(repr(value))
        if isinstance(value, float) and len(digits.as_tuple().digits) > _EXACT_DIGITS:
            raise MisfitError("has more digits than JSON's numbers keep here; write it as text")
        return digits
    if python in _AS_JSON:
        expect(value, str, shown)
        return parsed(shown, READS[python], value)
    return value


def enum(kind: type[Enum]) -> Form | None:
    """Return the form of an Enum whose values are all texts, or all whole numbers."""
    members = {member.value: member for member in kind}
    kinds: set[type] = {type(value) for value in members}
    if kinds not in ({str}, {int}):
        return None
    python, name = kinds.pop(), kind.__name__

    def value_of(member: Any) -> Any:
        expect(member, kind, name)
        return member.value

    def member_of(value: Any) -> Any:
        try:
            return members[parsed(name, READS[python], value)]
        except (LookupError, TypeError):
            raise MisfitError(f"is not a member of {name}") from None

    labels = tuple(members) if python is str else ()
    shape: Shape = "enum" if python is str else "plain"
    return Form(
        kind, name, lambda member: str(value_of(member)), member_of, value_of, member_of,
        POSTGRES[python], shape, labels=labels,
    )  # fmt: skip  # the order of its fields


def address(kinds: tuple[type, ...]) -> Form:
    """Return the form of one class of ipaddress, or of that of IPv4 or IPv6."""
    postgres, read = ADDRESSES[kinds[0]]
    shown = " | ".join(kind.__name__ for kind in kinds)

    def text(value: Any) -> str:
        expect(value, kinds, shown)
        return str(value)

    def load(value: Any) -> Any:
        # psycopg loads an inet as an address or an interface, by its value.
        found = parsed(shown, read, str(value))
        expect(found, kinds, shown)
        return found

    return Form(kinds[0], shown, text, load, text, load, frozenset({postgres}))
