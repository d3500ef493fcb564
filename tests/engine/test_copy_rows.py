"""COPY of rows of a class, in and out, sync and async: all rows or none."""

from collections.abc import Generator, Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time, timedelta, timezone
from decimal import Decimal
from enum import Enum
from traceback import format_exception
from typing import Any, Literal
from uuid import UUID

import psycopg
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from oadb import Affected, Database
from oadb.engine.binding.queries import Queries
from oadb.engine.binding.statements import parse
from oadb.errors import DeclarationError, ParameterError
from tests.support.rig import Connect, Db, Observer, config

_TABLE = """
create table public.everything (
    n integer primary key, amount numeric, ratio double precision, is_on boolean, body text,
    raw bytea, day date, at timestamptz, clock time, age interval, key uuid, details jsonb,
    words text[], numbers bigint[]
)
"""

_COLUMNS = "n, amount, ratio, is_on, body, raw, day, at, clock, age, key, details, words, numbers"

_SQL = f"""
-- name: load
copy public.everything ({_COLUMNS}) from stdin;

-- name: export
copy (select {_COLUMNS} from public.everything order by n) to stdout;

-- name: export_numbers
copy (select n from generate_series(1, 5000) as n) to stdout;
"""

query = Queries("copies", parse(_SQL, "copies", "copies.sql"))


@dataclass(frozen=True, slots=True)
class Everything:
    """A row of public.everything."""

    n: int
    amount: Decimal | None = None
    ratio: float | None = None
    is_on: bool | None = None
    body: str | None = None
    raw: bytes | None = None
    day: date | None = None
    at: datetime | None = None
    clock: time | None = None
    age: timedelta | None = None
    key: UUID | None = None
    details: dict[str, object] | None = None
    words: list[str] | None = None
    numbers: list[int] | None = None


@query
def load(rows: Iterable[Everything]) -> Affected: ...


@query
def export() -> Iterator[Everything]: ...


@query
def export_numbers() -> Iterator[int]: ...


query.complete()


class Side(str, Enum):  # noqa: UP042  # whose str() is not its value
    """A text."""

    BUY = "buy"


FULL = Everything(
    n=1,
    amount=Decimal("12.50"),
    ratio=0.1,
    is_on=True,
    body="tab\t line\n return\r back\\slash \\N \\. ünïcode",
    raw=b"\0\\\xff",
    day=date(2026, 11, 29),
    at=datetime(2026, 11, 29, 6, 30, 0, 123456, UTC),
    clock=time(6, 30),
    age=timedelta(days=-1, seconds=5, microseconds=7),
    key=UUID(int=7),
    details={"a": ["\\", '"', None, 1.5], "ü": "\n"},
    words=["", "NULL", 'quo"te', "back\\slash", "com,ma", "tab\t"],
    numbers=[1, -(2**63)],
)


@pytest.fixture
def db(connect: Connect, observer: Observer) -> Db:
    observer.rows(_TABLE)
    return connect(pool_size=2)


def test_rows_are_stored_as_they_are_and_come_back(db: Db) -> None:
    rows = [FULL, Everything(2), replace(FULL, n=3, words=[], details={})]
    assert load(db, iter(rows)) == 3
    assert list(export(db)) == rows
    assert load(db, []) == 0


def test_a_member_of_an_enumeration_of_texts_is_stored_as_its_value(db: Db) -> None:
    assert load(db, [Everything(1, body=Side.BUY), Everything(2)]) == 2
    assert [row.body for row in export(db)] == ["buy", None]


@pytest.mark.parametrize("zone", [UTC, timezone(timedelta(hours=5, minutes=30))], ids=str)
def test_a_time_of_any_year_and_any_fraction_comes_back(db: Db, zone: timezone) -> None:
    years, fractions = (1, 999, 1000, 2026, 9998), (0, 1, 10, 999, 1000, 123_456, 999_999)
    first = [datetime(year, 1, 2, 23, 4, 59, tzinfo=zone) for year in years]
    times = [each.replace(microsecond=fraction) for each in first for fraction in fractions]

    load(db, [Everything(n, at=each) for n, each in enumerate(times)])

    assert [row.at for row in export(db)] == times


def test_many_more_rows_than_a_batch_come_back_in_order(db: Db) -> None:
    rows = [Everything(n, body=f"row {n}") for n in range(5001)]
    assert load(db, rows) == 5001
    assert list(export(db)) == rows
    assert list(export_numbers(db)) == [*range(1, 5001)]


def test_a_reader_may_stop_early(db: Db) -> None:
    numbers = export_numbers(db)
    assert next(numbers) == 1
    numbers.close()
    assert next(export_numbers(db)) == 1


@pytest.mark.parametrize(
    ("row", "fault"),
    [
        (replace(FULL, body=5), "rows[700].body must be str | None, not int"),
        (replace(FULL, n=2**63), "rows[700].n must be a whole number of at most 64 bits"),
        (replace(FULL, at=datetime(2026, 1, 1)), "rows[700].at must be datetime with a time zone"),  # noqa: DTZ001  # on purpose
        (replace(FULL, body="a secret\0"), "rows[700].body holds a NUL character"),
        ((1, 2), "rows[700] must be Everything, not tuple"),
    ],
)
def test_a_bad_row_is_named_and_nothing_is_stored(db: Db, row: Any, fault: str) -> None:
    rows = [Everything(n) for n in range(700)]
    with pytest.raises(ParameterError) as caught:
        load(db, [*rows, row])
    assert str(caught.value).startswith(f"copies.load: {fault}")
    assert "secret" not in "".join(format_exception(caught.value))
    assert list(export(db)) == []


def test_a_row_that_the_server_refuses_leaves_nothing(db: Db) -> None:
    said = r"^copies\.load: line 2: the primary key must be unique; "
    with pytest.raises(psycopg.errors.UniqueViolation, match=said):
        load(db, [FULL, FULL])
    assert list(export(db)) == []


def test_rows_that_raise_while_they_are_made_leave_nothing(db: Db) -> None:
    def broken() -> Generator[Everything]:
        yield FULL
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        load(db, broken())
    assert list(export(db)) == []


def test_it_is_part_of_its_transaction(db: Db) -> None:
    def give_up() -> None:
        with db.transaction() as tx:
            load(tx, [FULL])
            assert list(export(tx)) == [FULL]
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        give_up()
    assert list(export(db)) == []


_TEXT = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]))
_ROWS = st.builds(
    Everything,
    n=st.just(1),
    amount=st.decimals(allow_nan=False, allow_infinity=False, places=4) | st.none(),
    ratio=st.floats(allow_nan=False) | st.none(),
    is_on=st.booleans() | st.none(),
    body=_TEXT | st.none(),
    raw=st.binary() | st.none(),
    day=st.dates() | st.none(),
    at=st.datetimes(datetime(1, 1, 3), datetime(9999, 12, 29), timezones=st.just(UTC)) | st.none(),  # noqa: DTZ001  # limits have none
    clock=st.times() | st.none(),
    age=st.timedeltas(timedelta(days=-10000), timedelta(days=10000)) | st.none(),
    key=st.uuids() | st.none(),
    details=st.dictionaries(_TEXT, _TEXT | st.integers(-99, 99) | st.none()) | st.none(),
    words=st.lists(_TEXT) | st.none(),
    numbers=st.lists(st.integers(-(2**63), 2**63 - 1)) | st.none(),
)


@pytest.mark.long("hundreds of random tables")
def test_any_values_come_back(url: str, observer: Observer) -> None:
    observer.rows(_TABLE)
    with Database(config(url, pool_size=1, max_overflow=0)) as db:

        @settings(deadline=None, max_examples=60)
        @given(row=_ROWS)
        def compare(row: Everything) -> None:
            observer.rows("truncate public.everything")
            load(db, [row])
            assert list(export(db)) == [row]

        compare()


@dataclass(frozen=True, slots=True)
class Few:
    """A row with two columns."""

    n: int
    kind: Literal["a", "b"]


def refused(sql: str, returns: Any, **takes: Any) -> str:
    """Declare a COPY, and return why that is refused."""
    declare = Queries("bad", parse(f"-- name: go\n{sql};", "bad", "bad.sql"))
    text = f"def go({', '.join(takes)}): ..."
    made: dict[str, Any] = {}
    exec(text, made)  # a function with these parameters
    made["go"].__annotations__ = {**takes, "return": returns}
    declare(made["go"])
    with pytest.raises(DeclarationError) as caught:
        declare.complete()
    return str(caught.value)


@pytest.mark.parametrize(
    ("sql", "takes", "returns", "fault"),
    [
        ("copy t (kind, n) from stdin", Few, Affected, "columns are ['kind', 'n']; those of Few"),
        ("copy t from stdin", Few, Affected, "its columns are []; those of Few"),
        ("copy t (n, kind) from stdin (format csv)", Few, Affected, "text format"),
        ("copy (select 1) to stdout (format csv)", None, Iterator[Few], "text format"),
        ("copy (select 1) to stdout", None, list[Few], "returns Iterator[bytes] or of rows"),
    ],
)
def test_a_declaration_that_does_not_fit_is_refused_with_its_place(
    sql: str, takes: Any, returns: Any, fault: str
) -> None:
    text = refused(sql, returns, **({} if takes is None else {"rows": Iterable[takes]}))
    assert "bad.sql:2 disagree: bad.go: " in text
    assert fault in text
