"""The log of slow statements, with the file and line of their SQL, and never with a value.

    db = Database.from_env(observer=SlowStatements(timedelta(milliseconds=200)))

A record of the logger ``oadb.slow_statements``, at level WARNING, has a sentence for people and the
same as attributes for formatters that write JSON: ``query``, ``sql_place``, ``seconds``,
``waiting_seconds``, ``server_seconds``, ``rows``, ``retries``, ``error`` and ``sqlstate``.
"""

import logging
from datetime import timedelta

from oadb.engine.observing import Observer, StatementDone
from oadb.errors import ParameterError

__all__ = ["SlowStatements"]

logger = logging.getLogger("oadb.slow_statements")


class SlowStatements(Observer):
    """Logs calls of declared statements that took long, whether they succeeded or not."""

    def __init__(self, threshold: timedelta) -> None:
        """Log what takes *threshold* or longer, from the call to its result.

        Raises:
            ParameterError: a negative threshold.
        """
        if threshold < timedelta(0):
            raise ParameterError(f"SlowStatements: threshold must not be below 0, as {threshold}")
        self._seconds = threshold.total_seconds()

    def statement(self, done: StatementDone) -> None:
        """Log it, if it was slow."""
        if done.seconds < self._seconds:
            return
        logger.warning(
            "%s took %.3f s (waiting %.3f, server %.3f), %d rows, %s: %s",
            done.label,
            done.seconds,
            done.waiting_seconds,
            done.server_seconds,
            done.rows,
            done.sqlstate or done.error or "ok",
            done.place or "no file",
            extra={
                "query": done.label,
                "sql_place": done.place,
                "seconds": done.seconds,
                "waiting_seconds": done.waiting_seconds,
                "server_seconds": done.server_seconds,
                "rows": done.rows,
                "retries": done.retries,
                "error": done.error,
                "sqlstate": done.sqlstate,
            },
        )
