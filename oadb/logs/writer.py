"""The writer of logs: rows wait in a bounded queue, and are stored in batches by a thread.

    with LogWriter.from_env() as logs:
        logs.write(traffic.Request("203.0.113.7", "GET", "/api/v1/quotes", 200, 12.5))
        logs.record(api_logs.Call("/api/v1/placeorder", "POST", 200, user_id, request=order))

``write`` is for telemetry: it takes microseconds, and where there is no room the row is dropped and
counted. ``record`` is for the audit: it returns when the row is stored. Either redacts before it
queues. What is stored is stored once, whatever breaks; see docs/reliability.md.
"""

import asyncio
import os
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import replace
from datetime import datetime, timedelta
from time import monotonic
from typing import Self
from uuid import UUID

from oadb.engine.binding.queries import queries
from oadb.engine.binding.results import Affected
from oadb.engine.config import Config
from oadb.engine.database import Database
from oadb.errors import ConfigError
from oadb.logs import analyzer_logs, api_logs, latency, traffic
from oadb.logs.writing.delivery import Ledger
from oadb.logs.writing.limits import Limits, require
from oadb.logs.writing.log_tables import table
from oadb.logs.writing.queue import Receipt
from oadb.logs.writing.worker import Worker, raise_unless_stored, refusal
from oadb.logs.writing.writer_stats import LogStats

query = queries(__name__)

URL = "OADB_LOG_DATABASE_URL"
"""Where logs are written, as a role that may do nothing else (oadb_log); else DATABASE_URL."""

Row = api_logs.Call | analyzer_logs.Analysis | traffic.Request | latency.Timing

# Seconds between two looks for room on an event loop.
_LOOK = 0.005


@query
def _claim_batch(
    batch_id: UUID, table_name: str, rows: int, oldest: timedelta, newest: timedelta
) -> datetime | None: ...


@query
def _park(
    batch_id: UUID, table_name: str, reasons: list[str], row_texts: list[str]
) -> Affected: ...


@query
def _record_drops(writer: str, table_names: list[str], rows: list[int]) -> Affected: ...


query.complete()

_TABLES = (
    table(api_logs.Call, api_logs.store),
    table(analyzer_logs.Analysis, analyzer_logs.store),
    table(traffic.Request, traffic.store),
    table(latency.Timing, latency.store),
)


class _SharedWriter:
    """What both colours share."""

    def __init__(
        self, config: Config, limits: Limits | None = None, fields: Iterable[str] = ()
    ) -> None:
        # Of its own: what requests do, and how many there are, must not hold up logs.
        config = replace(config, pool_size=1, max_overflow=0, keyring=None)
        ledger = Ledger(_claim_batch, _park, _record_drops)
        self._worker = Worker(Database(config), ledger, _TABLES, limits or Limits(), fields)

    @classmethod
    def from_env(cls, environ: Mapping[str, str] | None = None) -> Self:
        """Read the configuration from the environment. Raises ConfigError.

        The database is that of OADB_LOG_DATABASE_URL where it is set.
        """
        env = {**(os.environ if environ is None else environ)}
        given = env.get(URL, "").strip()
        if not given:
            return cls(Config.from_env(env))
        try:
            return cls(Config.from_env(env | {"DATABASE_URL": given}))
        except ConfigError as error:
            raise ConfigError(f"{URL}, read like DATABASE_URL: {error}") from None

    def stats(self) -> LogStats:
        """Return what the writer is doing and has done, in this process."""
        return self._worker.queue.stats()


class LogWriter(_SharedWriter):
    """Writes logs, for threads. One for each process; a child of fork gets its own queue.

    *fields* are names of fields of bodies that are kept beside those of oadb.logs.kept_fields.
    """

    def __enter__(self) -> Self:
        """Start the thread; a database that is away is waited for."""
        self._worker.start()
        return self

    def __exit__(self, *_: object) -> None:
        """Close it."""
        self.close()

    def write(self, row: Row) -> bool:
        """Take a row to be stored soon; return False if it was dropped, and counted.

        Waits only where there is no room, and not longer than Limits.wait_seconds. Raises
        ParameterError unless *row* is a Row; what is in it is never a reason.
        """
        worker = self._worker
        if worker.offer(row):
            return True
        queue = worker.queue
        if queue.wait_for_room(queue.patience) and worker.offer(row):
            return True
        worker.drop(row)
        return False

    def record(self, row: Row, timeout: float = 5.0) -> None:
        """Store a row; return when it is committed.

        Within *timeout* seconds (0.001 to 3600), else: BusyError, there was no room;
        UnavailableError, it was not stored and will not be; OutcomeUnknownError, it is on its way,
        and will be stored unless the process ends. ParameterError: the table does not take it, and
        it is in log_rejects.
        """
        require("timeout", timeout, 0.001, 3600)
        end, receipt = monotonic() + timeout, Receipt()
        while not self._worker.offer(row, receipt):
            if not self._worker.queue.wait_for_room(max(end - monotonic(), 0.0)):
                raise refusal(self._worker.queue, timeout)
        with suppress(TimeoutError):
            receipt.result(max(end - monotonic(), 0.0))
        raise_unless_stored(receipt, timeout)

    def close(self, deadline: float = 5.0) -> int:
        """Take no more rows, and store what is left; return how many rows are not known to be.

        After *deadline* seconds (0 to 3600) the rest is given up.
        """
        return self._worker.close(deadline)


class AsyncLogWriter(_SharedWriter):
    """Writes logs, for asyncio, with the same thread behind it; see LogWriter."""

    async def __aenter__(self) -> Self:
        """Start the thread; a database that is away is waited for."""
        self._worker.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        """Close it."""
        await self.close()

    async def write(self, row: Row) -> bool:
        """Take a row to be stored soon; return False if it was dropped; see LogWriter.write."""
        worker = self._worker
        while not worker.offer(row):
            if not worker.queue.patience:
                worker.drop(row)
                return False
            await asyncio.sleep(_LOOK)
        return True

    async def record(self, row: Row, timeout: float = 5.0) -> None:  # noqa: ASYNC109
        """Store a row; return when it is committed; see LogWriter.record.

        A task that is cancelled takes its row back, unless it is on its way.
        """
        require("timeout", timeout, 0.001, 3600)
        end, receipt = monotonic() + timeout, Receipt()
        while not self._worker.offer(row, receipt):
            if monotonic() >= end or self._worker.queue.is_closed:
                raise refusal(self._worker.queue, timeout)
            await asyncio.sleep(_LOOK)
        with suppress(TimeoutError):
            async with asyncio.timeout(max(end - monotonic(), 0.0)):
                await asyncio.wrap_future(receipt)
        raise_unless_stored(receipt, timeout)

    async def close(self, deadline: float = 5.0) -> int:
        """Store what is left; return how many rows are not known to be; see LogWriter.close."""
        return await asyncio.to_thread(self._worker.close, deadline)
