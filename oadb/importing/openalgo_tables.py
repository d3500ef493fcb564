"""The tables of OpenAlgo that are imported, and the statements that read them page by page."""

from collections.abc import Sequence

from oadb.engine.binding.packages import find
from oadb.engine.binding.statements import parse

Row = dict[str, object]
"""A row of a table of OpenAlgo, with the columns that its version has."""

START = -(2**63)
"""Below every id."""

PAGE_ROWS = 500


def statements(name: str) -> dict[str, bytes]:
    """Return the statements of a file in sql/openalgo, by name."""
    path = find("oadb").sql / "openalgo" / f"{name}.sql"
    found = parse(path.read_text(encoding="utf-8"), name, f"sql/openalgo/{name}.sql")
    return {statement.name: statement.sql for statement in found.values()}


DOWNLOADS = "master_contract_status"
"""The table of what ``list_downloads`` lists."""

READ = statements("tables")
"""Reads a page of each table: the rows after an id."""

COUNT = statements("others")
"""Counts the rows of each table that has no counterpart in oadb, or only a short life."""


def position(table: str, after: int, rows: Sequence[Row] = ()) -> str:
    """Describe a position for messages: after the last of *rows*, or after the id *after*."""
    last = rows[-1]["id"] if rows else after
    return f"{table}, its first row" if last == START else f"{table} after id {last}"
