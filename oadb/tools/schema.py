"""The schema of a database as a list of objects; schema_text.py writes it as SQL."""

from dataclasses import dataclass

from oadb.engine.binding.queries import queries
from oadb.engine.executors import Runner

query = queries(__name__)


@dataclass(frozen=True, slots=True)
class SchemaObject:
    """An object of the schema; no two have the same kind and name.

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
def _list_relation_ids() -> list[int]: ...


@query
def _list_schemas() -> list[SchemaObject]: ...


@query
def _list_extensions() -> list[SchemaObject]: ...


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
def _list_routines() -> list[SchemaObject]: ...


@query
def _list_grants(relation_ids: list[int]) -> list[SchemaObject]: ...


@query
def _list_owners(relation_ids: list[int]) -> list[SchemaObject]: ...


@query
def _list_rows() -> list[SchemaObject]: ...


@query
def _list_others() -> list[SchemaObject]: ...


query.complete()


def read(tx: Runner) -> list[SchemaObject]:
    """Return every object of the schema, by kind and by name; columns in the order of the table.

    Args:
        tx: a transaction; its search_path and output formats are changed until it ends.
    """
    _fix_output(tx)
    ids = _list_relation_ids(tx)
    kinds = [
        _list_schemas(tx),
        _list_extensions(tx),
        _list_tables(tx, ids),
        _list_views(tx, ids),
        _list_routines(tx),
        _list_columns(tx, ids),
        _list_constraints(tx, ids),
        _list_indexes(tx, ids),
        _list_row_security(tx, ids),
        _list_policies(tx, ids),
        _list_triggers(tx, ids),
        _list_owners(tx, ids),
        _list_grants(tx, ids),
        _list_rows(tx),
        _list_others(tx),
    ]
    return [each for found in kinds for each in sorted(found, key=_order)]


def _order(each: SchemaObject) -> tuple[str, str]:
    """Not by the server, whose collation may differ."""
    is_ordered = each.kind in {"column", "constraint"}
    return each.part_of, "" if is_ordered else each.name
