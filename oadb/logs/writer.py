"""Log writers: for each table a bounded queue, and a thread that stores its rows in batches.

    with LogWriter.from_env() as logs:
        logs.offer(request)  # a traffic.Request
        logs.record(call)    # an api_logs.Call

``offer`` is for telemetry: it takes microseconds; if the queue is full, the row is dropped and
counted. ``record`` is for audit logs: it returns once the row is committed. Both redact the row
before they queue it. Whatever fails, no row is stored twice, and a table that fails does not
concern the others; see docs/reliability.md.
"""

import asyncio
import os
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import replace
from datetime import timedelta
from time import monotonic
from typing import Self
from uuid import UUID

from oadb.engine.binding.queries import queries
from oadb.engine.binding.results import Affected
from oadb.engine.config import Config
from oadb.engine.database import Database
from oadb.engine.telling import Observers, teller_of
from oadb.errors import ConfigError
from oadb.logs import analyzer_logs, api_logs, latency, traffic
from oadb.logs.writing.delivery import Claim, Ledger
from oadb.logs.writing.limits import Limits, require
from oadb.logs.writing.log_tables import table
from oadb.logs.writing.queue import Receipt
from oadb.logs.writing.sigterm import drain_on_sigterm
from oadb.logs.writing.worker import Worker, raise_unless_stored, refusal
from oadb.logs.writing.writer_stats import LogStats, LogTableStats

__all__ = [
    "AsyncLogWriter",
    "Limits",
    "LogRow",
    "LogStats",
    "LogTableStats",
    "LogWriter",
    "drain_on_sigterm",
]

query = queries(__name__)

URL = "OADB_LOG_DATABASE_URL"
"""The database for logs, as a role that may only write them (oadb_log); else DATABASE_URL."""

LogRow = api_logs.Call | analyzer_logs.Analysis | traffic.Request | latency.Timing
"""A row for a log."""

# Seconds between checks for room in the queue, on an event loop.
_POLLING_INTERVAL = 0.005


@query
def _claim_batch(
    batch_id: UUID, table_name: str, rows: int, oldest: timedelta, newest: timedelta
) -> Claim | None: ...


@query
def _record_batch(
    batch_id: UUID, table_name: str, rows: int, oldest: timedelta, newest: timedelta
) -> Affected: ...


@query
def _park(
    batch_id: UUID, table_name: str, reasons: list[str], row_texts: list[str]
) -> Affected: ...


@query
def _record_drops(writer: str, table_name: str, rows: int) -> Affected: ...


@query
def _check_at_once() -> None: ...


query.complete()

_TABLES = (
    table(api_logs.Call, api_logs.store, api_logs.copy_in, is_keyed_by_user=True),
    table(
        analyzer_logs.Analysis, analyzer_logs.store, analyzer_logs.copy_in, is_keyed_by_user=True
    ),
    table(traffic.Request, traffic.store, traffic.copy_in),
    table(latency.Timing, latency.store, latency.copy_in),
)


class _SharedWriter:
    """What LogWriter and AsyncLogWriter share."""

    def __init__(
        self,
        config: Config,
        *,
        limits: Limits | None = None,
        fields: Iterable[str] = (),
        observer: Observers = None,
    ) -> None:
        # Connections of its own, so that the load of the service cannot delay logs; one for each
        # table, so that no table waits for another.
        most = len(_TABLES) - 1
        config = replace(config, pool_size=1, max_overflow=most, keyring=None, read_hosts=())
        ledger = Ledger(
            _claim_batch, _record_batch, _park, _record_drops, _record_drops, _check_at_once
        )
        self._worker = Worker(
            Database(config),
            ledger,
            _TABLES,
            limits or Limits(),
            fields,
            teller_of(observer, "LogWriter"),
        )

    @classmethod
    def from_env(
        cls,
        environ: Mapping[str, str] | None = None,
        *,
        fields: Iterable[str] = (),
        observer: Observers = None,
    ) -> Self:
        """Read the configuration from the environment.

        OADB_LOG_DATABASE_URL names the database; without it, DATABASE_URL does.

        Args:
            fields: as of the class.
            observer: hears of stored batches, dropped rows and failures; see oadb.engine.observing.

        Raises:
            ConfigError: a setting is missing or invalid; the text names it.
        """
        env = {**(os.environ if environ is None else environ)}
        given = env.get(URL, "").strip()
        if not given:
            return cls(Config.from_env(env), fields=fields, observer=observer)
        try:
            there = Config.from_env(env | {"DATABASE_URL": given})
            return cls(there, fields=fields, observer=observer)
        except ConfigError as error:
            raise ConfigError(f"{URL}, read like DATABASE_URL: {error}") from None

    def stats(self) -> LogStats:
        """Return the state and the counters of this writer, in this process."""
        return self._worker.stats()


class LogWriter(_SharedWriter):
    """Writes logs from threads. Make one per process; a forked child gets an empty queue.

    *fields* names what to keep in addition to oadb.security.kept_fields: fields of bodies, and
    segments of paths.
    """

    def __enter__(self) -> Self:
        """Return the writer. The database need not be available yet."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close the writer."""
        self.close()

    def offer(self, row: LogRow) -> bool:
        """Queue a row, to be stored soon.

        Waits only if the queue is full, at most Limits.wait_seconds.

        Returns:
            Whether the row was queued; otherwise it was dropped, and counted.

        Raises:
            ParameterError: *row* is not a LogRow. No value in a row is refused.
        """
        worker = self._worker
        if worker.offer(row):
            return True
        queue = worker.queue_of(row)
        if queue.wait_for_room(queue.patience) and worker.offer(row):
            return True
        worker.drop(row)
        return False

    def record(self, row: LogRow, *, timeout_seconds: float = 5.0) -> None:
        """Store a row; return once it is committed.

        Args:
            timeout_seconds: 0.001 to 3600.

        Raises:
            BusyError: the queue was full until the timeout; the row was not queued.
            UnavailableError: the row was not stored in time, and will not be; or the writer is
                closed.
            OutcomeUnknownError: the row is being stored; it will be, unless the process ends.
            ParameterError: the table refused the row, which is in log_rejects; or *row* or
                *timeout_seconds* is invalid.
        """
        require("timeout_seconds", timeout_seconds, 0.001, 3600)
        end, receipt = monotonic() + timeout_seconds, Receipt()
        while not self._worker.offer(row, receipt):
            queue = self._worker.queue_of(row)
            if not queue.wait_for_room(max(end - monotonic(), 0.0)):
                raise refusal(queue, timeout_seconds)
        with suppress(TimeoutError):
            receipt.result(max(end - monotonic(), 0.0))
        raise_unless_stored(receipt, timeout_seconds)

    def drain(self, *, deadline_seconds: float = 5.0) -> int:
        """Store the rows that were taken until now; the writer goes on.

        For frameworks that say when a process will end, and for the handler of a signal that runs
        outside of the main thread.

        Args:
            deadline_seconds: 0 to 3600; how long to wait.

        Returns:
            The number of these rows that are not known to be stored. They stay in the queue.

        Raises:
            ParameterError: *deadline_seconds* is out of its range.
        """
        return self._worker.drain(deadline_seconds)

    def close(self, *, deadline_seconds: float = 5.0) -> int:
        """Take no more rows, and store those in the queue.

        Args:
            deadline_seconds: 0 to 3600; rows not stored by then are given up.

        Returns:
            The number of rows that are not known to be stored.
        """
        return self._worker.close(deadline_seconds)


class AsyncLogWriter(_SharedWriter):
    """Writes logs from asyncio; a thread stores them, as in LogWriter."""

    async def __aenter__(self) -> Self:
        """Return the writer. The database need not be available yet."""
        return self

    async def __aexit__(self, *_: object) -> None:
        """Close the writer."""
        await self.close()

    async def offer(self, row: LogRow) -> bool:
        """Queue a row, to be stored soon; False if it was dropped; see LogWriter.offer."""
        worker = self._worker
        while not worker.offer(row):
            queue = worker.queue_of(row)
            if not queue.patience:
                worker.drop(row)
                return False
            await asyncio.sleep(_POLLING_INTERVAL)
        return True

    async def record(self, row: LogRow, *, timeout_seconds: float = 5.0) -> None:  # as in LogWriter
        """Store a row; return once it is committed; see LogWriter.record.

        Cancelling the task withdraws the row, unless it is already being stored.
        """
        require("timeout_seconds", timeout_seconds, 0.001, 3600)
        end, receipt = monotonic() + timeout_seconds, Receipt()
        while not self._worker.offer(row, receipt):
            queue = self._worker.queue_of(row)
            if monotonic() >= end or queue.is_closed:
                raise refusal(queue, timeout_seconds)
            await asyncio.sleep(_POLLING_INTERVAL)
        with suppress(TimeoutError):
            async with asyncio.timeout(max(end - monotonic(), 0.0)):
                await asyncio.wrap_future(receipt)
        raise_unless_stored(receipt, timeout_seconds)

    async def drain(self, *, deadline_seconds: float = 5.0) -> int:
        """Store the rows taken until now; return how many are left; see LogWriter.drain."""
        return await asyncio.to_thread(self._worker.drain, deadline_seconds)

    async def close(self, *, deadline_seconds: float = 5.0) -> int:
        """Store the rows in the queue; return how many are not known to be; see LogWriter.close."""
        return await asyncio.to_thread(self._worker.close, deadline_seconds)
