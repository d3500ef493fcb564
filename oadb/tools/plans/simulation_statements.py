"""Statements of sql/simulation, which are run on databases that only plan.

They are no queries of a module, because oadb check would prepare them: they need functions of
PostgreSQL 18, or of the session.
"""

from collections.abc import Sequence

import psycopg

from oadb.engine.binding.packages import find
from oadb.engine.binding.statements import parse
from oadb.engine.direct_connection import DirectConnection


def run(
    connection: DirectConnection, module: str, name: str, *values: object
) -> Sequence[tuple[object, ...]]:
    """Run a statement of sql/simulation/<module>.sql, and return its rows.

    Raises:
        psycopg.Error: the server refuses it, or does not answer.
    """
    place = f"simulation/{module}.sql"
    text = find("oadb").sql.joinpath("simulation", f"{module}.sql").read_text(encoding="utf-8")
    cursor = psycopg.RawCursor(connection)
    cursor.execute(parse(text, module, f"sql/{place}")[name].sql, values)
    return cursor.fetchall() if cursor.description else []
