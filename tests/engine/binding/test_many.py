"""One statement for many rows: one by one in a burst, or in its form with arrays."""

from dataclasses import dataclass, make_dataclass
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from traceback import format_exception
from typing import Any, NamedTuple
from uuid import UUID

import psycopg
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from oadb import AsyncDatabase, Database
from oadb.engine import dsn
from oadb.engine.binding.queries import Queries
from oadb.engine.binding.results import Affected
from oadb.engine.binding.statements import parse
from oadb.errors import DeclarationError, NoRowError, ParameterError, TransactionError
from tests.faults.proxy import Proxy
from tests.support import pool_probes as probes
from tests.support.rig import Connect, Db, Observer, config

_SQL = """
-- name: put
insert into public.probe (probe_id, note) values (:probe_id, :note);

-- name: put.many
insert into public.probe (probe_id, note)
select
    probe_id,
    note
from unnest(:probe_id::integer[], :note::text[]) as given (probe_id, note);

-- name: create
insert into public.probe (probe_id, note, amount)
values (:probe_id, :note, coalesce(:amount, 0))
returning
probe_id,
note;

-- name: create.many
insert into public.probe (probe_id, note, amount)
select
    given.probe_id,
    given.note,
    coalesce(given.amount, 0)
from
    unnest(:probe_id::integer[], :note::text[], :amount::integer[])
    with ordinality as given (probe_id, note, amount, place)
order by given.place
returning
probe_id,
note;

-- name: put_or_add
insert into public.probe (probe_id, note, amount) values (:probe_id, :note, 1)
on conflict (probe_id) do update set amount = probe.amount + 1;

-- name: put_or_add.many
insert into public.probe (probe_id, note, amount)
select
    probe_id,
    note,
    1
from unnest(:probe_id::integer[], :note::text[]) as given (probe_id, note)
on conflict (probe_id) do update set amount = probe.amount + 1;

-- name: keep_some
select note from public.probe where probe_id = :probe_id;

-- name: keep_some.many
select probe.note
from unnest(:probe_id::integer[]) with ordinality as given (probe_id, place)
inner join public.probe using (probe_id)
order by given.place;
"""

query = Queries("stock", parse(_SQL, "stock", "stock.sql"))


@dataclass(frozen=True, slots=True)
class Stored:
    """A row of public.probe."""

    probe_id: int
    note: str


class Given(NamedTuple):
    """The arguments of create."""

    probe_id: int
    note: str
    amount: int | None


@query
def put(probe_id: int, note: str) -> None: ...


@query
def create(probe_id: int, note: str, *, amount: int | None = None) -> Stored: ...


@query
def put_or_add(probe_id: int, note: str) -> None: ...


@query
def keep_some(probe_id: int) -> str: ...


query.complete()


@pytest.fixture
def db(connect: Connect) -> Db:
    return connect(pool_size=2)


def test_each_row_has_the_result_of_a_call(db: Db) -> None:
    assert probes.put.many(db, [(1, "one"), (2, "two")]) == [1, 1]
    assert probes.bump.many(db, [(1,), (2,), (1,)]) == [1, 1, 2]
    assert probes.get.many(db, [{"probe_id": 2}, {"probe_id": 9}]) == [
        probes.Probe(2, "two", 1),
        None,
    ]
    assert probes.put.many(db, []) == []


def test_rows_may_be_tuples_mappings_objects_or_checked_rows(db: Db) -> None:
    rows = [
        (1, "tuple", None),
        Given(2, "named tuple", 2),
        {"probe_id": 3, "note": "mapping"},
        probes.Probe(4, "object", 4),
        create.row(5, "row", amount=5),
    ]
    stored = create.many(db, rows)
    assert [(row.probe_id, row.note) for row in stored] == [
        (1, "tuple"),
        (2, "named tuple"),
        (3, "mapping"),
        (4, "object"),
        (5, "row"),
    ]
    assert [probes.amount(db, n) for n in range(1, 6)] == [0, 2, 0, 4, 5]


@pytest.mark.parametrize(
    ("row", "fault"),
    [
        ((1, "a", "b"), "it has 3 values, not 2"),
        ((1, 2), "note must be str, not int"),
        ({"probe_id": 1}, "missing a required argument: 'note'"),
        (
            {"probe_id": 1, "note": "a", "more": 1},
            "got an unexpected keyword argument 'more'; it takes probe_id, note",
        ),
        (7, "int has no attribute probe_id; it needs one for each parameter"),
        ((1, "a\0b"), "note holds a NUL character, which PostgreSQL's text cannot hold; remove it"),
    ],
)
@pytest.mark.parametrize("statement", [probes.put, put], ids=["one by one", "arrays"])
def test_an_invalid_row_is_named_and_nothing_is_sent(
    db: Db, statement: Any, row: object, fault: str
) -> None:
    with pytest.raises(ParameterError) as caught:
        statement.many(db, [(5, "five"), row])
    assert str(caught.value) == f"{statement.label}.many: rows[1]: {fault}"
    assert probes.ids(db) == []


@pytest.mark.parametrize("statement", [probes.put, put], ids=["one by one", "arrays"])
def test_a_row_that_the_server_refuses_is_named_and_none_is_stored(db: Db, statement: Any) -> None:
    rows = [(number, "a secret note") for number in range(3000)] + [(1700, "a secret note")]
    with pytest.raises(psycopg.errors.UniqueViolation) as caught:
        statement.many(db, rows)
    assert str(caught.value).startswith(f"{statement.label}.many: rows[3000]: the primary key ")
    assert "secret" not in "".join(format_exception(caught.value))
    assert probes.ids(db) == []


def test_none_is_stored_if_one_returns_no_row(db: Db) -> None:
    probes.put(db, 1, "one")
    with pytest.raises(NoRowError, match=r"^probe\.bump\.many: rows\[1\]: no row"):
        probes.bump.many(db, [(1,), (2,)])
    assert probes.amount(db, 1) == 0


def test_rows_that_cannot_be_in_one_statement_are_stored_one_by_one(db: Db) -> None:
    put_or_add.many(db, [(1, "one"), (2, "two"), (1, "again")])
    assert [probes.amount(db, 1), probes.amount(db, 2)] == [2, 1]


def test_a_form_that_returns_too_few_rows_is_an_error(db: Db) -> None:
    probes.put(db, 1, "one")
    assert keep_some.many(db, [(1,), (1,)]) == ["one", "one"]
    with pytest.raises(NoRowError, match=r"^stock\.keep_some\.many: 1 rows for 2 given ones"):
        keep_some.many(db, [(1,), (2,)])


@pytest.mark.parametrize("statement", [probes.put, put], ids=["one by one", "arrays"])
def test_it_commits_and_rolls_back_with_its_transaction(
    db: Db, observer: Observer, statement: Any
) -> None:
    with db.transaction() as tx:
        statement.many(tx, [(1, "one"), (2, "two")])
        assert observer.ask("select count(*) from probe") == 0
        assert probes.count_all(tx) == 2

    def swallow() -> None:
        with db.transaction() as tx, pytest.raises(psycopg.errors.UniqueViolation):
            statement.many(tx, [(3, "three"), (1, "again")])

    with pytest.raises(TransactionError, match="swallowed"):
        swallow()
    assert probes.ids(db) == [1, 2]


def test_it_is_a_burst(connect: Connect, url: str) -> None:
    with Proxy(dsn.parse(url).keywords) as proxy:
        db = connect(proxy.url, pool_size=1, max_overflow=0)
        db.open()
        for first in (0, 1000):
            before = proxy.round_trips
            probes.put.many(db, [(first + number, "note") for number in range(100)])
            assert proxy.round_trips - before == 1
        before = proxy.round_trips
        put.many(db, [(2000 + number, "note") for number in range(100)])
        assert proxy.round_trips - before == 2, "the statement, and the commit"


@pytest.mark.long("rows of megabytes")
@pytest.mark.parametrize("statement", [probes.put, put], ids=["one by one", "arrays"])
def test_rows_may_have_megabytes(db: Db, observer: Observer, statement: Any) -> None:
    statement.many(db, [(number, "x" * 10_000_000) for number in range(5)])
    assert observer.ask("select sum(length(note)) from probe") == 50_000_000


async def test_it_is_awaited_over_an_async_database(url: str) -> None:
    async with AsyncDatabase(config(url)) as db:
        assert await probes.put.many(db, [(1, "one")]) == [1]
        assert [row.note for row in await create.many(db, [(2, "two", 2)])] == ["two"]
        async with db.transaction() as tx:
            await put.many(tx, [(3, "three")])
        assert await probes.ids(db) == [1, 2, 3]


_VALUES: dict[Any, st.SearchStrategy[Any]] = {
    int: st.integers(-(2**63), 2**63 - 1),
    float: st.floats(),
    Decimal: st.decimals(allow_nan=False, allow_infinity=False, places=6),
    bool: st.booleans(),
    str: st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"])),
    bytes: st.binary(),
    date: st.dates(),
    datetime: st.datetimes(timezones=st.just(UTC)),
    time: st.times(),
    timedelta: st.timedeltas(timedelta(days=-10000), timedelta(days=10000)),
    UUID: st.uuids(),
    dict: st.dictionaries(
        st.text("abc\\\"'{},\n"), st.text("abc\\\"'{},\n") | st.integers() | st.none()
    ),
}
_NAMES = {
    int: "int8", float: "float8", Decimal: "numeric", bool: "bool", str: "text", bytes: "bytea",
    date: "date", datetime: "timestamptz", time: "time", timedelta: "interval", UUID: "uuid",
    dict: "jsonb",
}  # fmt: skip  # a table


@pytest.mark.long("generated values of every type")
@pytest.mark.parametrize("kind", _VALUES, ids=lambda kind: kind.__name__)
def test_arrays_hold_exactly_the_values_of_a_column(kind: Any, url: str) -> None:
    name = _NAMES[kind]
    text = f"""
-- name: echo
select :given::{name} as given;

-- name: echo.many
select given from unnest(:given::{name}[]) with ordinality as rows (given, place) order by place;
"""
    declare = Queries("echo", parse(text, "echo", "echo.sql"))

    def echo(given: Any) -> Any: ...

    # A row, because a single value that is null would be no value.
    row = make_dataclass("Row", [("given", kind | None)], frozen=True)
    echo.__annotations__ |= {"given": kind | None, "return": row}
    declared: Any = declare(echo)
    declare.complete()

    with Database(config(url, pool_size=1, max_overflow=0)) as db:

        @settings(deadline=None, max_examples=60)
        @given(column=st.lists(_VALUES[kind] | st.none()))
        def compare(column: list[Any]) -> None:
            returned = [each.given for each in declared.many(db, [(value,) for value in column])]
            assert returned == column or repr(returned) == repr(column)  # nan is not itself

        compare()


def test_a_form_without_its_statement_is_refused() -> None:
    declare = Queries("some", parse("-- name: get.many\nselect 1 as one;", "some", "some.sql"))
    with pytest.raises(DeclarationError, match=r"some\.get\.many is declared nowhere"):
        declare.complete()


_PLAIN = "-- name: get\nselect :a::int as a;\n"


@pytest.mark.parametrize(
    ("form", "problem"),
    [
        ("select a from unnest(:b::int[]) as g (a)", ":b is not a parameter"),
        ("select 1 as a", "the parameter a is not in the SQL"),
        ("select :a::int as a  --? a\n, 2", "a statement with variants has no form"),
    ],
)
def test_a_form_that_does_not_fit_its_declaration_is_refused_with_its_place(
    form: str, problem: str
) -> None:
    declare = Queries("some", parse(f"{_PLAIN}-- name: get.many\n{form};", "some", "some.sql"))

    @declare
    def get(a: int) -> int: ...

    assert get is not None
    with pytest.raises(
        DeclarationError, match=r"some\.sql:4 disagree: some\.get\.many: "
    ) as caught:
        declare.complete()
    assert problem in str(caught.value)


@pytest.mark.parametrize("result", [Affected, int | None, list[int]])
def test_a_form_is_for_one_row_or_none(result: Any) -> None:
    form = "select a from unnest(:a::int[]) as given (a)"
    declare = Queries("some", parse(f"{_PLAIN}-- name: get.many\n{form};", "some", "some.sql"))

    def get(a: int) -> int: ...

    get.__annotations__["return"] = result
    declare(get)
    with pytest.raises(DeclarationError, match="returns exactly one row, or None"):
        declare.complete()


def test_a_parameter_without_an_array_is_refused() -> None:
    text = "-- name: get\nselect :a::int[] as a;\n-- name: get.many\nselect :a::int[] as a;"
    declare = Queries("some", parse(text, "some", "some.sql"))

    @declare
    def get(a: list[int]) -> list[int]: ...

    assert get is not None
    with pytest.raises(DeclarationError, match="of which an array cannot be made"):
        declare.complete()
