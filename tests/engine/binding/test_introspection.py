"""What a declared statement says of itself: its text, its description, its plans, its errors."""

import inspect
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Literal

import psycopg
import pytest

from oadb import AsyncDatabase, operation
from oadb.engine.binding.queries import Queries
from oadb.engine.binding.results import Affected
from oadb.engine.binding.statements import parse
from oadb.engine.executors import AsyncExecutor
from oadb.errors import ParameterError
from tests.support import pool_probes as probes
from tests.support.declaring import declared
from tests.support.rig import Connect, Db, Observer, config

_SQL = """-- name: list_probes
-- Those with a note, or all.
-- timeout: 3 s
select
    probe_id,
    note
from public.probe
where
    amount >= :amount
    and note = :note  --? note
order by
    probe_id            --? order = up
    -- probe_id desc    --? order = down
limit :rows;

-- name: add
insert into public.probe (probe_id, note) values (:probe_id, :note);

-- name: stream
select probe_id from public.probe order by probe_id;

-- name: broken
select
    missing
from public.probe;
"""

query = Queries("self", parse(_SQL, "self", "sql/queries/self.sql"))


@dataclass(frozen=True, slots=True)
class Row:
    """A row of list_probes."""

    probe_id: int
    note: str


@query
def list_probes(
    amount: int, *, note: str | None = None, order: Literal["up", "down"] = "up", rows: int = 10
) -> list[Row]: ...


@query
def add(probe_id: int, note: str) -> Affected: ...


@query
def stream() -> Iterator[int]: ...


@query
def broken() -> list[int]: ...


query.complete()


@operation
async def count(db: AsyncExecutor) -> int:
    """Count the rows."""
    return await probes.count_all(db)


@pytest.fixture
def db(connect: Connect) -> Db:
    return connect(pool_size=2)


def test_sql_is_the_text_of_the_file() -> None:
    assert add.sql == "insert into public.probe (probe_id, note) values (:probe_id, :note)"
    assert list_probes.sql in _SQL
    assert list_probes.sql.endswith("-- probe_id desc    --? order = down\nlimit :rows")


def test_describe_says_what_a_caller_and_a_reviewer_need() -> None:
    found = list_probes.describe()
    assert (found.label, found.path, found.line) == ("self.list_probes", "sql/queries/self.sql", 4)
    assert found.cardinality == "many"
    assert found.row is Row
    assert [(each.name, each.annotation, each.postgres) for each in found.columns] == [
        ("probe_id", "int", ("int2", "int4", "int8")),
        ("note", "str", ("bpchar", "name", "text", "varchar")),
    ]
    assert [(each.name, each.annotation, each.is_optional) for each in found.parameters] == [
        ("amount", "int", False),
        ("note", "str | None", True),
        ("order", "str", False),
        ("rows", "int", False),
    ]
    assert found.parameters[2].choices == ("up", "down")
    assert found.guards == ("timeout: 3 s",)
    assert found.comment.startswith("Those with a note")
    assert (found.is_read, found.is_repeatable) == (True, True)
    labels = [form.label for form in found.forms]
    assert labels == [
        "self.list_probes order=up",
        "self.list_probes order=down",
        "self.list_probes +note order=up",
        "self.list_probes +note order=down",
    ]
    assert "and note = :note" in found.forms[2].sql
    assert "note = :note" not in found.forms[0].sql
    assert not add.describe().is_read
    assert stream.describe().columns[0].annotation == "int"


def test_a_plan_is_that_of_the_variant_that_the_arguments_choose(
    db: Db, observer: Observer
) -> None:
    observer.rows("create index on public.probe (note)")
    plan = list_probes.explain(db, 1, note="a", order="down")
    assert plan.label == "self.list_probes +note order=down"
    assert "Limit" in plan.lines[0]
    assert "note = 'a'" in str(plan)
    assert plan.cost > 0
    assert plan.rows >= 1
    assert plan.execution_ms is None
    assert "Sort" in str(list_probes.explain(db, 1, order="down", note="x"))
    assert stream.explain(db).lines


def test_analyze_runs_a_read(db: Db) -> None:
    probes.put(db, 1, "a")
    plan = list_probes.analyze(db, 0)
    assert plan.execution_ms is not None
    assert "actual time" in str(plan)


def test_analyze_undoes_what_it_wrote(db: Db) -> None:
    plan = add.analyze(db, 1, "a")
    assert "Insert on public.probe" in plan.lines[0]
    assert probes.count_all(db) == 0
    with db.transaction() as tx:
        probes.put(tx, 2, "kept")
        add.analyze(tx, 1, "a")
        assert add.explain(tx, 1, "a").execution_ms is None
    assert probes.ids(db) == [2]


def test_analyze_undoes_what_a_read_wrote_through_a_function(db: Db, observer: Observer) -> None:
    observer.rows(
        "create or replace function public.write_it() returns integer language sql as "
        "'insert into public.probe (probe_id, note) values (9, ''x'') returning probe_id'"
    )
    call = declared("select public.write_it() as it", int)
    limited = declared("select public.write_it() as it", int, comment="read only")
    assert "Result" in str(call.analyze(db))
    with db.transaction() as tx:
        call.analyze(tx)
    assert probes.count_all(db) == 0
    with pytest.raises(psycopg.errors.ReadOnlySqlTransaction):
        limited.analyze(db)


def test_plans_need_an_executor(db: Db) -> None:
    with pytest.raises(TypeError, match=r"^self\.add\(\): the first argument is a Database"):
        add.explain(None, 1, "a")  # type: ignore[call-overload]  # on purpose
    with db.batch() as batch, pytest.raises(TypeError, match="not Batch"):
        add.analyze(batch, 1, "a")  # type: ignore[call-overload]  # on purpose


def test_an_error_of_explain_has_the_line_of_the_file(db: Db) -> None:
    line = _SQL.splitlines().index("    missing") + 1
    for call in (broken, broken.explain):
        with pytest.raises(
            psycopg.errors.UndefinedColumn, match=rf"\(sql/queries/self\.sql:{line}\)"
        ):
            call(db)


def test_a_copy_has_no_plan(db: Db) -> None:
    with pytest.raises(ParameterError, match=r"probe\.load: a COPY has no plan"):
        probes.load.explain(db, [])


async def test_plans_are_awaited_over_an_async_database(url: str) -> None:
    async with AsyncDatabase(config(url)) as db:
        assert (await add.explain(db, 1, "a")).lines
        assert (await add.analyze(db, 1, "a")).execution_ms is not None
        assert await probes.count_all(db) == 0


WRONG: dict[str, tuple[Any, tuple[Any, ...], dict[str, Any]]] = {
    "self.add(): missing a required argument: 'note'": (add, (1,), {}),
    "self.add(): too many positional arguments": (add, (1, "a", 2), {}),
    "self.add(): got an unexpected keyword argument 'more'; it takes probe_id, note": (
        add,
        (1, "a"),
        {"more": 1},
    ),
    "self.add(): got an unexpected keyword argument 'notes'; did you mean 'note'?": (
        add,
        (1,),
        {"notes": "a"},
    ),
    "self.list_probes(): too many positional arguments": (list_probes, (1, "a"), {}),
}


@pytest.mark.parametrize("message", WRONG)
def test_a_wrong_call_names_the_function(db: Db, message: str) -> None:
    function, args, kwargs = WRONG[message]
    with pytest.raises(TypeError) as caught:
        function(db, *args, **kwargs)
    assert str(caught.value) == message


@pytest.mark.parametrize(
    "function", [probes.one, stream, count], ids=["query", "stream", "operation"]
)
@pytest.mark.parametrize("given", [None, 7], ids=str)
def test_a_call_without_a_database_names_the_function(function: Any, given: Any) -> None:
    with pytest.raises(TypeError) as caught:
        function(given)
    assert str(caught.value) == (
        f"{function.label}(): the first argument is a Database, a transaction or a batch, "
        f"not {type(given).__name__}"
    )
    assert caught.value.__context__ is None


def test_names_and_signatures_are_those_of_the_declaration() -> None:
    assert repr(add) == "<query self.add>"
    assert [*inspect.signature(add).parameters] == ["db", "probe_id", "note"]
