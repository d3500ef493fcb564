"""The schemas of packages as a list of objects; schema_text.py writes it as SQL."""

from collections.abc import Sequence
from dataclasses import dataclass

from oadb.engine.binding.queries import queries
from oadb.engine.executors import Runner
from oadb.errors import MigrationError
from oadb.tools.findings import UNMIGRATED

query = queries(__name__)


@dataclass(frozen=True, slots=True)
class SchemaObject:
    """An object of a schema; no two have the same kind and name.

    Args:
        part_of: the schema, extension, table, view or routine that it is or belongs to.
        description: the comment on it.
    """

    part_of: str
    kind: str
    name: str
    definition: str
    description: str | None


@dataclass(frozen=True, slots=True)
class RowTable:
    """A table whose rows belong to the schema."""

    name: str
    is_readable: bool


@query
def _fix_output() -> str: ...


@query
def _list_schema_ids(names: list[str]) -> list[int]: ...


@query
def _list_relation_ids(schema_ids: list[int]) -> list[int]: ...


@query
def _list_schemas(schema_ids: list[int]) -> list[SchemaObject]: ...


@query
def _list_extensions(schema_ids: list[int]) -> list[SchemaObject]: ...


@query
def _list_tables(relation_ids: list[int]) -> list[SchemaObject]: ...


@query
def _list_views(relation_ids: list[int]) -> list[SchemaObject]: ...


@query
def _list_columns(relation_ids: list[int]) -> list[SchemaObject]: ...


@query
def _list_constraints(relation_ids: list[int]) -> list[SchemaObject]: ...


@query
def _list_indexes(relation_ids: list[int]) -> list[SchemaObject]: ...


@query
def _list_row_security(relation_ids: list[int]) -> list[SchemaObject]: ...


@query
def _list_policies(relation_ids: list[int]) -> list[SchemaObject]: ...


@query
def _list_triggers(relation_ids: list[int]) -> list[SchemaObject]: ...


@query
def _list_event_triggers(schema_ids: list[int]) -> list[SchemaObject]: ...


@query
def _list_routines(schema_ids: list[int]) -> list[SchemaObject]: ...


@query
def _list_types(schema_ids: list[int]) -> list[SchemaObject]: ...


@query
def _list_grants(schema_ids: list[int], relation_ids: list[int]) -> list[SchemaObject]: ...


@query
def _list_owners(schema_ids: list[int], relation_ids: list[int]) -> list[SchemaObject]: ...


@query
def _list_row_tables(names: list[str]) -> list[RowTable]: ...


@query
def _list_role_privileges() -> list[SchemaObject]: ...


@query
def _list_user_tables() -> list[SchemaObject]: ...


@query
def _list_log_tables() -> list[SchemaObject]: ...


@query
def _list_ban_exemptions() -> list[SchemaObject]: ...


@query
def _list_trading_mode() -> list[SchemaObject]: ...


@query
def _list_security_settings() -> list[SchemaObject]: ...


@query
def _list_smtp_settings() -> list[SchemaObject]: ...


@query
def _list_faults(schema_ids: list[int]) -> list[SchemaObject]: ...


@query
def _list_others(schema_ids: list[int]) -> list[SchemaObject]: ...


query.complete()


# What oadb's migrations write into tables that define behaviour. Of rows that services change, only
# the key.
_ROWS = {
    "oadb.role_privileges": _list_role_privileges,
    "oadb.user_tables": _list_user_tables,
    "oadb.log_tables": _list_log_tables,
    "oadb.ban_exemptions": _list_ban_exemptions,
    "oadb.trading_mode": _list_trading_mode,
    "oadb.security_settings": _list_security_settings,
    "oadb.smtp_settings": _list_smtp_settings,
}


def read(tx: Runner, names: Sequence[str] = ("oadb",)) -> list[SchemaObject]:
    """Return every object of some schemas, by kind and by name; columns in the order of the table.

    Args:
        tx: a transaction; its search_path and output formats are changed until it ends.
        names: the names of the schemas; of ``oadb``, the rows that its migrations write as well.

    Raises:
        MigrationError: the database has no schema of one of the names.
    """
    found = read_present(tx, names)
    if sum(each.kind == "schema" for each in found) < len(names):
        raise MigrationError(UNMIGRATED)
    return found


def read_present(tx: Runner, names: Sequence[str]) -> list[SchemaObject]:
    """Return what ``read`` does, at any level of migration; a schema may be missing.

    Without the rows of tables that this role may not read; see ``list_unread``.
    """
    _fix_output(tx)
    schemas = _list_schema_ids(tx, [*names])
    ids = _list_relation_ids(tx, schemas)
    kinds = [
        _list_schemas(tx, schemas),
        _list_extensions(tx, schemas),
        _list_types(tx, schemas),
        _list_tables(tx, ids),
        _list_views(tx, ids),
        _list_routines(tx, schemas),
        _list_columns(tx, ids),
        _list_constraints(tx, ids),
        _list_indexes(tx, ids),
        _list_row_security(tx, ids),
        _list_policies(tx, ids),
        _list_triggers(tx, ids),
        _list_event_triggers(tx, schemas),
        _list_owners(tx, schemas, ids),
        _list_grants(tx, schemas, ids),
        _list_rows(tx) if "oadb" in names else [],
        _list_faults(tx, schemas),
        _list_others(tx, schemas),
    ]
    return [each for found in kinds for each in sorted(found, key=_order)]


def list_unread(db: Runner, names: Sequence[str]) -> list[str]:
    """Return the tables of some schemas whose rows ``read_present`` leaves out."""
    tables = _list_row_tables(db, [*_ROWS]) if "oadb" in names else []
    return [table.name for table in tables if not table.is_readable]


def _list_rows(tx: Runner) -> list[SchemaObject]:
    tables = _list_row_tables(tx, [*_ROWS])
    return [row for table in tables if table.is_readable for row in _ROWS[table.name](tx)]


def _order(each: SchemaObject) -> tuple[str, str]:
    """Not by the server, whose collation may differ."""
    is_ordered = each.kind in {"column", "constraint"}
    return each.part_of, "" if is_ordered else each.name
