"""No number, date or interval that a public operation takes makes a list unreadable.

Extremes go through every public function that takes one, in its arguments, in the fields of its
objects and in its documents. Whatever is stored is then read back through every list of the room,
on connections of the time zones that shift a time most.
"""

import dataclasses
import inspect
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from datetime import UTC, date, datetime, time, timedelta, timezone
from decimal import Decimal
from functools import cache
from math import inf, nan
from typing import Any

import psycopg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from oadb import Database, Secret
from oadb.accounts import api_keys, broker_tokens, sessions
from oadb.accounts.broker_tokens import Tokens
from oadb.engine.binding.objects import ObjectType, argument_kind
from oadb.engine.binding.values import ValueType
from oadb.engine.executors import Executor
from oadb.errors import Error, TransactionError
from oadb.market.instruments import Instrument
from oadb.market.loads import LoadLimits
from oadb.settings import user_settings
from oadb.trading import chartink, pending_orders, strategies
from oadb.trading.chartink import ChartinkMapping
from oadb.trading.strategies import SymbolMapping
from tests.conftest import configured
from tests.support.accounts import account, new_user
from tests.support.each import for_each
from tests.test_bad_arguments import arguments, kinds
from tests.test_public_api import CALLS

EAST, WEST = (timezone(timedelta(hours=hours)) for hours in (14, -12))
ZONES = ("UTC", "Pacific/Kiritimati", "Etc/GMT+12", "Asia/Kolkata")

NUMBERS = [0, -1, 1, 2**15, 2**31 - 1, 2**31, -(2**31), 2**53 + 1, 2**63 - 1, -(2**63), 2**63]
FLOATS = [0.0, -0.0, -1.0, 5e-324, 1.8e308, -1.8e308, 1e16, inf, -inf, nan]
DAY, CENTURY = timedelta(days=1), timedelta(days=36_500)

EXTREMES: dict[type, Sequence[Any]] = {
    int: NUMBERS,
    float: FLOATS,
    Decimal: [
        Decimal(text)
        for text in ("0", "-1", "NaN", "Infinity", "-Infinity", "1E+131071", "1E+999999",
                     "1E-16383", "1E-20000", "9" * 60, "0." + "1" * 60)
    ],
    date: [date.min, date.min + DAY, date(1970, 1, 1), date.max - DAY, date.max],
    datetime: [
        moment.replace(tzinfo=zone)
        for moment in (datetime.min, datetime.min + DAY, datetime.max - DAY, datetime.max)  # noqa: DTZ901  # below
        for zone in (UTC, EAST, WEST)
    ],
    time: [time.min, time.max],
    timedelta: [
        timedelta.min, timedelta.max, timedelta.resolution, timedelta(), CENTURY,
        CENTURY + timedelta.resolution, 20 * CENTURY, timedelta(days=9000 * 365), -CENTURY,
    ],
    dict: [{"n": value} for value in (*NUMBERS, *FLOATS, 2**64, 10**4000, 10**5000)],
}  # fmt: skip  # a table

READS = ("list_", "get", "count", "find_", "open", "statistics", "stream", "export", "search")

COUNT = user_settings.declare("attacks.count", int, default=0)
RATIO = user_settings.declare("attacks.ratio", float, default=0.0)


@dataclasses.dataclass(frozen=True, slots=True)
class Attack:
    """An extreme value of one argument, or of a field of it."""

    label: str
    name: str
    field: str | None
    value: Any

    def __str__(self) -> str:
        # The text of a number in a document may be too long to be written.
        value = type(self.value).__name__ if isinstance(self.value, dict) else self.value
        return f"{self.label.removeprefix('oadb.')} {self.name}.{self.field}={value!r}"


def extremes(kind: Any) -> Sequence[Any]:
    """Return the extremes of a type that has some."""
    return EXTREMES.get(kind.python, ()) if isinstance(kind, ValueType) else ()


def attacks() -> Iterator[Attack]:
    for label in CALLS:
        for name, kind in kinds(label).items():
            if isinstance(kind, ObjectType):
                yield from _attacks_inside(label, name, kind.python)
            yield from (Attack(label, name, None, value) for value in extremes(kind))
    yield from _attacks_inside("oadb.market.loads.load", "rows", Instrument)
    for value in (*NUMBERS, *FLOATS):
        yield Attack("oadb.settings.user_settings.put", "choices", None, value)


def _attacks_inside(label: str, name: str, python: type) -> Iterator[Attack]:
    for field, annotation in inspect.get_annotations(python, eval_str=True).items():
        for value in extremes(argument_kind(annotation)):
            yield Attack(label, name, field, value)


ATTACKS = [*attacks()]


def test_every_kind_of_value_is_attacked() -> None:
    assert {type(attack.value) for attack in ATTACKS} == {*EXTREMES}
    assert len({(attack.label, attack.name, attack.field) for attack in ATTACKS}) > 150


@dataclasses.dataclass(frozen=True, slots=True, repr=False)
class World:
    """Databases, by the time zone of their connections, and the rows that arguments name."""

    databases: Sequence[Database]
    named: dict[str, Any]

    def arguments(self, label: str) -> dict[str, Any]:
        known = dict.fromkeys(inspect.signature(CALLS[label].value).parameters)
        rows = {name: value for name, value in self.named.items() if name in known}
        if "mappings" in known:
            rows["mappings"] = [CHARTINK if "chartink" in label else MAPPING]
            rows["strategy_id"] = self.named[
                "chartink_id" if "chartink" in label else "strategy_id"
            ]
        return {**arguments(label), **rows}


MAPPING = SymbolMapping("INFY", "NSE", 1, "MIS")
CHARTINK = ChartinkMapping("INFY", "NSE", 1, "MIS")
LISTED = Instrument(
    "zerodha", "NFO", "INFY26NOV1500CE", "INFY", "INFY", "NFO", "1", "CE", "INFY",
    date(2026, 11, 24), Decimal(1500), 400, Decimal("0.05"), Decimal(1),
)  # fmt: skip  # the order of its fields


@pytest.fixture(scope="module")
def world(url: str) -> Iterator[World]:
    joined = "&" if "?" in url else "?"
    db, *others = (
        Database(configured(f"{url}{joined}options=-c%20timezone%3D{zone.replace('+', '%2B')}"))
        for zone in ZONES
    )
    with db, others[0], others[1], others[2]:
        user_id = new_user(db)
        named = {
            "user_id": user_id,
            "by": user_id,
            "account": account(db, user_id),
            "rows": [LISTED],
            "broker": "zerodha",
            "limits": LoadLimits(),
            "choices": COUNT.to(1),
            "key": COUNT,
            "keys": COUNT,
            "api_key_id": api_keys.create(db, user_id, "a", order_mode="auto").key.api_key_id,
            "session_id": sessions.create(db, account(db, user_id)).session.session_id,
            "strategy_id": strategies.create(db, user_id, "Trend").strategy.strategy_id,
            "chartink_id": chartink.create(db, user_id, "Scan").strategy.strategy_id,
            "pending_order_id": pending_orders.create(
                db, user_id, "placeorder", {}
            ).pending_order_id,
        }
        broker_tokens.put(db, user_id, "zerodha", Tokens(Secret("x")))
        yield World([db, *others], named)


@pytest.mark.long("extremes through every operation")
@pytest.mark.usefixtures("cheap_hashing")
@for_each("attack", ATTACKS[::4])
def test_no_extreme_that_is_stored_makes_a_list_fail(world: World, attack: Attack) -> None:
    try_in_every_zone(world, attack)


@pytest.mark.slow  # each is tried in four time zones, and every list read then
@pytest.mark.usefixtures("cheap_hashing")
@for_each("attack", ATTACKS)
def test_none_of_all_extremes_makes_a_list_fail(world: World, attack: Attack) -> None:
    try_in_every_zone(world, attack)


def try_in_every_zone(world: World, attack: Attack) -> None:
    shifted = isinstance(attack.value, datetime | date | timedelta)

    for db in world.databases if shifted else world.databases[:1]:
        carry_out(world, db, attack)


ANY: dict[type, st.SearchStrategy[Any]] = {
    int: st.integers(-(2**65), 2**65),
    float: st.floats(),
    Decimal: st.decimals(),
    date: st.dates(),
    datetime: st.datetimes(timezones=st.sampled_from([UTC, EAST, WEST])),
    time: st.times(),
    timedelta: st.timedeltas(),
    dict: st.dictionaries(st.text(), st.integers() | st.floats()),
}


@pytest.mark.long("values through every operation")
@pytest.mark.usefixtures("cheap_hashing")
@settings(max_examples=100, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.data())
def test_no_value_that_is_stored_makes_a_list_fail(world: World, data: st.DataObject) -> None:
    attack = data.draw(st.sampled_from(ATTACKS))
    value = data.draw(ANY[type(attack.value)])
    db = data.draw(st.sampled_from(world.databases))

    carry_out(world, db, dataclasses.replace(attack, value=value))


def carry_out(world: World, db: Database, attack: Attack) -> None:
    """Pass the value; if it is taken, read every list of the room."""
    try:
        with suppress(UndoError):
            try_out(world, db, attack)
    except TransactionError:
        with suppress(Error), stored_or_refused(attack):
            pass_on(world, db, attack)
        read_all(world, db, attack)


def try_out(world: World, db: Database, attack: Attack) -> None:
    """Do it in a transaction, and undo it."""
    with db.transaction() as tx:
        with suppress_refusal(), stored_or_refused(attack), tx.transaction() as nested:
            pass_on(world, nested, attack)
        read_all(world, tx, attack)
        raise UndoError


@contextmanager
def suppress_refusal() -> Iterator[None]:
    """Suppress a refusal, but not that of a transaction."""
    try:
        yield
    except TransactionError:
        raise
    except Error:
        pass


@contextmanager
def stored_or_refused(attack: Attack) -> Iterator[None]:
    """Suppress a refusal by the server; fail for what it stored and Python cannot hold."""
    try:
        yield
    except psycopg.Error as error:
        if error.sqlstate is None:
            pytest.fail(f"{attack}: {error}")


class UndoError(Exception):
    """Undoes what an attack has written."""


def pass_on(world: World, db: Executor, attack: Attack) -> None:
    given = world.arguments(attack.label)
    value = attack.value if attack.field is None else replaced(given[attack.name], attack)
    if attack.name == "choices":
        key: Any = COUNT if isinstance(attack.value, int) else RATIO
        user_settings.put(db, given["user_id"], key.to(value))
        return
    result = call(CALLS[attack.label].value, db, {**given, attack.name: value})
    if inspect.isgenerator(result):
        assert all(map(repr, result))


def replaced(given: Any, attack: Attack) -> Any:
    """Return an object, or a sequence of one, with the field that is attacked."""
    single = given[0] if isinstance(given, list) else given
    changed = dataclasses.replace(single, **{str(attack.field): attack.value})
    return [changed] if isinstance(given, list) else changed


def call(function: Callable[..., Any], db: Executor, given: dict[str, Any]) -> Any:
    positional = [
        argument
        for each in inspect.signature(function).parameters.values()
        if each.kind is each.VAR_POSITIONAL and each.name in given
        for argument in [given.pop(each.name)]
    ]
    return function(db, *([given.pop("user_id")] if positional else []), *positional, **given)


def read_all(world: World, db: Executor, attack: Attack) -> None:
    room = attack.label.split(".")[1]
    for label in readers(room):
        try:
            result = call(CALLS[label].value, db, world.arguments(label))
            if inspect.isgenerator(result):
                assert all(map(repr, result))
        except (Error, psycopg.Error) as error:
            pytest.fail(f"{label} after {attack}: {type(error).__name__}: {error}")


@cache
def readers(room: str) -> list[str]:
    """Return the public functions of a room that only read."""
    found = [label for label in CALLS if label.split(".")[1] == room]
    return [label for label in found if label.rpartition(".")[2].startswith(READS)]
