"""Values come back from PostgreSQL unchanged; values that cannot be sent are refused before."""

# mypy: disable-error-code="empty-body"

from collections.abc import Callable
from datetime import UTC, date, datetime, time, timedelta, timezone
from decimal import Decimal
from enum import Enum
from types import NoneType
from typing import Any, Literal, NewType
from uuid import UUID

import pytest

from oadb import Database
from oadb.engine.binding.annotations import value_type
from oadb.engine.binding.queries import Query
from oadb.errors import ParameterError
from tests.engine.binding.probes import probes

INDIA = timezone(timedelta(hours=5, minutes=30))
NOON = datetime(2025, 7, 31, 12, tzinfo=UTC)
DOCUMENT = {"a": [1, 2.5, None, True, "é🚀"], "": {"b'": '"\\'}, "%s": "$1 :x"}

VALUES: dict[str, tuple[Any, list[Any]]] = {
    "smallint": (int, [0, -(2**15), 2**15 - 1]),
    "integer": (int, [0, -(2**31), 2**31 - 1]),
    "bigint": (int, [0, 1, -1, 3_000_000_000, 2**63 - 1, -(2**63)]),
    "double precision": (float, [0.1, -1e308, 5e-324, float("inf"), float("-inf"), 3.0]),
    "numeric": (Decimal, [Decimal(s) for s in ("0.10", "-1E+5", "1E-30", "Infinity", "9" * 40)]),
    "boolean": (bool, [True, False]),
    "text": (str, ["", "'", '"', "\\", "é🚀", "\n\t\r", "%s $1 :x", "null", "NULL", "{a,b}", " "]),
    "varchar": (str, ["a" * 10_000]),
    "bytea": (bytes, [b"", b"\0\xff'\\", b"\\x41"]),
    "date": (date, [date.min, date(2025, 7, 31), date.max]),
    "timestamptz": (
        datetime,
        [NOON, NOON.astimezone(INDIA), datetime(1, 1, 2, tzinfo=UTC), NOON.replace(microsecond=1)],
    ),
    "time": (time, [time.min, time(9, 15), time.max]),
    "interval": (timedelta, [timedelta(0), -timedelta(days=1, microseconds=1), timedelta(9999)]),
    "uuid": (UUID, [UUID(int=0), UUID(int=2**128 - 1)]),
    "jsonb": (dict[str, object], [{}, DOCUMENT]),
}
ECHOES = [(kind, python, value) for kind, (python, values) in VALUES.items() for value in values]
ARRAYS = [(kind, python, list(values)) for kind, (python, values) in VALUES.items()]


def echo(kind: str, annotation: Any, returns: Any = None) -> Query[..., Any]:
    """Declare a query that gives its parameter, a PostgreSQL *kind*, back."""

    def probe(value: Any) -> Any: ...

    probe.__annotations__ = {"value": annotation, "return": returns or annotation}
    query = probes(f"-- name: probe\nselect :value::{kind} as value;")
    declared: Query[..., Any] = query(probe)
    query.complete()
    return declared


@pytest.mark.parametrize(("kind", "python", "value"), ECHOES)
def test_a_value_comes_back_unchanged(
    shared_db: Database, kind: str, python: Any, value: object
) -> None:
    back = echo(kind, python)(shared_db, value)

    assert back == value
    assert type(back) is type(value)


@pytest.mark.parametrize(("kind", "python", "values"), ARRAYS)
def test_an_array_comes_back_unchanged(
    shared_db: Database, kind: str, python: Any, values: list[Any]
) -> None:
    arrays = echo(f"{kind}[]", list[python], list[python] | None)

    assert arrays(shared_db, values) == values
    assert arrays(shared_db, values[:1]) == values[:1]
    assert arrays(shared_db, []) == []


@pytest.mark.parametrize(
    ("kind", "python"), [(kind, python) for kind, (python, _) in VALUES.items()]
)
def test_none_is_null_if_the_annotation_allows_it(
    shared_db: Database, kind: str, python: Any
) -> None:
    assert echo(kind, python | None)(shared_db, None) is None
    with pytest.raises(ParameterError, match=r"must be .*, not NoneType"):
        echo(kind, python)(shared_db, None)


class Side(str, Enum):  # noqa: UP042  # whose str() is not its value
    """A text."""

    BUY = "buy"


class Lot(int, Enum):
    """A number."""

    NIFTY = 75


class Step(float, Enum):
    """A fraction."""

    TICK = 0.05


MEMBERS: list[tuple[str, Any, Any]] = [
    ("text", str, Side.BUY),
    ("bigint", int, Lot.NIFTY),
    ("double precision", float, Step.TICK),
]


@pytest.mark.parametrize(("kind", "python", "member"), MEMBERS)
def test_a_member_of_an_enumeration_of_a_plain_type_is_sent_as_its_value(
    shared_db: Database, kind: str, python: Any, member: Any
) -> None:
    assert echo(kind, python)(shared_db, member) == member.value
    listed = echo(f"{kind}[]", list[python], list[python] | None)
    assert listed(shared_db, [member]) == [member.value]


def test_a_time_of_another_zone_is_the_same_moment(shared_db: Database) -> None:
    back: datetime = echo("timestamptz", datetime)(shared_db, NOON.astimezone(INDIA))

    assert back == NOON
    assert back.utcoffset() is not None


def test_whole_numbers_and_fractions_may_be_mixed_where_floats_are_expected(
    shared_db: Database,
) -> None:
    assert echo("double precision", float)(shared_db, 3) == 3.0
    assert echo("float8[]", list[float], list[float] | None)(shared_db, [1, 2.5]) == [1.0, 2.5]


REFUSED: list[tuple[str, Any, object]] = [
    ("bigint", int, True),
    ("bigint", int, 1.0),
    ("bigint", int, "1"),
    ("bigint", int, Decimal(1)),
    ("float8", float, "1.5"),
    ("float8", float, Decimal("1.5")),
    ("float8", float, True),
    ("numeric", Decimal, 1.5),
    ("numeric", Decimal, 1),
    ("numeric", Decimal, "1.5"),
    ("bool", bool, 1),
    ("bool", bool, "true"),
    ("text", str, 1),
    ("text", str, b"bytes"),
    ("bytea", bytes, "text"),
    ("bytea", bytes, bytearray(b"bytes")),
    ("date", date, NOON),
    ("date", date, "2025-07-31"),
    ("timestamptz", datetime, NOON.replace(tzinfo=None)),
    ("timestamptz", datetime, date(2025, 7, 31)),
    ("timestamptz", datetime, "2025-07-31"),
    ("time", time, time(12, tzinfo=INDIA)),
    ("time", time, "12:00"),
    ("interval", timedelta, 60),
    ("uuid", UUID, str(UUID(int=1))),
    ("jsonb", dict[str, object], ["a"]),
    ("jsonb", dict[str, object], "{}"),
    ("bigint[]", list[int], (1, 2)),
    ("bigint[]", list[int], 1),
    ("bigint[]", list[int], [1, True]),
    ("bigint[]", list[int], [1, None]),
    ("bigint[]", list[int], [[1]]),
    ("text[]", list[str], "text"),
    ("text[]", list[str], ["text", 1]),
    ("timestamptz[]", list[datetime], [NOON, NOON.replace(tzinfo=None)]),
    ("date[]", list[date], [NOON]),
]


@pytest.mark.parametrize(("kind", "annotation", "value"), REFUSED)
def test_a_value_of_another_type_is_refused_by_name(
    shared_db: Database, kind: str, annotation: Any, value: object
) -> None:
    before = shared_db.stats()
    with pytest.raises(ParameterError, match=r"^probe\.probe: value(\[\d\])? must be ") as refused:
        echo(kind, annotation, int)(shared_db, value)

    assert str(value) not in str(refused.value).replace("bytes", "").replace("text", "")
    assert shared_db.stats() == before


def test_the_error_for_a_naive_datetime_asks_for_a_time_zone(shared_db: Database) -> None:
    with pytest.raises(ParameterError, match="value must be datetime with a time zone"):
        echo("timestamptz", datetime)(shared_db, NOON.replace(tzinfo=None))


@pytest.mark.parametrize(
    ("text", "reason"),
    [("hunter2\0", "a NUL character"), ("hunter2\ud800", "a lone surrogate")],
    ids=["nul", "surrogate"],
)
@pytest.mark.parametrize("where", ["database", "transaction", "array"])
def test_text_that_cannot_be_sent_is_refused_by_name_and_never_shown(
    shared_db: Database, text: str, reason: str, where: str
) -> None:
    texts = echo("text[]", list[str], list[str] | None)
    with pytest.raises(ParameterError, match=f"value holds {reason}") as refused:  # noqa: PT012  # one of three statements
        if where == "database":
            echo("text", str)(shared_db, text)
        elif where == "array":
            texts(shared_db, ["good", text])
        else:
            with shared_db.transaction() as tx:
                echo("text", str)(tx, text)

    assert "hunter2" not in repr(refused.value)
    assert refused.value.__context__ is None
    assert refused.value.__cause__ is None


def test_a_transaction_goes_on_after_a_refused_value(shared_db: Database) -> None:
    with shared_db.transaction() as tx:
        for bad in ("a\0", "\ud800"):
            with pytest.raises(ParameterError):
                echo("text", str)(tx, bad)

        assert echo("text", str)(tx, "good") == "good"


@pytest.mark.parametrize(
    ("kind", "annotation", "values"),
    [
        ("bigint", int | None, [1, 40_000, 3_000_000_000, 2**62, None]),
        ("float8", float, [1, 1.5, 2**40]),
        ("numeric", Decimal, [Decimal(1), Decimal("1.5"), Decimal("1E+50")]),
        ("text", str | None, ["", "a" * 100_000, None]),
        ("bigint[]", list[int] | None, [[], [1], [2**40], [1, 2**40], None]),
        ("text[]", list[str], [[], ["a"], ["a" * 10_000]]),
        ("jsonb", dict[str, object], [{}, DOCUMENT]),
        ("timestamptz", datetime, [NOON, NOON.astimezone(INDIA)]),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_one_statement_is_prepared_whatever_the_size_of_its_values(
    shared_db: Database, kind: str, annotation: Any, values: list[Any]
) -> None:
    probe = echo(f"{kind} is null or true", annotation, bool)
    with shared_db.transaction() as tx:
        before = prepared(tx)
        for value in values:
            probe(tx, value)

        assert prepared(tx) == before + 1


count = probes("""
-- name: count_prepared
select count(*) from pg_catalog.pg_prepared_statements where statement like '%probe.probe%';
""")


@count
def count_prepared() -> int: ...


count.complete()
prepared: Callable[..., int] = count_prepared

UserId = NewType("UserId", int)


@pytest.mark.parametrize(
    ("annotation", "shown"),
    [
        (int, "int"),
        (UserId, "int"),
        (Literal["buy", "sell"], "str"),
        (list[str] | None, "list[str] | None"),
        (dict[str, object], "dict"),
        (datetime, "datetime with a time zone"),
    ],
)
def test_an_annotation_is_shown_as_it_is_written(annotation: Any, shown: str) -> None:
    assert str(value_type(annotation)) == shown


@pytest.mark.parametrize(
    "annotation",
    [object, Any, NoneType, list, int | str, set[int], complex, Literal[1, "a"]],
)
def test_an_annotation_that_no_column_can_have_is_not_a_value_type(annotation: Any) -> None:
    assert value_type(annotation) is None
