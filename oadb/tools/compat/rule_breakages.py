"""What new and lost constraints do to statements that still prepare."""

import re
from collections.abc import Iterator, Sequence

from oadb.tools.compat.column_breakages import is_not_null_check
from oadb.tools.compat.release_statement import ReleaseStatement, StatementFault
from oadb.tools.compat.schema_shapes import SchemaShape, ShapeRule
from oadb.tools.compat.widening import accepts_all
from oadb.tools.compat.written_rows import Write

_KEYS = ("p", "u", "x", "i")
_LITERAL = re.compile(r"'((?:[^']|'')*)'")

_LATER = "add it when no process runs that may violate it"
_KEEP = "drop it when no process runs that needs it"


def find(
    before: SchemaShape, after: SchemaShape, statements: Sequence[ReleaseStatement]
) -> Iterator[StatementFault]:
    """Yield what statements made for the schema *before* do wrong on the one *after*."""
    for place, rule in after.rules.items():
        old = before.rules.get(place)
        if old is None or old.definition != rule.definition:
            for each in statements:
                yield from _narrowed(before, after, old, rule, each)
    for place, rule in before.rules.items():
        new = after.rules.get(place)
        if new is None or new.definition != rule.definition:
            for each in statements:
                yield from _lost(after, rule, new, each)


def _narrowed(
    before: SchemaShape,
    after: SchemaShape,
    old: ShapeRule | None,
    rule: ShapeRule,
    statement: ReleaseStatement,
) -> Iterator[StatementFault]:
    match rule.kind:
        case "c":
            is_known = is_not_null_check(rule.definition) or (
                old is not None and accepts_all(old.definition, rule.definition)
            )
            if not is_known and _may_violate(statement, rule):
                yield _fault(statement, rule, f"is checked: {rule.definition}", _LATER)
        case "f":
            yield from _references(old, rule, statement)
        case _:
            if not _is_implied(before, rule) and _may_repeat(after, statement, rule):
                yield _fault(statement, rule, f"may not repeat: {rule.definition}", _LATER)


def _written(statement: ReleaseStatement, rule: ShapeRule) -> Iterator[Write]:
    """Yield what a statement stores in any column of a rule."""
    for write in statement.written(rule.table_name, "insert", "update"):
        if not {*rule.columns}.isdisjoint(write.columns):
            yield write


def _may_violate(statement: ReleaseStatement, rule: ShapeRule) -> bool:
    """Say whether rows may violate a check; null does not, unless the check is about it."""
    if any(_written(statement, rule)):
        return True
    inserts = statement.written(rule.table_name, "insert")
    return "IS NOT NULL" in rule.definition and bool(inserts)


def _is_implied(before: SchemaShape, rule: ShapeRule) -> bool:
    """Say whether some of the columns, or all of them, could not repeat before."""
    keys = before.rules_of(rule.table_name, "p", "u")
    return any({*key.columns} <= {*rule.columns} for key in keys)


def _may_repeat(after: SchemaShape, statement: ReleaseStatement, rule: ShapeRule) -> bool:
    """Say whether a statement writes what may not repeat; a null in it never does."""
    for write in statement.written(rule.table_name, "insert", "update"):
        if write.kind == "update":
            if not {*rule.columns}.isdisjoint(write.columns):
                return True
            continue
        left_out = [
            after.columns[rule.table_name, name]
            for name in rule.columns
            if name not in write.columns
        ]
        if all(column.default_text is not None for column in left_out):
            return True
    return False


def _references(
    old: ShapeRule | None, rule: ShapeRule, statement: ReleaseStatement
) -> Iterator[StatementFault]:
    if old is None and any(_written(statement, rule)):
        yield _fault(statement, rule, f"must refer to a row: {rule.definition}", _LATER)
    if rule.referenced is None or not rule.is_restricting or (old and old.is_restricting):
        return
    if statement.written(rule.referenced, "delete", "truncate"):
        text = f"keeps rows of {rule.referenced} from being deleted: {rule.definition}"
        yield _fault(statement, rule, text, "let it be on delete cascade or set null meanwhile")


def _lost(
    after: SchemaShape, rule: ShapeRule, new: ShapeRule | None, statement: ReleaseStatement
) -> Iterator[StatementFault]:
    if rule.kind in _KEYS:
        keys = after.rules_of(rule.table_name, *_KEYS)
        if any({*each.columns} == {*rule.columns} for each in keys):
            return
        for write in statement.written(rule.table_name, "insert"):
            if write.conflict and write.conflict == frozenset(rule.columns):
                text = f"has no unique rule, which on conflict needs: {rule.definition}"
                yield _fault(statement, rule, text, _KEEP)
    elif rule.kind == "c":
        yield from _unknown_texts(rule, new, statement)


def _unknown_texts(
    rule: ShapeRule, new: ShapeRule | None, statement: ReleaseStatement
) -> Iterator[StatementFault]:
    """Yield texts that a column may have now, and that the class of a result does not list."""
    for name in rule.columns:
        choices = statement.choices.get(name)
        if not choices or not statement.names(rule.table_name, name):
            continue
        allowed = [] if new is None else _LITERAL.findall(new.definition)
        unknown = sorted({*allowed} - {*choices})
        if new is None or unknown:
            which = ", ".join(map(repr, unknown)) or "anything"
            subject, known = f"{rule.table_name}.{name}", ", ".join(choices)
            text = f"{subject} may be {which}, and the class of the result lists {known}"
            advice = "let a release know the value before one writes it"
            yield StatementFault(statement.label, statement.where, text, advice)


def _fault(statement: ReleaseStatement, rule: ShapeRule, text: str, advice: str) -> StatementFault:
    text = text.replace(" NOT VALID", "", 1)  # rows that are there are checked later
    columns = ", ".join(rule.columns)
    subject = f"{rule.table_name}.{columns}" if len(rule.columns) == 1 else rule.table_name
    listed = f" ({columns})" if len(rule.columns) > 1 else ""
    line = f"{subject}{listed} {text} ({rule.name})"
    return StatementFault(statement.label, statement.where, line, advice)
