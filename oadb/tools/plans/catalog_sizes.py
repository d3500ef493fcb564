"""The size of the catalog of a database that only plans, which is the same whenever it is made."""

from contextlib import closing
from pathlib import Path
from typing import cast

from oadb.engine import dsn
from oadb.engine.direct_connection import DirectConnection
from oadb.tools.plans import simulation_statements, sparse_files

_SECONDS = 60.0


def compact(place: dsn.Dsn) -> None:
    """Leave old rows out of the catalog, of which each migration leaves some.

    Args:
        place: of a superuser, on a server that does nothing else: see sql/simulation/catalog.sql.
    """
    with _connected(place) as connection:
        simulation_statements.run(connection, "catalog", "compact")


def fix(place: dsn.Dsn, data: Path) -> None:
    """Give tables of the catalog and their indexes a size by their rows.

    Args:
        place: a copy of a database whose catalog is compact.
        data: the folder of the server's files.
    """
    with _connected(place) as connection:
        rows = simulation_statements.run(connection, "catalog", "size")
    for file, pages, _ in cast("list[tuple[str, int, bool]]", rows):
        sparse_files.extend(data / file, pages)


def _connected(place: dsn.Dsn) -> closing[DirectConnection]:
    keywords = dsn.connection_keywords(place, {})
    return closing(DirectConnection.to(keywords, seconds=_SECONDS))
