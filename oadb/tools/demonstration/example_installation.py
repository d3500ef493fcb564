"""An OpenAlgo installation that is made up, for the demo to bring over."""

import sqlite3
from contextlib import closing
from pathlib import Path

from oadb.engine.binding.statements import sql_folder
from oadb.importing.ciphers import PEPPER

ENVIRON = {PEPPER: "a pepper that everybody may know, for an example alone"}
"""What the secrets of the example are under."""

SQL = sql_folder() / "openalgo" / "example.sql"


def make(folder: Path) -> Path:
    """Make the SQLite file of the example in *folder*, and return its path."""
    path = folder / "openalgo.db"
    with closing(sqlite3.connect(path)) as connection:
        connection.executescript(SQL.read_text(encoding="utf-8"))
    return path
