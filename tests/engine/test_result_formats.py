"""Results in binary form: which statements get them, and that their values are those of texts."""

# mypy: disable-error-code="empty-body"

from collections.abc import Generator, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, Literal

import psycopg
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from psycopg.adapt import PyFormat, Transformer

from oadb import AsyncDatabase
from oadb.engine import result_formats
from oadb.engine.binding.dumpers import Sent
from oadb.engine.prepared_statements import PreparedStatement
from tests.engine.binding.probes import probes
from tests.support import pool_probes
from tests.support.rig import Connect, Observer

EDGES: dict[str, list[str]] = {
    "smallint": ["0", "-32768", "32767"],
    "integer": ["-2147483648", "2147483647"],
    "bigint": ["-9223372036854775808", "9223372036854775807"],
    "double precision": ["NaN", "Infinity", "-Infinity", "-0", "0.1", "5e-324", "1e22"],
    "numeric": ["NaN", "Infinity", "-Infinity", "0.00", "1.50", "-1E-30", "1e30", "10000"],
    "boolean": ["t", "f"],
    "text": ["", "é🚀", "\\x", "a\tb\n"],
    "varchar": ["a "],
    "char(12)": ["a  "],
    "name": ["abc"],
    "bytea": ["", "\\x00ff27", "\\x5c78"],
    "date": ["0001-01-01", "9999-12-31", "2000-01-01", "1582-10-04", "infinity", "0044-03-15 BC"],
    "timestamptz": [
        "0001-01-02 00:00+00", "9999-12-31 00:00+00", "1999-12-31 23:59:59.999999+00",
        "1900-06-01 00:00+00", "2025-10-26 00:30+00", "2025-10-26 01:30+00", "-infinity",
        "10001-01-01 00:00+00", "4713-01-01 00:00+00 BC",
    ],
    "time": ["00:00", "23:59:59.999999", "24:00"],
    "uuid": ["00000000-0000-0000-0000-000000000000", "ffffffff-ffff-ffff-ffff-ffffffffffff"],
    "jsonb": ["{}", '{"a": [1, 2.5, null, true, "\\u00e9"]}', "1.10", "null"],
}  # fmt: skip  # a table

ZONES = ["UTC", "Asia/Kolkata", "America/New_York", "Pacific/Apia", "-3.5"]

_TEXT = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]))

VALUES: dict[str, st.SearchStrategy[Any]] = {
    "smallint": st.integers(-(2**15), 2**15 - 1),
    "integer": st.integers(-(2**31), 2**31 - 1),
    "bigint": st.integers(-(2**63), 2**63 - 1),
    "double precision": st.floats(),
    "numeric": st.decimals(-(10**9), 10**9, places=4)
    | st.sampled_from([Decimal("NaN"), Decimal("Infinity"), Decimal("-Infinity")]),
    "boolean": st.booleans(),
    "text": _TEXT,
    "bytea": st.binary(),
    "date": st.dates(),
    "timestamptz": st.datetimes(
        datetime(1, 1, 3),  # noqa: DTZ001  # limits have none
        datetime(9999, 12, 30),  # noqa: DTZ001  # limits have none
        timezones=st.just(UTC),
    ),
    "time": st.times(),
    "uuid": st.uuids(),
    "jsonb": st.dictionaries(_TEXT, _TEXT | st.integers(-99, 99) | st.none()),
}


def test_as_many_rows_are_made_as_arrive_also_around_the_sizes_in_which_they_are_made(
    connect: Connect, observer: Observer
) -> None:
    db = connect(pool_size=1)
    for count in (0, 1, 7, 8, 9, 127, 128, 129, 255, 256, 257):
        observer.rows("delete from probe")
        pool_probes.load(db, [(number, "") for number in range(count)])
        assert pool_probes.ids(db) == [*range(count)]


@pytest.fixture
def session(url: str) -> Generator[psycopg.Connection]:
    with psycopg.connect(url, autocommit=True) as connection:
        yield connection


def loaded(session: psycopg.Connection, sql: str, form: int, values: Any = ()) -> str:
    """Return the rows of a statement as texts, read from one form; or the class of the refusal."""
    converters = Transformer(Sent(session))
    sent = converters.dump_sequence(values, [PyFormat.AUTO] * len(values))
    result = session.pgconn.exec_params(
        sql.encode(), sent, param_formats=converters.formats, result_format=form
    )
    assert result.status == psycopg.pq.ExecStatus.TUPLES_OK, result.error_message
    converters.set_pgresult(result, set_loaders=True)
    try:
        return repr(converters.load_rows(0, result.ntuples, tuple))
    except psycopg.DataError:
        return "DataError"


@pytest.mark.parametrize("zone", ZONES)
def test_values_at_the_edges_of_a_type_are_equal_in_both_forms(
    session: psycopg.Connection, zone: str
) -> None:
    session.execute("select set_config('TimeZone', %s, false)", (zone,))
    kinds = EDGES if zone == "UTC" else {"timestamptz": EDGES["timestamptz"]}
    for kind, texts in kinds.items():
        for text in texts:
            value = "'" + text.replace("'", "''") + f"'::{kind}"
            for sql in (f"select {value}", f"select array[{value}, null, {value}]"):
                assert loaded(session, sql, 0) == loaded(session, sql, 1), sql


def test_every_type_that_may_be_read_in_binary_form_is_compared(
    session: psycopg.Connection,
) -> None:
    oids = {
        each
        for kind in EDGES
        for row in session.execute(
            "select oid, typarray from pg_type where oid = %s::regtype", (kind,)
        )
        for each in row
    }
    assert result_formats._SAVED.keys() <= oids


@pytest.mark.long("hundreds of random rows")
def test_any_values_are_equal_in_both_forms(session: psycopg.Connection) -> None:
    columns = [f"${number}::{kind}" for number, kind in enumerate(VALUES, 1)]
    lists = [f"array[{each}, null, {each}], array[[{each}], [{each}]]" for each in columns]
    sql = f"select {', '.join([*columns, *lists])}"

    @settings(deadline=None, max_examples=40)
    @given(
        row=st.tuples(*(each | st.none() for each in VALUES.values())), zone=st.sampled_from(ZONES)
    )
    def compare(row: tuple[Any, ...], zone: str) -> None:
        session.execute("select set_config('TimeZone', %s, false)", (zone,))
        found = loaded(session, sql, 1, row)
        assert found == loaded(session, sql, 0, row)
        assert found != "DataError"

    compare()


query = probes("""
-- name: list_numbers
select
    n as number,
    n::double precision / 4 as ratio
from generate_series(1::bigint, :most) as n;

-- name: stream_numbers
select
    n as number,
    n::double precision / 4 as ratio
from generate_series(1::bigint, :most) as n;

-- name: list_amounts
select n::numeric as amount from generate_series(1::bigint, :most) as n;

-- name: list_colours
select n as number, 'red'::public.colour as colour from generate_series(1::bigint, :most) as n;

-- name: list_lots
select n::public.lots as lot from generate_series(1::bigint, :most) as n;

-- name: get_real
select 0.1::real as ratio;

-- name: get_end
select 'infinity'::timestamptz as ends_at;
""")


@dataclass(frozen=True, slots=True)
class Quarter:
    number: int
    ratio: float


@dataclass(frozen=True, slots=True)
class Coloured:
    number: int
    colour: Literal["red", "blue"]


@query
def list_numbers(most: int) -> list[Quarter]: ...


@query
def stream_numbers(most: int) -> Iterator[Quarter]: ...


@query
def list_amounts(most: int) -> list[Decimal]: ...


@query
def list_colours(most: int) -> list[Coloured]: ...


@query
def list_lots(most: int) -> list[int]: ...


@query
def get_real() -> float: ...


@query
def get_end() -> datetime: ...


query.complete()

QUARTERS = [Quarter(number, number / 4) for number in range(1, 21)]


@pytest.fixture
def forms(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Give the forms of the results that were read."""
    read: list[int] = []
    load = PreparedStatement.load

    def noted(self: PreparedStatement, result: Any, *makers: Any) -> list[Any]:
        read.append(result.fformat(0))
        return load(self, result, *makers)

    monkeypatch.setattr(PreparedStatement, "load", noted)
    return read


def test_a_statement_is_answered_in_binary_form_once_its_columns_are_known(
    connect: Connect, forms: list[int]
) -> None:
    db = connect(pool_size=1)
    assert [list_numbers(db, most) for most in (20, 20, 1, 0)] == [
        QUARTERS,
        QUARTERS,
        QUARTERS[:1],
        [],
    ]
    with db.transaction() as tx:
        assert list_numbers(tx, 20) == QUARTERS
    assert forms == [0, 1, 1, 1, 1]


def test_the_results_of_a_burst_are_read_in_the_form_in_which_they_were_asked_for(
    connect: Connect, forms: list[int]
) -> None:
    db = connect(pool_size=1)
    for _ in range(2):
        with db.batch() as batch:
            results = [list_numbers(batch, most) for most in (20, 3, 9)]
        assert [each.result for each in results] == [QUARTERS, QUARTERS[:3], QUARTERS[:9]]
    assert forms == [0, 0, 0, 1, 1, 1]


def test_what_is_read_in_less_time_or_only_right_as_text_stays_text(
    connect: Connect, observer: Observer, forms: list[int]
) -> None:
    observer.rows("create type public.colour as enum ('red', 'blue')")
    db = connect(pool_size=1)
    for _ in range(2):
        assert list_amounts(db, 2) == [Decimal(1), Decimal(2)]
        assert list_colours(db, 1) == [Coloured(1, "red")]
        assert get_real(db) == 0.1
    assert forms == [0] * 6


def test_a_domain_is_read_as_the_type_below_it(
    connect: Connect, observer: Observer, forms: list[int]
) -> None:
    observer.rows("create domain public.lots as bigint check (value > 0)")
    db = connect(pool_size=1)
    assert [list_lots(db, 2), list_lots(db, 2)] == [[1, 2], [1, 2]]
    assert forms == [0, 1]


def test_through_a_pooler_that_prepares_nothing_all_results_are_texts(
    connect: Connect, forms: list[int]
) -> None:
    db = connect(pool_size=1, pooler="pgbouncer")
    assert [list_numbers(db, 20), list_numbers(db, 20)] == [QUARTERS, QUARTERS]
    assert forms == [0, 0]


def test_a_time_that_python_does_not_have_is_refused_in_both_forms(connect: Connect) -> None:
    db = connect(pool_size=1)
    for _ in range(3):
        with pytest.raises(psycopg.DataError):
            get_end(db)
        assert list_numbers(db, 1) == QUARTERS[:1]


def test_a_stream_is_read_in_binary_form(connect: Connect, monkeypatch: pytest.MonkeyPatch) -> None:
    read: list[int] = []
    of = result_formats.of

    def noted(result: Any) -> Any:
        read.append(of(result))
        return read[-1]

    monkeypatch.setattr(result_formats, "of", noted)
    db = connect(pool_size=1)
    assert [*stream_numbers(db, 20)] == QUARTERS
    assert len([*stream_numbers(db, 4001)]) == 4001
    assert read == [1, 1]


async def test_over_asyncio_rows_are_the_same(adb: AsyncDatabase) -> None:
    for _ in range(3):
        assert await list_numbers(adb, 20) == QUARTERS
    assert [row async for row in stream_numbers(adb, 20)] == QUARTERS
