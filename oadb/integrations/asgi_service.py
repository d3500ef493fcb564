"""What an ASGI application has of oadb while it runs: a Database, bans in memory, a log."""

import asyncio
import logging
from collections.abc import Callable, Iterable
from contextlib import AsyncExitStack
from types import TracebackType
from typing import Self

from anyio import to_thread

from oadb.bans.live_bans import AsyncLiveBans
from oadb.engine.config import Config
from oadb.engine.database import AsyncDatabase, Database
from oadb.errors import Error, UnavailableError
from oadb.integrations import readiness_answers, watched_state
from oadb.integrations.readiness_answers import ProbeAnswer, ready_answer, unready_answer
from oadb.integrations.request_transactions import AsgiDatabases
from oadb.integrations.web_requests import SeenRequest, segments
from oadb.integrations.web_settings import WebSettings
from oadb.logs.writer import AsyncLogWriter

logger = logging.getLogger("oadb.web")


class AsgiService:
    """The Database of an application, which opens and closes with it.

    Without a lifespan, as in some tests, the first request opens it; then ``close`` it.
    """

    def __init__(self, settings: WebSettings, templates: Callable[[], Iterable[str]]) -> None:
        self.settings = settings
        self._templates = templates
        self._opening = asyncio.Lock()
        self._stack = AsyncExitStack()
        self._dbs: AsgiDatabases | None = None
        self._log: AsyncLogWriter | None = None
        self._bans: AsyncLiveBans | None = None

    async def __aenter__(self) -> Self:
        """Open it."""
        await self.database()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Close it."""
        await self.close()

    async def database(self) -> AsyncDatabase:
        """Return the Database; the first call opens it, and checks that the key ring fits.

        A database that does not answer yet is no reason not to start: calls are answered with 503
        until it does.

        Raises:
            ConfigError: a variable is missing or invalid.
            KeyRingError: the key ring does not fit the database.
        """
        return (await self.databases()).awaited

    async def databases(self) -> AsgiDatabases:
        """Return the Databases for coroutines and for plain functions; see ``database``."""
        if self._dbs is None:
            async with self._opening:
                if self._dbs is None:
                    await self._open()
        assert self._dbs is not None  # noqa: S101  # for type checkers
        return self._dbs

    async def close(self) -> None:
        """Close the Database, and store what is left to log; a later call opens it again."""
        self._dbs = self._bans = self._log = None
        self._opening = asyncio.Lock()  # the next event loop may be another one
        await self._stack.aclose()

    async def is_banned(self, ip: str) -> bool:
        """Say whether the network of an address is banned.

        Raises:
            UnavailableError: it is not known.
        """
        if not self.settings.bans:
            return False
        if self._bans is None:
            db = await self.database()
            async with self._opening:
                if self._bans is None:
                    self._bans = await self._stack.enter_async_context(AsyncLiveBans(db))
                    watched_state.watch_bans(self.settings.observer, self._bans)
        return self._bans.is_banned(ip)

    async def readiness(self) -> ProbeAnswer:
        """Return what to answer to a probe that asks whether this service can work."""
        try:
            db = await self.database()
        except Error as error:
            return unready_answer(error)
        return ready_answer(await db.ready(deadline=readiness_answers.WAIT))

    async def log(self, seen: SeenRequest) -> None:
        """Have a request logged."""
        if self._log is not None:
            await self._log.offer(seen.row())

    async def _open(self) -> None:
        given, observer = self.settings.config, self.settings.observer
        config = Config.from_env() if given is None else given
        db = AsyncDatabase(config, observer=observer)
        self._stack.push_async_callback(db.close)
        blocking = Database(config, observer=observer)
        self._stack.push_async_callback(to_thread.run_sync, blocking.close)
        watched_state.watch_pools(observer, db, blocking)
        try:
            await db.open()
            if config.keyring is not None:
                await db.prove()
        except UnavailableError as error:
            logger.warning("requests are refused until the database answers: %s", error)
        if self.settings.log_requests:
            kept = segments(self._templates())
            log = (
                AsyncLogWriter.from_env(fields=kept, observer=observer)
                if given is None
                else AsyncLogWriter(given, fields=kept, observer=observer)
            )
            self._log = await self._stack.enter_async_context(log)
            watched_state.watch_logs(observer, self._log)
        self._dbs = AsgiDatabases.of(config, db, blocking)
