"""What changed columns do to statements that still prepare."""

import re
from collections.abc import Iterator, Sequence

from oadb.tools.compat.release_statement import ReleaseStatement, StatementFault
from oadb.tools.compat.schema_shapes import SchemaShape, ShapeColumn
from oadb.tools.compat.widening import accepts_all, accepts_type
from oadb.tools.compat.written_rows import Write, is_never_null
from oadb.tools.schema import SchemaObject

_NOT_NULL = re.compile(r"CHECK \(\(?(\S+) IS NOT NULL\)?\)(?: NOT VALID)?")

_PAGE = "see docs/online-changes.md"
_FILL = f"let a release write it before the schema requires it, or give it a default: {_PAGE}"
_SWAP = f"if it does not have the same values, give it a name of its own: {_PAGE}"
_TYPE = f"add a column of the new type beside it: {_PAGE}"


def find(
    before: SchemaShape, after: SchemaShape, statements: Sequence[ReleaseStatement]
) -> Iterator[StatementFault]:
    """Yield what statements made for the schema *before* do wrong on the one *after*."""
    for place, column in after.columns.items():
        old = before.columns.get(place)
        for each in statements:
            if each.uses(column.table_name):
                yield from _find(before, after, old, column, each)
    for domain in after.of_kind("type"):
        yield from _domain(before, after, domain, statements)


def is_not_null_check(definition: str) -> bool:
    """Say whether a check is nothing but that a column is not null."""
    return _NOT_NULL.fullmatch(definition) is not None


def _find(
    before: SchemaShape,
    after: SchemaShape,
    old: ShapeColumn | None,
    column: ShapeColumn,
    statement: ReleaseStatement,
) -> Iterator[StatementFault]:
    is_required = _is_required(after, column)
    was_required = old is not None and _is_required(before, old)
    left_out = [*_leaving_out(column, statement)]
    if is_required and column.default_text is None:
        if left_out and not (was_required and old and old.default_text is None):
            yield _fault(statement, column, "must not be null and is left out", _FILL)
    elif old and old.default_text and column.default_text is None and left_out:
        text = f"is left out, and null instead of {old.default_text}"
        yield _fault(statement, column, text, "drop the default a release later")
    if old is None:
        return
    if is_required and not was_required and _may_store_null(column, statement):
        yield _fault(statement, column, "must not be null, and may be written as null", _FILL)
    yield from _identity(before, old, column, statement)
    if not accepts_type(old.type_name, column.type_name) and _writes(column, statement):
        text = f"is {column.type_name}, which takes fewer values than {old.type_name}"
        yield _fault(statement, column, text, _TYPE)


def _identity(
    before: SchemaShape, old: ShapeColumn, column: ShapeColumn, statement: ReleaseStatement
) -> Iterator[StatementFault]:
    if column.table_id != old.table_id:
        first = next(name for table, name in before.columns if table == old.table_name)
        if column.name == first:  # once for each table
            text = f"{column.table_name} is another table of the same name"
            yield StatementFault(statement.label, statement.where, text, _SWAP)
    elif column.number != old.number and statement.names(column.table_name, column.name):
        yield _fault(statement, column, "is another column of the same name", _SWAP)


def _is_required(shape: SchemaShape, column: ShapeColumn) -> bool:
    checks = shape.rules_of(column.table_name, "c")
    found = (_NOT_NULL.fullmatch(each.definition) for each in checks)
    return column.is_not_null or any(each and each[1] == column.name for each in found)


def _leaving_out(column: ShapeColumn, statement: ReleaseStatement) -> Iterator[Write]:
    for write in statement.written(column.table_name, "insert"):
        if column.name not in write.columns:
            yield write


def _writes(column: ShapeColumn, statement: ReleaseStatement) -> list[Write]:
    found = statement.written(column.table_name, "insert", "update")
    return [each for each in found if column.name in each.columns]


def _may_store_null(column: ShapeColumn, statement: ReleaseStatement) -> bool:
    """Say whether it may; what a COPY stores is compared with the table by the contract check."""
    for write in _writes(column, statement):
        values = write.values.get(column.name, ())
        known = values and all(is_never_null(value, statement.optional) for value in values)
        if not (known or write.is_copy):
            return True
    return False


def _domain(
    before: SchemaShape,
    after: SchemaShape,
    domain: SchemaObject,
    statements: Sequence[ReleaseStatement],
) -> Iterator[StatementFault]:
    old = before.objects.get((domain.kind, domain.name))
    if old is None or not domain.definition.startswith("create domain"):
        return
    if accepts_all(old.definition, domain.definition):
        return
    for column in after.columns.values():
        for each in statements:
            if column.type_name == domain.name and _writes(column, each):
                text = f"is of the domain {domain.name}, which takes fewer values"
                yield _fault(each, column, text, "tighten it when all code keeps to it")


def _fault(
    statement: ReleaseStatement, column: ShapeColumn, text: str, advice: str
) -> StatementFault:
    subject = f"{column.table_name}.{column.name}"
    return StatementFault(statement.label, statement.where, f"{subject} {text}", advice)
