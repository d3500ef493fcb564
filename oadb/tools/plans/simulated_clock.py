"""The clock of a database that only plans, which stands still at the moment of its statistics."""

from contextlib import closing
from datetime import datetime
from typing import cast

from oadb.engine import dsn
from oadb.engine.direct_connection import DirectConnection
from oadb.tools.plans import simulation_statements

_SECONDS = 60.0


def stop(place: dsn.Dsn, moment: datetime) -> None:
    """Let ``now()`` return a moment in later sessions; see sql/simulation/clock.sql."""
    with _connected(place) as connection:
        simulation_statements.run(connection, "clock", "define")
        simulation_statements.run(connection, "clock", "stop", moment)


def read(place: dsn.Dsn) -> datetime:
    """Return the time by the clock of a database, whether it stands still or not."""
    with _connected(place) as connection:
        rows = simulation_statements.run(connection, "clock", "read")
    return cast("tuple[datetime]", rows[0])[0]


def _connected(place: dsn.Dsn) -> closing[DirectConnection]:
    keywords = dsn.connection_keywords(place, {})
    return closing(DirectConnection.to(keywords, seconds=_SECONDS))
