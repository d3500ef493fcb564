"""What the catalog says about columns, types, routines and locks, for the review book."""

from dataclasses import dataclass

from oadb.engine.binding.queries import queries

query = queries(__name__)


@dataclass(frozen=True, slots=True)
class NamedColumn:
    """A column of a table or view; *number* is its place, as results of statements name it."""

    table_id: int
    number: int
    table_name: str
    name: str
    is_not_null: bool


@dataclass(frozen=True, slots=True)
class ShownType:
    """A type: ``timestamp with time zone``, and ``timestamptz`` in pg_type."""

    type_id: int
    shown: str
    name: str


@dataclass(frozen=True, slots=True)
class RoutineText:
    """A function or a procedure, and the SQL in it."""

    signature: str
    name: str
    body: str


@dataclass(frozen=True, slots=True)
class ScaledIndex:
    """The size of an index of a table; the name of the table is that of the schema's objects."""

    table_name: str
    index_name: str
    bytes: int


@dataclass(frozen=True, slots=True)
class HeldLock:
    """A lock that a session holds; *mode* is that of pg_locks."""

    relation: str
    mode: str


@query
def list_named_columns(table_ids: list[int]) -> list[NamedColumn]: ...


@query
def list_type_names(type_ids: list[int]) -> list[ShownType]: ...


@query
def list_routine_texts(schemas: list[str]) -> list[RoutineText]: ...


@query
def list_index_sizes(schemas: list[str]) -> list[ScaledIndex]: ...


@query
def list_held_locks(pid: int) -> list[HeldLock]: ...


@query
def list_allowed_roles(
    tables: list[str], columns: list[str], privileges: list[str], functions: list[str]
) -> list[str]: ...


query.complete()
