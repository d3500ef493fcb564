"""A small OpenAlgo installation with example data, which the demo imports."""

import sqlite3
from contextlib import closing
from pathlib import Path

from oadb.engine.binding.packages import find
from oadb.importing.ciphers import PEPPER

ENVIRON = {PEPPER: "a pepper that everybody may know, for an example alone"}
"""The environment of the example: its pepper, which is not secret."""

SQL = find("oadb").sql / "openalgo" / "example.sql"


def make(folder: Path) -> Path:
    """Create the SQLite file of the example in *folder*.

    Returns:
        The path of the file.
    """
    path = folder / "openalgo.db"
    with closing(sqlite3.connect(path)) as connection:
        connection.executescript(SQL.read_text(encoding="utf-8"))
    return path
