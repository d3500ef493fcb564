"""The contract check: prepares every statement and compares the result with its declaration.

Parameters must have the types that the server infers; rows must have the columns, types and
nullability that it reports. Of a COPY, the query is compared, or the columns of its table.
"""

import re
from collections.abc import Iterable, Iterator, Sequence
from copy import copy
from importlib import import_module
from itertools import groupby

import psycopg

from oadb.engine.binding.copies import copied_query
from oadb.engine.binding.declarations import Declaration
from oadb.engine.binding.packages import Package
from oadb.engine.binding.queries import Queries
from oadb.engine.binding.values import ValueType
from oadb.engine.config import Config
from oadb.engine.database import Database
from oadb.engine.direct_connection import DirectConnection
from oadb.engine.dsn import EMPTY_PATH, connection_keywords, reachable
from oadb.engine.executors import Runner
from oadb.engine.remembering import Remembered
from oadb.errors import DeclarationError
from oadb.tools import catalog, lock_holders
from oadb.tools.contract.constraint_check import compare_words
from oadb.tools.contract.copied_tables import compare_table
from oadb.tools.contract.description import Column, Connection, Description, describe
from oadb.tools.contract.nullability import never_null
from oadb.tools.contract.types import misfits, type_map
from oadb.tools.findings import UNMIGRATED
from oadb.tools.migrations import migration_history as history

# Volatile functions without side effects; the setting that act_as changes ends with its
# transaction.
_WITHOUT_EFFECTS = frozenset(
    {
        "act_as",
        "bernoulli",
        "clock_timestamp",
        "gen_random_uuid",
        "pg_blocking_pids",
        "pg_current_wal_lsn",
        "pg_database_size",
        "pg_is_in_recovery",
        "pg_last_wal_receive_lsn",
        "pg_ls_waldir",
        "pg_partition_ancestors",
        "pg_partition_tree",
        "pg_relation_size",
        "random",
        "system",
    }
)

# Without an answer of the server, or without one about the statement.
_UNANSWERED = (None, lock_holders.LOCKED)

# Seconds to prepare and explain a statement.
_PATIENCE = 15.0


def check(config: Config, packages: Iterable[Package]) -> Iterator[str]:
    """Compare every declaration of the packages with the database.

    Yields:
        Every disagreement, with the places of the declaration and the statement; before them, that
        the database is not migrated, if it is not.
    """
    packages = [*packages]
    yield from check_places(
        config, [(package, place) for package in packages for place in package.places()]
    )


def check_places(config: Config, places: Sequence[tuple[Package, str]]) -> Iterator[str]:
    """Compare the declarations of some query files; see ``check``."""
    with (
        Database(lock_holders.patient(config)) as db,
        reachable(config.dsn) as target,
        lock_holders.told(db),
    ):
        if any(each.name == "oadb" for each, _ in places) and not history.keeps_checksums(db):
            yield f"{config.dsn} {UNMIGRATED}"
        catalog_answers = Remembered(db)
        for name, group in groupby(places, lambda each: each[0].name):
            keywords = connection_keywords(target, _settings(config, name))
            checked = [*group]
            with DirectConnection.to(
                keywords, seconds=_PATIENCE, prepare_threshold=None
            ) as connection:
                for package, place in checked:
                    yield from _check_place(catalog_answers, connection, package, place)
            yield from compare_words(db, checked[0][0])


def _settings(config: Config, package: str) -> dict[str, int | str] | None:
    """Return the settings of the session that prepares statements; PgBouncer refuses any."""
    if config.is_pooled:
        return None
    # As statements find names in a service. Those of oadb find yoyo's tables by their path.
    found_by = {} if package == "oadb" else EMPTY_PATH
    return {**found_by, "lock_timeout": round(lock_holders.PATIENCE * 1000)}


def _check_place(db: Runner, connection: Connection, package: Package, place: str) -> Iterator[str]:
    try:
        found = declared_at(package, place)
    except DeclarationError as error:
        yield str(error)
        return
    labels: dict[tuple[str, str], list[str]] = {}
    for declared in found:
        where = f"{declared.place} and {declared.statement.path}:{declared.statement.line}"
        for each in (declared, *declared.forms):
            for disagreement in disagreements(db, connection, each):
                labels.setdefault((where, disagreement), []).append(each.label)
    for (where, disagreement), (label, *others) in labels.items():
        more = f" (and {len(others)} of its variants)" if others else ""
        yield f"{where}: {label}{more}: {disagreement}"


def declarations(package: Package) -> Iterator[Queries]:
    """Import every module of a package that declares queries, and yield its declarations.

    Raises:
        DeclarationError: as ``declared_at``.
    """
    for place in package.places():
        yield declared_at(package, place)


def declared_at(package: Package, place: str) -> Queries:
    """Import the module of a query file, and return its declarations.

    Raises:
        DeclarationError: it disagrees with the file, cannot be imported, or declares nothing.
    """
    name, shown = package.module_of(place), package.query_file(place)[1]
    try:
        module = import_module(name)
    except DeclarationError:
        raise
    except Exception as error:  # of a service's own module
        fault = str(error) if isinstance(error, ImportError) else f"{type(error).__name__}: {error}"
        raise DeclarationError(
            f"{shown}: {name}, which declares its queries, cannot be imported: {fault}"
        ) from error
    for value in vars(module).values():
        if isinstance(value, Queries) and value.path == shown:
            value.require_complete()
            return value
    raise DeclarationError(f"{shown}: {name} has no query = queries(__name__)")


def disagreements(db: Runner, connection: Connection, declared: Declaration) -> list[str]:
    """Compare a declaration with the database; *db* and *connection* must be to the same one.

    Returns:
        Every disagreement.

    Raises:
        psycopg.Error: the connection was lost, the server does not answer, or a lock is not free.
    """
    if declared.row_types is not None:
        declared = _without_copy(declared)
    if declared.is_copy:
        return [*compare_table(db, declared)]
    try:
        description = describe(connection, declared.statement)
    except psycopg.Error as error:
        if error.sqlstate in _UNANSWERED:
            raise
        return [f"the server rejects the statement: {_reason(declared, error)}"]
    if declared.variants:  # each of them is compared; the text of the file need only be valid
        return []
    return [
        *_compare_parameters(db, declared, description),
        *_compare_columns(db, connection, declared, description.columns),
        *_find_effects(db, declared),
    ]


def _reason(declared: Declaration, error: psycopg.Error) -> str:
    """Return the server's message with names of parameters instead of numbers, and the line."""
    names = declared.statement.params
    text = re.sub(
        r"\$(\d+)",
        lambda found: f":{names[int(found[1]) - 1]}" if int(found[1]) <= len(names) else found[0],
        error.diag.message_primary or "",
    )
    position = error.diag.statement_position
    if position is None:
        return text
    return f"{text} (line {declared.statement.line_at(int(position))})"


def _without_copy(declared: Declaration) -> Declaration:
    """Return the declaration of the query of a COPY: it can be prepared, and has the same rows."""
    query = copy(declared)
    query.statement, query.is_copy = copied_query(declared.statement), False
    return query


def _compare_parameters(
    db: Runner, declared: Declaration, description: Description
) -> Iterator[str]:
    types = type_map(db, description.parameters)
    for (name, expected), oid in zip(
        declared.parameters.items(), description.parameters, strict=True
    ):
        for fault in misfits(db, types[oid], expected):
            yield f"parameter {name} is declared as {expected}; the server expects {fault}"


def _compare_columns(
    db: Runner, connection: Connection, declared: Declaration, columns: tuple[Column, ...]
) -> Iterator[str]:
    types = type_map(db, tuple(column.type_id for column in columns))
    if declared.result.cardinality == "nothing":  # also of a function that returns nothing
        columns = tuple(column for column in columns if types[column.type_id].name != "void")
    expected_columns = _declared_columns(declared, columns)
    if [*expected_columns] != [column.name for column in columns]:
        returned = [column.name for column in columns]
        yield (
            f"declared columns: {_listed(expected_columns)}; "
            f"the server returns: {_listed(returned)}"
        )
        return
    for column, expected in zip(columns, expected_columns.values(), strict=True):
        for fault in misfits(db, types[column.type_id], expected):
            yield f"column {column.name} is declared as {expected}, but is {fault}"
    if declared.result.row is not None:
        known = never_null(db, connection, declared.statement, columns)
        for column, expected, not_null in zip(
            columns, expected_columns.values(), known, strict=True
        ):
            yield from _compare_nullability(column, expected, not_null=not_null)


def _declared_columns(declared: Declaration, columns: tuple[Column, ...]) -> dict[str, ValueType]:
    """Return the columns that are declared; a single value may have any name."""
    if declared.result.value is not None and columns:
        return {columns[0].name: declared.result.value}
    return {name: kind for name, kind in declared.result.fields.items() if kind is not None}


def _compare_nullability(
    column: Column, expected: ValueType, *, not_null: bool | None
) -> Iterator[str]:
    if not_null is True and expected.optional:
        yield f"column {column.name} is declared as {expected}, but is never null"
    if not_null is False and not expected.optional:
        yield f"column {column.name} is declared as {expected}, but may be null"


def _find_effects(db: Runner, declared: Declaration) -> Iterator[str]:
    # A read is run again if its answer is lost, so it must not change anything.
    if declared.is_read:
        called = sorted(set(declared.statement.functions) - _WITHOUT_EFFECTS)
        for name in catalog.list_volatile_functions(db, called):
            yield (
                f"counts as a read, but calls {name}(), which is volatile; if it writes, say so "
                f"in its comment: -- writes: {name}()"
            )


def _listed(names: Iterable[str]) -> str:
    return ", ".join(names) or "none"
