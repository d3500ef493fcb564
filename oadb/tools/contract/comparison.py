"""The contract between declarations and database: PREPARE every statement and compare.

Parameters must have the types that the server infers, rows the columns, types and nullability
that it reports. A COPY cannot be prepared and is left to the tests that run it.
"""

from collections.abc import Iterable, Iterator
from importlib import import_module

import psycopg
from psycopg.conninfo import make_conninfo

from oadb.engine.binding.declarations import Declaration
from oadb.engine.binding.queries import Queries
from oadb.engine.binding.statements import places
from oadb.engine.binding.values import ValueType
from oadb.engine.config import Config
from oadb.engine.database import Database
from oadb.engine.dsn import connection_keywords, reachable
from oadb.tools import catalog
from oadb.tools.contract.description import Column, Connection, Description, describe
from oadb.tools.contract.nullability import never_null
from oadb.tools.findings import UNMIGRATED
from oadb.tools.migrations import migration_history as history

# Volatile in name only: what they return changes, and nothing else does; what act_as sets ends with
# its transaction.
_HARMLESS = frozenset(
    {"act_as", "clock_timestamp", "gen_random_uuid", "pg_is_in_recovery", "random", "system"}
)


def check(config: Config) -> Iterator[str]:
    """Yield every disagreement, each with the declaration and the statement that it concerns.

    Before them, where nothing was ever migrated, the cause of all of them.
    """
    with (
        Database(config) as db,
        reachable(config.dsn) as target,
        psycopg.connect(
            make_conninfo(**connection_keywords(target, {})), autocommit=True
        ) as connection,
    ):
        if not history.keeps_checksums(db):
            yield f"{config.dsn} {UNMIGRATED}"
        for declared in (declared for queries in domains() for declared in queries):
            where = f"{declared.place} and {declared.statement.path}:{declared.statement.line}"
            for disagreement in disagreements(db, connection, declared):
                yield f"{where}: {declared.label}: {disagreement}"


def domains() -> Iterator[Queries]:
    """Import every module that declares queries, and yield its declarations."""
    for place in places():
        yield import_module(f"oadb.{place.replace('/', '.')}").query


def disagreements(db: Database, connection: Connection, declared: Declaration) -> list[str]:
    """Return what the database and *declared* do not agree on; *connection* is to the same one."""
    if declared.is_copy:
        return []
    try:
        description = describe(connection, declared.statement)
    except psycopg.Error as error:
        return [f"the server refuses it: {error.diag.message_primary}"]
    return [
        *_parameters(db, declared, description),
        *_columns(db, connection, declared, description.columns),
        *_effects(db, declared),
    ]


def _parameters(db: Database, declared: Declaration, description: Description) -> Iterator[str]:
    names = _type_names(db, description.parameters)
    for (name, expected), oid in zip(
        declared.parameters.items(), description.parameters, strict=True
    ):
        if names[oid] not in expected.postgres:
            yield f"parameter {name} is {expected}; the server expects {names[oid]}"


def _columns(
    db: Database, connection: Connection, declared: Declaration, columns: tuple[Column, ...]
) -> Iterator[str]:
    names = _type_names(db, tuple(column.type_id for column in columns))
    promised = _promised(declared, columns)
    if [*promised] != [column.name for column in columns]:
        returned = [column.name for column in columns]
        yield f"it promises {_listed(promised)}; the server returns {_listed(returned)}"
        return
    for column, expected in zip(columns, promised.values(), strict=True):
        if names[column.type_id] not in expected.postgres:
            yield f"column {column.name} is {names[column.type_id]}; {expected} is promised"
    if declared.result.row is not None:
        known = never_null(db, connection, declared.statement, columns)
        for column, expected, not_null in zip(columns, promised.values(), known, strict=True):
            yield from _nullability(column, expected, not_null=not_null)


def _promised(declared: Declaration, columns: tuple[Column, ...]) -> dict[str, ValueType]:
    """Return the columns that are promised; a single value may have any name."""
    if declared.result.value is not None and columns:
        return {columns[0].name: declared.result.value}
    return {name: kind for name, kind in declared.result.fields.items() if kind is not None}


def _nullability(column: Column, expected: ValueType, *, not_null: bool | None) -> Iterator[str]:
    if not_null is True and expected.optional:
        yield f"column {column.name} is never null; {expected} is promised"
    if not_null is False and not expected.optional:
        yield f"column {column.name} may be null; {expected} is promised"


def _effects(db: Database, declared: Declaration) -> Iterator[str]:
    # A read is run again when its answer is lost, so it must be one.
    if declared.is_read:
        called = sorted(set(declared.statement.functions) - _HARMLESS)
        for name in catalog.list_volatile_functions(db, called):
            yield f"it is taken for a read, but {name}() is volatile"


def _type_names(db: Database, oids: tuple[int, ...]) -> dict[int, str]:
    return {found.type_id: found.name for found in catalog.list_types(db, sorted(set(oids)))}


def _listed(names: Iterable[str]) -> str:
    return ", ".join(names) or "no columns"
