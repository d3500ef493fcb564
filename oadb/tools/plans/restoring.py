"""Writes statistics into the catalog of a database without rows; needs PostgreSQL 18."""

import json
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass, fields
from typing import cast

import psycopg

from oadb.engine import dsn
from oadb.engine.direct_connection import DirectConnection
from oadb.errors import DeclarationError
from oadb.tools.plans import simulation_statements

_SECONDS = 60.0


@dataclass(frozen=True, slots=True)
class RestoredRelation:
    """The rows and pages of a table or an index."""

    schema_name: str
    name: str
    pages: int
    rows: float
    visible_pages: int


@dataclass(frozen=True, slots=True)
class RestoredColumn:
    """What ANALYZE would find in a column, as in pg_stats; None for what it would not."""

    schema_name: str
    relation_name: str
    name: str
    nulls: float
    width: int
    distinct_values: float
    common: list[str] | None
    frequencies: list[float] | None
    bounds: list[str] | None
    correlation: float | None
    item_counts: list[float] | None


def restore(
    place: dsn.Dsn, relations: Sequence[RestoredRelation], columns: Sequence[RestoredColumn]
) -> None:
    """Write statistics into the catalog.

    Raises:
        DeclarationError: the server does not take some, such as values of another type.
        psycopg.Error: it cannot be reached.
    """
    keywords = dsn.connection_keywords(place, {})
    with closing(DirectConnection.to(keywords, seconds=_SECONDS)) as connection:
        try:
            restored = _run(connection, "relations", relations)
            restored += _run(connection, "columns", columns)
        except psycopg.DataError as error:
            raise DeclarationError(f"statistics: {error.diag.message_primary}; {_REMEDY}") from None
    if restored != len(relations) + len(columns):
        refused = len(relations) + len(columns) - restored
        raise DeclarationError(f"the server refuses {refused} statistics; {_REMEDY}")


_REMEDY = "correct the values, bounds and limits in the files of statistics"


def _run(
    connection: DirectConnection,
    name: str,
    content: Sequence[RestoredRelation] | Sequence[RestoredColumn],
) -> int:
    """Run a statement of sql/simulation/restore.sql; return for how many it succeeded."""
    # asdict would copy each of the values.
    names = [field.name for field in fields(content[0])] if content else []
    given = [{name: getattr(each, name) for name in names} for each in content]
    rows = simulation_statements.run(connection, "restore", name, json.dumps(given))
    return cast("tuple[int]", rows[0])[0]
