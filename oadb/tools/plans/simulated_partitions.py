"""Partitions of logs in a database that only plans."""

from collections.abc import Iterable
from contextlib import closing
from datetime import datetime, timedelta

from oadb.engine import dsn
from oadb.engine.direct_connection import DirectConnection
from oadb.tools import retention
from oadb.tools.plans import simulation_statements

_SECONDS = 60.0


def make(place: dsn.Dsn, tables: Iterable[str], moment: datetime) -> None:
    """Make the partitions that a service has after years, as long as rows are kept by default.

    Plans do not depend on the day: see sql/simulation/partitions.sql.

    Args:
        tables: the names of tables of logs, without their schema.
        moment: the time, with its zone, in the middle of one of them.
    """
    keywords = dsn.connection_keywords(place, {})
    with closing(DirectConnection.to(keywords, seconds=_SECONDS)) as connection:
        simulation_statements.run(connection, "partitions", "define")
        for table in tables:
            age = timedelta(days=retention.DEFAULT_DAYS[table])
            simulation_statements.run(connection, "partitions", "make", table, age, moment)
