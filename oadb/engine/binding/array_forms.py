"""The form of a statement for many rows: each parameter is an array with the values of all rows.

    -- name: create.many
    insert into shop.orders (customer_id, total)
    select
        customer_id,
        total
    from unnest(:customer_id::bigint[], :total::numeric[]) as given (customer_id, total);

It belongs to the statement ``create``, whose declaration it shares: ``create.many(db, rows)`` runs
it. It returns a row for each given one, in their order, or nothing.
"""

from collections.abc import Iterator
from copy import copy
from dataclasses import replace
from functools import partial
from typing import Any

from oadb.engine.binding.arrays import encoded, is_encodable
from oadb.engine.binding.compiled_forms import array_of
from oadb.engine.binding.declarations import Declaration
from oadb.engine.binding.results import Result
from oadb.engine.binding.statements import Statement
from oadb.engine.binding.values import ValueType

SUFFIX = ".many"
"""What the name of the form has behind the name of its statement."""


def bind(declared: Declaration, statement: Statement) -> list[str]:
    """Give a declaration its form for many rows; return every disagreement."""
    problems = [*_problems(declared, statement)]
    if not problems:
        form = copy(declared)
        form.classify(statement)
        form.statement = statement.with_params([*declared.kinds])
        form.wire_sql, form.label = form.statement.sql, statement.label
        form.parameters = {name: _array_type(kind) for name, kind in declared.kinds.items()}
        form.result = Result(
            "many" if declared.result.fetches else "nothing",
            declared.result.row,
            declared.result.value,
        )
        form.shape_result = form.result.shape_result
        # A call of it has rows for parameters.
        form.pick = partial(_columns, [*declared.kinds.values()])
        declared.array_form = form
    return problems


def _array_type(kind: ValueType) -> ValueType:
    if kind.form is None:
        return replace(kind, array=True)
    item = replace(kind.form, shape="plain") if kind.form.shape == "json" else kind.form
    return ValueType(list, form=array_of(item))


def _columns(kinds: list[ValueType], rows: tuple[Any, ...]) -> tuple[str | bytes, ...]:
    """Return the values of rows as an array for each column."""
    return tuple(map(encoded, kinds, zip(*rows, strict=True)))


def _problems(declared: Declaration, statement: Statement) -> Iterator[str]:
    names, used = [*declared.kinds], statement.params
    yield from (f":{name} is not a parameter" for name in used if name not in names)
    yield from (f"the parameter {name} is not in the SQL" for name in names if name not in used)
    if declared.choice is not None or statement.marked:
        yield "a statement with variants has no form for many rows"
    if declared.result.cardinality not in {"one", "nothing"}:
        yield "a statement with a form for many rows returns exactly one row, or None"
    for name, kind in declared.kinds.items():
        if not is_encodable(kind):
            yield f"the parameter {name} is {kind}, of which an array cannot be made"
