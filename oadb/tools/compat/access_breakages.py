"""What triggers, row-level security and privileges do to statements that still prepare."""

import re
from collections.abc import Iterator, Sequence

from oadb.tools.compat.release_statement import ReleaseStatement, StatementFault
from oadb.tools.compat.schema_shapes import SchemaShape
from oadb.tools.compat.statement_roles import StatementRoles
from oadb.tools.dependencies.grant_check import PUBLIC
from oadb.tools.schema import SchemaObject

_TRIGGER = re.compile(
    r"CREATE (?:CONSTRAINT )?TRIGGER \S+ (?P<time>BEFORE|AFTER|INSTEAD OF) (?P<events>.+?) ON .*"
    r" EXECUTE FUNCTION (?P<function>\S+?)\(",
    re.DOTALL,
)
_EVENT = re.compile(r"(INSERT|UPDATE|DELETE|TRUNCATE)(?: OF (.+?))?(?= OR |$)")
_RAISES = re.compile(
    r"\braise\s+(?!notice|info|log|debug|warning)[^;]*;|\braise\s*;", re.IGNORECASE
)
_NO_ROW = re.compile(r"\breturn\s+null\s*;", re.IGNORECASE)
_PRIVILEGE = re.compile(r"([a-z]+)(?: \(([^)]*)\))?")

_LATER = "let it stand aside until no process of the old code runs"

Privileges = frozenset[tuple[str, str | None]]


def find(
    before: SchemaShape,
    after: SchemaShape,
    statements: Sequence[ReleaseStatement],
    known: StatementRoles | None = None,
) -> Iterator[StatementFault]:
    """Yield what statements made for the schema *before* do wrong on the one *after*.

    Args:
        known: what the statements use and who runs them, if privileges differ.
    """
    for trigger in after.of_kind("trigger"):
        yield from _trigger(before, after, trigger, statements)
    walled = {each.name for each in _changed(before, after, "row security")}
    for table in sorted(walled):
        yield from _about(statements, table, "has other row-level security")
    for policy in _changed(before, after, "policy"):
        if policy.part_of not in walled:
            text = f"has another policy: {policy.name.partition(' on ')[0]}"
            yield from _about(statements, policy.part_of, text)
    for grant in before.of_kind("grant"):
        yield from _grant(after, grant, statements, known)


def _about(
    statements: Sequence[ReleaseStatement], table: str, text: str
) -> Iterator[StatementFault]:
    for each in statements:
        if each.uses(table):
            yield StatementFault(each.label, each.where, f"{table} {text}", _LATER)


def _changed(before: SchemaShape, after: SchemaShape, kind: str) -> Iterator[SchemaObject]:
    """Yield what is new or otherwise or gone, where fewer rows may be seen or written for it.

    Of tables that are there before and after.
    """
    kept = _names(before) & _names(after)
    yield from (each for each in _stricter(before, after, kind) if each.part_of in kept)


def _names(shape: SchemaShape) -> set[str]:
    return {each.name for each in shape.objects.values() if each.name == each.part_of}


def _stricter(before: SchemaShape, after: SchemaShape, kind: str) -> Iterator[SchemaObject]:
    for each in after.of_kind(kind):
        old = before.objects.get((each.kind, each.name))
        is_harmless = kind == "policy" and old is None and " as restrictive" not in each.definition
        if old != each and not is_harmless:
            yield each
    if kind == "policy":
        yield from (each for each in before.of_kind(kind) if (kind, each.name) not in after.objects)


def _trigger(
    before: SchemaShape,
    after: SchemaShape,
    trigger: SchemaObject,
    statements: Sequence[ReleaseStatement],
) -> Iterator[StatementFault]:
    old = before.objects.get((trigger.kind, trigger.name))
    found = _TRIGGER.match(trigger.definition)
    if found is None:
        return
    is_before = found["time"] != "AFTER"
    now = _refusals(after, found["function"], is_before=is_before)
    known = _refusals(before, found["function"], is_before=is_before) if old == trigger else []
    added = [text for text in now if text not in known]
    if not added:
        return
    for each in statements:
        if _fires(found["events"], trigger.part_of, each):
            text = f"{trigger.part_of} has a trigger that may refuse rows: {added[0]}"
            line = f"{text} ({found['function']})"
            yield StatementFault(each.label, each.where, line, _LATER)


def _refusals(shape: SchemaShape, function: str, *, is_before: bool) -> list[str]:
    """Return what of the functions of that name raises an error, or drops a row."""
    bodies = [each.definition for each in shape.of_kind("function") if _is_named(each, function)]
    patterns = (_RAISES, _NO_ROW) if is_before else (_RAISES,)
    found = [text for body in bodies for pattern in patterns for text in pattern.findall(body)]
    return [" ".join(text.split()) for text in found]


def _is_named(function: SchemaObject, name: str) -> bool:
    return function.name.partition("(")[0] == name


def _fires(events: str, table: str, statement: ReleaseStatement) -> bool:
    for kind, columns in _EVENT.findall(events):
        for write in statement.written(table, kind.lower()):
            if not columns or not {*columns.split(", ")}.isdisjoint(write.columns):
                return True
    return False


def _grant(
    after: SchemaShape,
    grant: SchemaObject,
    statements: Sequence[ReleaseStatement],
    known: StatementRoles | None,
) -> Iterator[StatementFault]:
    if grant.part_of not in _names(after):
        return
    role = grant.name.rpartition(" to ")[2]
    had, name = _privileges(grant), grant.part_of.partition("(")[0]
    columns = [column for table, column in after.columns if table == grant.part_of]
    for each in statements:
        told = None if known is None else known.needed(each, grant.part_of)
        needs = [*_needed(each, grant.part_of, columns)] if told is None else told
        needed = [need for need in needs if _is_held(had, *need)]
        for loser in _losers(role, each, known):
            has = _held_by(after, grant, loser)
            lost: dict[str, list[str]] = {}
            for privilege, column in needed:
                if not _is_held(has, privilege, column):
                    lost.setdefault(privilege, []).append(column or "")
            for privilege, listed in lost.items():
                subject = f"{name}.{', '.join(dict.fromkeys(listed))}".removesuffix(".")
                text = f"{subject} may not be used by {loser}: without the privilege {privilege}"
                yield StatementFault(each.label, each.where, text, "revoke it a release later")


def _losers(role: str, statement: ReleaseStatement, known: StatementRoles | None) -> list[str]:
    """Return who runs a statement by a grant to a role: of everybody, the roles that are known."""
    if known is None:
        return [role]
    if role == PUBLIC:
        return known.running(statement) or [role]
    return [role] if known.runs(role, statement) else []


def _held_by(after: SchemaShape, grant: SchemaObject, role: str) -> Privileges:
    """Return what a role may do with the same object, by itself and as everybody."""
    subject = grant.name.rpartition(" to ")[0]
    found = (after.objects.get((grant.kind, f"{subject} to {each}")) for each in (role, PUBLIC))
    return frozenset[tuple[str, str | None]]().union(*(_privileges(each) for each in found if each))


def _privileges(grant: SchemaObject) -> Privileges:
    listed = grant.definition.removeprefix("grant ").rpartition(" on ")[0]
    found = _PRIVILEGE.findall(listed)
    return frozenset(
        (name, column or None) for name, columns in found for column in columns.split(", ")
    )


def _is_held(held: Privileges, privilege: str, column: str | None) -> bool:
    if column is None:  # any column will do
        return any(name == privilege for name, _ in held)
    return (privilege, None) in held or (privilege, column) in held


def _needed(
    statement: ReleaseStatement, part: str, columns: Sequence[str]
) -> Iterator[tuple[str, str | None]]:
    """Yield the privileges that a statement needs on a table, function or schema."""
    name = part.partition("(")[0]
    if "." not in part:
        if f" {part} . " in statement.code:
            yield "usage", None
    elif "(" in part:
        if statement.says(name):
            yield "execute", None
    elif statement.says(part):
        writes = statement.written(part, "insert", "update", "delete")
        yield from (("delete", None) for each in writes if each.kind == "delete")
        yield from ((each.kind, column) for each in writes for column in each.columns)
        if not writes or " returning " in statement.code or " where " in statement.code:
            named = [one for one in columns if statement.names(part, one)]
            yield from (("select", one) for one in (named if columns else [None]))
