"""What of packages nothing uses: indexes, columns, statements, grants.

    index       in no plan of a statement, where tables have the sizes of production and may not be
                read whole; it is no rule, and finds no rows of a foreign key
    column      read by no statement, view in one, key, policy, trigger or function
    statement   named by no code of the packages, and not in the ``__all__`` of its module
    comment     of a statement, "Served by orders_note_idx.", that names an index which is not there
    grant       to a role of ``uses.toml``, and needed by none of its statements

What is kept all the same stands in ``[kept]`` of ``uses.toml``, with the reason.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from fnmatch import fnmatchcase
from importlib import import_module
from itertools import chain

from oadb.engine.dsn import Dsn
from oadb.tools.dependencies import grant_check, used_objects
from oadb.tools.dependencies.examination import Examination
from oadb.tools.dependencies.uses import NotAsked
from oadb.tools.findings import Finding
from oadb.tools.plans import served_comments
from oadb.tools.plans.planning import Planned, Planner, statements

# Small tables are read whole, unless the planner is told that this costs much.
_BY_INDEX = "-c enable_seqscan=off"


Finder = Callable[[Examination], Iterator[Finding]]
"""Yields what nothing uses; the subject of each is its kind and name, as in ``[kept]``."""

_KINDS = frozenset({"index", "column", "statement", "comment"})


def find(examination: Examination) -> Iterator[Finding]:
    """Yield what nothing uses, and what ``[kept]`` lists although it is used or not there.

    What is kept is ok: one for each entry of ``[kept]``, with its number and the reason.
    """
    finders = (_indexes, _columns, _statements, _comments)
    yield from _judged(finders, examination, _KINDS)
    yield from find_needless_grants(examination)


def find_needless_grants(examination: Examination) -> Iterator[Finding]:
    """Yield the grants that no statement needs; see ``find``."""
    yield from _judged((_grants,), examination, frozenset({"grant"}))


def _judged(
    finders: Iterable[Finder], examination: Examination, kinds: frozenset[str]
) -> Iterator[Finding]:
    kept = {name: why for name, why in examination.kept.items() if name.split(" ")[0] in kinds}
    counts = Counter[str]()
    for found in chain.from_iterable(finder(examination) for finder in finders):
        pattern = next((name for name in kept if fnmatchcase(found.subject, name)), None)
        if pattern is None:
            yield found
        else:
            counts[pattern] += 1
    for name, why in kept.items():
        if counts[name]:
            yield Finding(True, name, f"kept ({counts[name]}): {why}")
        else:
            yield Finding(False, name, "uses.toml keeps it, but it is used, or not there")


def _indexes(examination: Examination) -> Iterator[Finding]:
    used = set[str]()
    database = examination.large or examination.dsn
    by_index = Dsn({**database.keywords, "options": _BY_INDEX})
    with Planner.to(by_index) as planner:
        for asked in examination.asked:
            for form in statements(asked.declared):
                planned = planner.plan(form)
                if isinstance(planned, Planned):
                    used |= planned.tree.indexes
    for each in used_objects.list_indexes(examination.db, examination.schema_names):
        if not each.serves_foreign_key and each.name.rpartition(".")[2] not in used:
            yield Finding(False, f"index {each.name}", "no plan of a statement uses it")


def _columns(examination: Examination) -> Iterator[Finding]:
    read = {
        (use.table, column)
        for each in examination.asked
        if not isinstance(each.uses, NotAsked)
        for use in each.uses.tables
        for column in use.reads
    }
    for each in used_objects.list_columns(examination.db, examination.schema_names):
        if not each.readers and (each.table_name, each.column_name) not in read:
            yield Finding(False, f"column {each.table_name}.{each.column_name}", "nothing reads it")


def _statements(examination: Examination) -> Iterator[Finding]:
    for each in examination.asked:
        declared = each.declared
        offered = getattr(import_module(declared.__module__), "__all__", ())
        if declared.__name__ not in offered and not examination.callers(each):
            yield Finding(
                False, f"statement {declared.label}", f"nothing calls it ({declared.place})"
            )


def _comments(examination: Examination) -> Iterator[Finding]:
    objects = used_objects.list_objects(examination.db, examination.schema_names)
    known = {each.own_name for each in objects if each.kind == "index"}
    for asked in examination.asked:
        statement = asked.declared.statement
        for name in sorted(served_comments.named_indexes(asked.declared) - known):
            where = f"{statement.path}:{statement.line}"
            text = f"served by {name}, which is no index ({where})"
            yield Finding(False, f"comment {asked.declared.label}", text)


def _grants(examination: Examination) -> Iterator[Finding]:
    """Yield those on tables of packages whose ``uses.toml`` names roles."""
    schemas = [
        schema
        for package, names in examination.schemas.items()
        if examination.usage[package].roles
        for schema in names
    ]
    grants = used_objects.list_grants(examination.db, schemas)
    for each in grant_check.needless(examination.runs, grants):
        yield Finding(False, f"grant {each}", "no statement of the role needs it")


def find_missing_grants(examination: Examination) -> Iterator[Finding]:
    """Yield the grants that a role lacks for a statement that it runs."""
    schemas = examination.schema_names
    grants = used_objects.list_grants(examination.db, schemas)
    members = used_objects.list_memberships(examination.db)
    for each, label in grant_check.missing(schemas, examination.runs, grants, members):
        yield Finding(False, f"grant {each}", f"is missing: {label} needs it")


def find_unknown_patterns(examination: Examination) -> Iterator[Finding]:
    """Yield the patterns of roles that match no statement of their package."""
    for package, usage in examination.usage.items():
        labels = [each.declared.label for each in examination.asked if each.package == package]
        for role, own in usage.roles.items():
            for pattern in own.unmatched(labels):
                yield Finding(False, f"{usage.shown}: {role}", f"no statement matches {pattern}")
