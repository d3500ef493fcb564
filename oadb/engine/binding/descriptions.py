"""What a declared statement is, as data for tools and tests: ``orders.create.describe()``."""

from collections.abc import Mapping
from dataclasses import dataclass

from oadb.engine.binding.declarations import Declaration
from oadb.engine.binding.results import Cardinality
from oadb.engine.binding.values import ValueType


@dataclass(frozen=True, slots=True)
class ValueDescription:
    """A parameter or a column.

    Attributes:
        annotation: Its Python type, such as ``int | None``.
        postgres: The names in pg_type of the types that it may have.
        choices: The members of a Literal.
    """

    name: str
    annotation: str
    postgres: tuple[str, ...]
    is_optional: bool
    choices: tuple[object, ...] = ()


@dataclass(frozen=True, slots=True)
class FormDescription:
    """A text that is sent: the statement, a variant of it, or its form for many rows.

    Attributes:
        label: What logs and pg_stat_activity show.
        sql: The text, with the names of its parameters.
    """

    label: str
    sql: str


@dataclass(frozen=True, slots=True)
class QueryDescription:
    """A declared statement.

    Attributes:
        path: Of the SQL file; the statement begins in *line*, counted from 1.
        comment: What stands above the statement, guards and all.
        cardinality: How many rows it returns.
        row: The class of its rows; None for single values.
        columns: Of its rows, in order; one without a name for single values.
        guards: As they are written: ``timeout: 500 ms``.
        is_read: Whether it changes nothing.
        is_repeatable: Whether it is run again when its answer is lost.
        forms: Every text that is sent for it, in order of its variants.
    """

    label: str
    path: str
    line: int
    declared_at: str
    comment: str
    parameters: tuple[ValueDescription, ...]
    cardinality: Cardinality
    row: type | None
    columns: tuple[ValueDescription, ...]
    guards: tuple[str, ...]
    is_read: bool
    is_repeatable: bool
    forms: tuple[FormDescription, ...]


def describe(declared: Declaration) -> QueryDescription:
    """Describe a declared statement."""
    statement, result = declared.statement, declared.result
    columns = {name: kind for name, kind in result.fields.items() if kind is not None}
    if result.value is not None:
        columns = {"": result.value}
    sent = [*declared.variants.values()] or [declared]
    return QueryDescription(
        label=declared.label,
        path=statement.path,
        line=statement.line,
        declared_at=declared.place,
        comment=statement.doc,
        parameters=_values(declared.kinds),
        cardinality=result.cardinality,
        row=result.row,
        columns=_values(columns),
        guards=declared.guards.lines,
        is_read=declared.is_read,
        is_repeatable=declared.is_repeatable,
        forms=tuple(
            FormDescription(form.label, form.sql)
            for form in (*sent, declared.array_form)
            if form is not None
        ),
    )


def _values(kinds: Mapping[str, ValueType]) -> tuple[ValueDescription, ...]:
    return tuple(
        ValueDescription(name, str(kind), tuple(sorted(kind.postgres)), kind.optional, kind.choices)
        for name, kind in kinds.items()
    )
