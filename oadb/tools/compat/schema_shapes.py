"""The shape of a database's schemas, in which two levels of migration can be compared."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

from oadb.engine.binding.queries import queries
from oadb.engine.executors import Runner
from oadb.tools import schema
from oadb.tools.compat.written_rows import words
from oadb.tools.intended.schema_levels import Key, key
from oadb.tools.schema import SchemaObject

query = queries(__name__)

Place = tuple[str, str]
"""A table with its schema, and a name in it."""

# An index that is not unique changes no answer.
_WITHOUT_EFFECT = frozenset({"index", "extension"})


@dataclass(frozen=True, slots=True)
class ShapeColumn:
    """A column of a table. Of another table or number under the same name, it is another one."""

    table_id: int
    number: int
    table_name: str
    name: str
    type_name: str
    is_not_null: bool
    default_text: str | None


@dataclass(frozen=True, slots=True)
class ShapeRule:
    """A constraint, or a unique index, and the columns that it looks at.

    ``kind`` is the contype of pg_constraint, or ``i``; ``is_restricting`` says of a foreign key
    that it keeps rows of the ``referenced`` table from being deleted.
    """

    table_name: str
    name: str
    kind: str
    columns: list[str]
    definition: str
    referenced: str | None
    is_restricting: bool


@dataclass(frozen=True, slots=True)
class SchemaShape:
    """The columns and rules of all tables, and the other objects, without comments."""

    columns: Mapping[Place, ShapeColumn]
    rules: Mapping[Place, ShapeRule]
    objects: Mapping[Key, SchemaObject]

    def of_kind(self, *kinds: str) -> Iterator[SchemaObject]:
        """Yield the objects of some kinds."""
        return (each for each in self.objects.values() if each.kind in kinds)

    def rules_of(self, table: str, *kinds: str) -> list[ShapeRule]:
        """Return the rules of a table of some kinds."""
        return [each for (of, _), each in self.rules.items() if of == table and each.kind in kinds]


@query
def _list_shape_schemas() -> list[str]: ...


@query
def _list_shape_columns() -> list[ShapeColumn]: ...


@query
def _list_shape_rules() -> list[ShapeRule]: ...


query.complete()


def read(tx: Runner) -> SchemaShape:
    """Return the shape of all schemas but the server's own.

    Args:
        tx: a transaction; its search_path and output formats are changed until it ends.
    """
    objects = schema.read_present(tx, _list_shape_schemas(tx))
    return SchemaShape(
        {(each.table_name, each.name): each for each in _list_shape_columns(tx)},
        {(each.table_name, each.name): each for each in _list_shape_rules(tx)},
        {
            key(each): replace(each, description=None)
            for each in objects
            if each.kind not in _WITHOUT_EFFECT
        },
    )


def tables_behind(shape: SchemaShape) -> dict[str, frozenset[str]]:
    """Return the tables that each view names, also through other views."""
    tables = {table for table, _ in shape.columns}
    views = [*shape.of_kind("view", "materialized view")]
    code = {each.name: f" {' '.join(words(each.definition))} " for each in views}
    named = {*tables, *code}
    direct = {
        view: {each for each in named - {view} if f" {each.replace('.', ' . ', 1)} " in text}
        for view, text in code.items()
    }

    def found(view: str) -> frozenset[str]:
        return frozenset[str]().union(
            *(found(each) if each in direct else {each} for each in direct[view])
        )

    return {view: found(view) for view in direct}
