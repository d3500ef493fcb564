"""The server: what it is, what it allows, what it knows. The SQL is in sql/queries/catalog.sql."""

from dataclasses import dataclass
from datetime import datetime

from oadb.engine.queries import queries

query = queries("catalog")


@dataclass(frozen=True, slots=True)
class Server:
    """The server at the other end of a connection. ``version_number`` is 180001 for 18.1."""

    version_number: int
    version: str
    connection_limit: int
    is_standby: bool
    clock: datetime
    role_name: str


@dataclass(frozen=True, slots=True)
class Extension:
    """An extension that the server offers."""

    name: str
    is_installed: bool


@dataclass(frozen=True, slots=True)
class Setting:
    """A setting as pg_settings shows it: times in milliseconds."""

    name: str
    setting: str


@dataclass(frozen=True, slots=True)
class Type:
    """A data type; ``name`` as pg_type spells it, arrays with an underscore in front."""

    type_id: int
    name: str


@dataclass(frozen=True, slots=True)
class Table:
    """A table or a view; ``name`` with its schema."""

    table_id: int
    name: str
    is_view: bool


@query
def describe_server() -> Server: ...


@query
def count_other_connections() -> int: ...


@query
def list_extensions(names: list[str]) -> list[Extension]: ...


@query
def list_settings(names: list[str]) -> list[Setting]: ...


@query
def list_types(type_ids: list[int]) -> list[Type]: ...


@query
def list_not_null_columns(table_id: int) -> list[int]: ...


@query
def list_volatile_functions(names: list[str]) -> list[str]: ...


@query
def find_table(table_id: int) -> Table: ...


query.complete()
