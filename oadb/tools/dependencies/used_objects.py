"""Tables, columns, indexes, grants and other objects of schemas, and what depends on them."""

from dataclasses import dataclass

from oadb.engine.binding.queries import queries

query = queries(__name__)


@dataclass(frozen=True, slots=True)
class ReadColumn:
    """A column of a table. ``readers``: what besides statements reads it, kind and name."""

    table_name: str
    column_name: str
    readers: list[str]


@dataclass(frozen=True, slots=True)
class UsedIndex:
    """An index that is no rule. ``serves_foreign_key``: it finds rows that refer to others."""

    name: str
    table_name: str
    serves_foreign_key: bool


@dataclass(frozen=True, slots=True)
class Grant:
    """What a role may do with a table; ``column_name`` is '' where it is all of its columns."""

    role_name: str
    table_name: str
    privilege: str
    column_name: str

    @property
    def schema_name(self) -> str:
        """The schema of the table, without quotes."""
        return self.table_name.partition(".")[0].strip('"')

    def __str__(self) -> str:
        """Return it as in ``[kept]``: ``oadb_app: update oadb.users (email)``."""
        column = f" ({self.column_name})" if self.column_name else ""
        return f"{self.role_name}: {self.privilege} {self.table_name}{column}"


@dataclass(frozen=True, slots=True)
class Membership:
    """A role that also has the privileges of another one."""

    role_name: str
    inherited_name: str


@dataclass(frozen=True, slots=True)
class DatabaseObject:
    """An object, by its kind and name as PostgreSQL writes them, and by its numbers.

    Attributes:
        relation_name: Of a column the table; of a table, view, index or sequence its own; else ''.
        table_name: The same with its schema, quoted where it must be.
        own_name: Without schema, table, arguments and quotes.
    """

    kind: str
    name: str
    schema_name: str
    table_name: str
    relation_name: str
    own_name: str
    class_id: int
    object_id: int
    sub_id: int


@dataclass(frozen=True, slots=True)
class DependentObject:
    """What depends on an object."""

    kind: str
    name: str


@query
def list_columns(schemas: list[str]) -> list[ReadColumn]: ...


@query
def list_indexes(schemas: list[str]) -> list[UsedIndex]: ...


@query
def list_grants(schemas: list[str]) -> list[Grant]: ...


@query
def list_memberships() -> list[Membership]: ...


@query
def list_objects(schemas: list[str]) -> list[DatabaseObject]: ...


@query
def list_dependents(class_id: int, object_id: int, sub_id: int) -> list[DependentObject]: ...


@query
def list_functions_naming(schemas: list[str], words: list[str]) -> list[str]: ...


query.complete()
