"""What the tests of the embedded server share: another process that uses it, and what it says."""

from pathlib import Path

import psycopg

# A process that uses the server until its input ends, then leaves as an ordinary program does.
USER = """
import sys
from pathlib import Path
from oadb.embedded import embedded_server
embedded_server.start(Path(sys.argv[1]))
print("started", flush=True)
sys.stdin.read()
"""


def query(keywords: dict[str, str], statement: str) -> object:
    with psycopg.connect(**keywords, autocommit=True) as connection:
        cursor = connection.execute(statement)
        row = cursor.fetchone() if cursor.description else None
        return row[0] if row else None


def running(folder: Path) -> bool:
    """Tell whether the server of the folder answers; its socket is elsewhere for a long path."""
    try:
        sockets = (folder / "data" / "postmaster.pid").read_text().splitlines()[4]
        query({"host": sockets, "user": "postgres"}, "select 1")
    except (FileNotFoundError, psycopg.OperationalError):
        return False
    return True


def postmaster(folder: Path) -> int:
    return int((folder / "data" / "postmaster.pid").read_text().splitlines()[0])
