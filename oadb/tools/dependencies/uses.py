"""What statements use: the tables and columns that they read and write, and other objects."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

from oadb.engine.binding.declarations import Declaration


@dataclass(frozen=True, slots=True)
class TableUse:
    """What a statement does with a table or view.

    Attributes:
        table: Its name with its schema.
        commands: The privileges that it needs; a lock of rows needs update, without columns.
        reads: The columns that it reads, also in conditions, orders and RETURNING.
        through: The view that reads the table; '' if the statement names it.
        by_owner: Whether the owner of that view reads, instead of the role of the statement.
    """

    table: str
    commands: frozenset[str]
    reads: frozenset[str] = frozenset()
    inserts: frozenset[str] = frozenset()
    updates: frozenset[str] = frozenset()
    through: str = ""
    by_owner: bool = False


@dataclass(frozen=True, slots=True)
class StatementUses:
    """What a statement uses.

    Attributes:
        tables: One for each table or view, and each way to it, in order.
        objects: What else it depends on, kind and name: ``function oadb.is_sealed(bytea)``; without
            objects of PostgreSQL itself.
    """

    tables: tuple[TableUse, ...]
    objects: frozenset[str]

    @property
    def functions(self) -> list[str]:
        """The functions that it calls, with the types of their arguments, in order."""
        kind = "function "
        return sorted(each.removeprefix(kind) for each in self.objects if each.startswith(kind))


@dataclass(frozen=True, slots=True)
class NotAsked:
    """Why PostgreSQL did not tell what a statement uses, and the names that stand in it.

    ``names``: those with a schema, such as ``oadb.users``; they may be of any kind of object.
    """

    reason: str
    names: frozenset[str]


@dataclass(frozen=True, slots=True)
class AskedStatement:
    """A declared statement and what it uses.

    Attributes:
        package: The name of its package.
        forms: By label, of itself if it has no variants, else of each of these, and of its form for
            many rows.
    """

    package: str
    declared: Declaration
    forms: Mapping[str, StatementUses | NotAsked]

    @property
    def uses(self) -> StatementUses | NotAsked:
        """What all of its forms use together."""
        found = list[StatementUses]()
        for each in self.forms.values():
            if isinstance(each, NotAsked):
                return each
            found.append(each)
        tables = merged(use for each in found for use in each.tables)
        return StatementUses(tables, frozenset(name for each in found for name in each.objects))


def merged(uses: Iterable[TableUse]) -> tuple[TableUse, ...]:
    """Return one use for each table and each way to it, in order."""
    found = dict[tuple[str, str], TableUse]()
    for use in uses:
        known = found.setdefault((use.table, use.through), use)
        found[use.table, use.through] = replace(
            known,
            commands=known.commands | use.commands,
            reads=known.reads | use.reads,
            inserts=known.inserts | use.inserts,
            updates=known.updates | use.updates,
        )
    return tuple(found[key] for key in sorted(found))
