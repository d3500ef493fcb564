"""What PostgreSQL says of a statement without running it: parameters, columns, outer joins."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TypedDict, cast

import psycopg
from psycopg import pq
from psycopg.pq.abc import PGresult

from oadb.engine.binding.statements import Statement

# The prepared statement without a name: each PREPARE replaces the last, nothing is left behind.
_UNNAMED = b""
_EXPLAINED = b"oadb_explained"

# Which inputs of a join are padded with nulls, as EXPLAIN names joins: the second, the first.
_PADDED = {"Left": (1,), "Right": (0,), "Full": (0, 1)}


Connection = psycopg.Connection[tuple[object, ...]]
Plan = TypedDict(
    "Plan",
    {"Relation Name": str, "Schema": str, "Join Type": str, "Plans": "list[Plan]"},
    total=False,
)
"""What is read of a plan as EXPLAIN writes it in JSON."""


@dataclass(frozen=True, slots=True)
class Column:
    """A column of a result. ``table_id`` and ``number`` are 0 for an expression."""

    name: str
    type_id: int
    table_id: int
    number: int


@dataclass(frozen=True, slots=True)
class Description:
    """The server's view of a statement; type ids and table ids are oids."""

    parameters: tuple[int, ...]
    columns: tuple[Column, ...]


def describe(connection: Connection, statement: Statement) -> Description:
    """Prepare *statement* and describe it. Raises psycopg.Error with the server's complaint."""
    return _described(connection, statement.sql)


def describe_view(connection: Connection, definition: str) -> tuple[Column, ...]:
    """Return the columns of the view whose query is *definition*, in their order."""
    return _described(connection, definition.encode()).columns


def has_outer_join(statement: Statement) -> bool:
    """Say whether *statement* may have an outer join of its own: words of it are enough."""
    return "outer" in statement.words or not _PADDED.keys().isdisjoint(
        word.capitalize() for word in statement.words
    )


def padded_tables(connection: Connection, statement: Statement) -> frozenset[str]:
    """Return the tables, as ``schema.name``, whose columns an outer join may fill with nulls.

    Tables behind views are among them, and joins inside of views count.
    """
    return frozenset(_padded_below(_generic_plan(connection, statement), padded=False))


def _described(connection: Connection, sql: bytes) -> Description:
    _require_ok(connection.pgconn.prepare(_UNNAMED, sql))
    result = connection.pgconn.describe_prepared(_UNNAMED)
    _require_ok(result)
    return Description(
        parameters=tuple(result.param_type(number) for number in range(result.nparams)),
        columns=tuple(_columns(result)),
    )


def _columns(result: PGresult) -> Iterator[Column]:
    for number in range(result.nfields):
        yield Column(
            name=(result.fname(number) or b"").decode(),
            type_id=result.ftype(number),
            table_id=result.ftable(number),
            number=result.ftablecol(number),
        )


def _generic_plan(connection: Connection, statement: Statement) -> Plan:
    """Return the plan that holds for any values; EXPLAIN alone can give it since 16."""
    _require_ok(connection.pgconn.prepare(_EXPLAINED, statement.sql))
    nulls = b", ".join([b"null"] * len(statement.params))
    values = b" (" + nulls + b")" if nulls else b""
    with psycopg.RawCursor(connection) as cursor:
        cursor.execute("set plan_cache_mode = force_generic_plan")
        cursor.execute(b"explain (verbose, format json) execute " + _EXPLAINED + values)
        found = cursor.fetchone()
        cursor.execute(b"deallocate " + _EXPLAINED)
    assert found is not None, "EXPLAIN always returns a plan"  # noqa: S101
    return cast("list[dict[str, Plan]]", found[0])[0]["Plan"]


def _padded_below(plan: Plan, *, padded: bool) -> Iterator[str]:
    if padded and "Relation Name" in plan:
        yield f"{plan.get('Schema')}.{plan['Relation Name']}"
    inputs = _PADDED.get(plan.get("Join Type", ""), ())
    for number, part in enumerate(plan.get("Plans", ())):
        yield from _padded_below(part, padded=padded or number in inputs)


def _require_ok(result: PGresult) -> None:
    if result.status != pq.ExecStatus.COMMAND_OK:
        raise psycopg.errors.error_from_result(result)
