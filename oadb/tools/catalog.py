"""What the server's catalog says: version, limits, settings, types, tables, roles, policies."""

from dataclasses import dataclass
from datetime import datetime

from oadb.engine.binding.queries import queries

query = queries(__name__)

SERVICE_ROLES = (
    "oadb_owner",
    "oadb_migrate",
    "oadb_app",
    "oadb_log",
    "oadb_rotate",
    "oadb_ro",
    "oadb_user",
)
"""The roles of the server that oadb.create_roles makes."""


@dataclass(frozen=True, slots=True)
class ServerInfo:
    """The server of a connection. ``version_number`` is 180001 for 18.1."""

    version_number: int
    version: str
    connection_limit: int
    is_standby: bool
    clock: datetime
    role_name: str


@dataclass(frozen=True, slots=True)
class ServerSetting:
    """A setting from pg_settings; times are in milliseconds."""

    name: str
    setting: str


@dataclass(frozen=True, slots=True)
class Type:
    """A data type, or the one behind a domain.

    ``name`` is that of pg_type: an array type begins with an underscore. ``kind`` is its typtype;
    ``item_id`` is the type of the items of an array or range, else 0; ``table_id`` belongs to the
    attributes of a composite type.
    """

    type_id: int
    base_id: int
    name: str
    kind: str
    is_array: bool
    item_id: int
    table_id: int


@dataclass(frozen=True, slots=True)
class Attribute:
    """An attribute of a composite type."""

    name: str
    type_id: int


@dataclass(frozen=True, slots=True)
class TableColumn:
    """A column of a table. ``type_id`` is the oid of its type."""

    name: str
    type_id: int
    is_not_null: bool
    is_writable: bool


@dataclass(frozen=True, slots=True)
class Relation:
    """A table or a view. ``view_definition`` is None for a table, and for a materialized view."""

    table_id: int
    is_materialized: bool
    view_definition: str | None


@dataclass(frozen=True, slots=True)
class Role:
    """A role of the server. ``is_let_in``: it may use the schema oadb of this database."""

    name: str
    is_let_in: bool


@dataclass(frozen=True, slots=True)
class Standing:
    """The role of a connection and what it may do with the tables of oadb.

    ``owner_name`` owns them; ``is_exempt``: row-level security does not bind the role; ``givers``
    are the roles that may grant oadb_user, but superusers.
    """

    role_name: str
    owner_name: str
    is_exempt: bool
    can_act_as_user: bool
    givers: list[str]


@dataclass(frozen=True, slots=True)
class PathSchema:
    """A schema of search_path, and who may create in it but its owner and superusers."""

    name: str
    creators: list[str]


@query
def describe_server() -> ServerInfo: ...


@query
def count_other_connections() -> int: ...


@query
def list_extensions(names: list[str]) -> list[str]: ...


@query
def list_settings(names: list[str]) -> list[ServerSetting]: ...


@query
def list_path_schemas() -> list[PathSchema]: ...


@query
def list_types(type_ids: list[int]) -> list[Type]: ...


@query
def list_labels(type_id: int) -> list[str]: ...


@query
def list_attributes(table_id: int) -> list[Attribute]: ...


@query
def list_not_null_columns(table_id: int) -> list[int]: ...


@query
def list_columns(table_name: str) -> list[TableColumn]: ...


@query
def list_volatile_functions(names: list[str]) -> list[str]: ...


@query
def find_table(table_id: int) -> Relation: ...


@query
def list_table_names(table_id: int) -> list[str]: ...


@query
def list_roles(names: list[str]) -> list[Role]: ...


@query
def find_standing() -> Standing | None: ...


query.complete()
