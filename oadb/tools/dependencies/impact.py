"""What depends on a column, table, view, index, function, type or constraint of the packages."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from difflib import get_close_matches

from oadb.engine.dsn import Dsn
from oadb.tools.dependencies import used_objects
from oadb.tools.dependencies.examination import Examination
from oadb.tools.dependencies.used_objects import DatabaseObject, DependentObject
from oadb.tools.dependencies.uses import AskedStatement, NotAsked, StatementUses
from oadb.tools.plans.planning import Planned, Planner, statements
from oadb.tools.usage import UsageError

_COLUMNS = frozenset({"table column", "view column", "materialized view column"})
_RELATIONS = frozenset({"table", "view", "materialized view"})

# Near names that an error lists.
_NEAR = 5

# Plans of empty tables use an index where they can.
_BY_INDEX = "-c enable_seqscan=off"


@dataclass(frozen=True, slots=True)
class AffectedStatement:
    """A statement that uses an object.

    Attributes:
        place: File and line of its SQL.
        how: Such as ``reads`` and ``updates``; ``names it`` if PostgreSQL does not tell more.
        callers: File, line and function of the code that calls it.
    """

    label: str
    place: str
    how: tuple[str, ...]
    callers: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Impact:
    """What depends on an object: statements, and other objects, with grants among them."""

    kind: str
    name: str
    statements: tuple[AffectedStatement, ...]
    dependents: tuple[DependentObject, ...]


def of(examination: Examination, name: str) -> Impact:
    """Return what depends on the object with a name, such as ``oadb.users.email``.

    The name of a function may leave out its arguments, that of a constraint is ``schema.name`` or
    as PostgreSQL writes it: ``users_pkey on oadb.users``.

    Raises:
        UsageError: there is none, or there are several; the text has near names.
    """
    found = _named(used_objects.list_objects(examination.db, examination.schema_names), name)
    indexed = _planned_with(examination, found.own_name) if found.kind == "index" else set[str]()
    affected = [
        AffectedStatement(
            each.declared.label,
            f"{each.declared.statement.path}:{each.declared.statement.line}",
            how,
            tuple(f"{c.path}:{c.line} ({c.within})" for c in examination.callers(each)),
        )
        for each in examination.asked
        if (how := ("plans with it",) if each.declared.label in indexed else _how(found, each.uses))
    ]
    dependents = {*_dependents(examination, found), *_in_texts(examination, found)}
    column = found.own_name if found.kind in _COLUMNS else None
    grants = [
        DependentObject("grant", str(each))
        for each in used_objects.list_grants(examination.db, examination.schema_names)
        if each.table_name == found.table_name and column in {None, each.column_name}
    ]
    ordered = sorted(dependents, key=lambda each: (each.kind, each.name))
    return Impact(found.kind, found.name, tuple(affected), (*ordered, *grants))


def _named(objects: Sequence[DatabaseObject], name: str) -> DatabaseObject:
    exact = [each for each in objects if each.name == name]
    found = exact or [each for each in objects if _short(each) == name]
    # A table is also the type of its rows, an index the constraint that it backs.
    relations = [each for each in found if each.kind != "table constraint"] or found
    if len(relations) == 1:
        return relations[0]
    near = [each.name for each in found] or get_close_matches(
        name, [each.name for each in objects], _NEAR
    )
    listed = f"; there is {', '.join(near)}" if near else ""
    said = "is the name of several objects" if found else "is not there"
    raise UsageError(f"{name} {said}: name a column as schema.table.column{listed}")


def _short(each: DatabaseObject) -> str:
    """Return the name without arguments and quotes; of a constraint, with its schema."""
    table = f"{each.relation_name}." if each.kind in _COLUMNS else ""
    return f"{each.schema_name}.{table}{each.own_name}"


def _how(found: DatabaseObject, uses: StatementUses | NotAsked) -> tuple[str, ...]:
    """Return how a statement uses an object; nothing if it does not."""
    table, column = found.table_name, found.own_name
    if isinstance(uses, NotAsked):
        relation = f"{found.schema_name}.{found.relation_name or found.own_name}"
        return ("names it",) if relation in uses.names else ()
    if found.kind in _COLUMNS:
        own = [use for use in uses.tables if use.table == table]
        sets = {
            "reads": [use.reads for use in own],
            "inserts": [use.inserts for use in own],
            "updates": [use.updates for use in own],
        }
        return tuple(
            how for how, columns in sets.items() if any(column in each for each in columns)
        )
    if found.kind in _RELATIONS:
        commands = {each for use in uses.tables if use.table == table for each in use.commands}
        return tuple(f"{each}s" for each in sorted(commands))
    return ("uses it",) if f"{found.kind} {found.name}" in uses.objects else ()


def _planned_with(examination: Examination, index: str) -> set[str]:
    """Return the labels of the statements that have the index in a plan, or in their comment."""
    with Planner.to(Dsn({**examination.dsn.keywords, "options": _BY_INDEX})) as planner:
        return {
            asked.declared.label
            for asked in examination.asked
            if index in asked.declared.statement.doc or _plans_with(planner, asked, index)
        }


def _plans_with(planner: Planner, asked: AskedStatement, index: str) -> bool:
    plans = (planner.plan(form) for form in statements(asked.declared))
    return any(isinstance(plan, Planned) and index in plan.tree.indexes for plan in plans)


def _dependents(examination: Examination, found: DatabaseObject) -> Iterator[DependentObject]:
    """Yield what PostgreSQL knows to depend on it; of generated columns, also what they have."""
    objects = {
        (each.kind, each.name): each
        for each in used_objects.list_objects(examination.db, examination.schema_names)
    }
    waiting, seen = [found], {found.name}
    for each in waiting:
        for dependent in used_objects.list_dependents(
            examination.db, each.class_id, each.object_id, each.sub_id
        ):
            yield dependent
            column = objects.get((dependent.kind, dependent.name))
            if column is not None and column.kind in _COLUMNS and column.name not in seen:
                seen.add(column.name)
                waiting.append(column)


def _in_texts(examination: Examination, found: DatabaseObject) -> Iterator[DependentObject]:
    """Yield the functions whose text has the name: what such a text uses, nobody knows."""
    named = [name for name in (found.relation_name, found.own_name) if name]
    for each in used_objects.list_functions_naming(examination.db, examination.schema_names, named):
        if each != found.name:
            yield DependentObject("function, by its text", each)
