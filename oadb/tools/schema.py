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
def _list_routines(schema_ids: list[int]) -> list[SchemaObject]: ...


@query
def _list_types(schema_ids: list[int]) -> list[SchemaObject]: ...


@query
def _list_grants(schema_ids: list[int], relation_ids: list[int]) -> list[SchemaObject]: ...


@query
def _list_owners(schema_ids: list[int], relation_ids: list[int]) -> list[SchemaObject]: ...


@query
def _list_rows() -> list[SchemaObject]: ...


@query
def _list_others(schema_ids: list[int]) -> list[SchemaObject]: ...


query.complete()


def read(tx: Runner, names: Sequence[str] = ("oadb",)) -> list[SchemaObject]:
    """Return every object of some schemas, by kind and by name; columns in the order of the table.

    Args:
        tx: a transaction; its search_path and output formats are changed until it ends.
        names: the names of the schemas; of ``oadb``, the rows that its migrations write as well.

    Raises:
        MigrationError: the database has no schema of one of the names.
    """
    _fix_output(tx)
    schemas = _list_schema_ids(tx, [*names])
    if len(schemas) < len(names):
        raise MigrationError(UNMIGRATED)
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
        _list_owners(tx, schemas, ids),
        _list_grants(tx, schemas, ids),
        _list_rows(tx) if "oadb" in names else [],
        _list_others(tx, schemas),
    ]
    return [each for found in kinds for each in sorted(found, key=_order)]


def _order(each: SchemaObject) -> tuple[str, str]:
    """Not by the server, whose collation may differ."""
    is_ordered = each.kind in {"column", "constraint"}
    return each.part_of, "" if is_ordered else each.name
