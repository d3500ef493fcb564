"""Transactions that take reads only, on a replica or on the primary."""

from collections.abc import AsyncGenerator, Callable, Coroutine, Hashable
from contextlib import aclosing
from datetime import timedelta
from types import TracebackType
from typing import Any, Self

from oadb.engine.driver import Driver
from oadb.engine.pool.connection_pool import Pool
from oadb.engine.pool.note_writer import Note
from oadb.engine.reads.placing import require_read
from oadb.engine.transactions import AsyncTransaction
from oadb.errors import TransactionError
from oadb.security.vault import Vault


class AsyncReadTransaction(AsyncTransaction):
    """Passes reads to a transaction on the server that was chosen when it was entered."""

    takes_reads_only = True

    def __init__(
        self,
        pool: Pool,
        driver: Driver,
        enter: Callable[[], Coroutine[Any, Any, AsyncTransaction]],
    ) -> None:
        super().__init__(pool, driver, [])
        self._enter = enter
        self._entered: AsyncTransaction | None = None

    async def __aenter__(self) -> Self:
        """Choose a server, and lease a connection of it.

        Raises:
            UnavailableError: no connection can be made, or became free (PoolTimeoutError).
        """
        self._entered = await self._enter()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """End it; see AsyncTransaction."""
        await self._inner.__aexit__(kind, error, trace)

    @property
    def _inner(self) -> AsyncTransaction:
        if self._entered is None:
            raise TransactionError("enter the transaction first: with reads.transaction() as tx")
        return self._entered

    async def _run(self, query: Any, params: tuple[Any, ...]) -> Any:
        """Run a bound read in this transaction; see AsyncTransaction.

        Raises:
            MisplacedError: it writes, or stays on the primary; nothing was sent.
            Error, psycopg.Error: as AsyncTransaction._run.
        """
        require_read(query)
        return await self._inner._run(query, params)

    async def _stream(self, query: Any, params: tuple[Any, ...]) -> AsyncGenerator[Any, None]:
        """Yield the rows of a bound read through a server-side cursor; see AsyncTransaction."""
        require_read(query)
        async with aclosing(self._inner._stream(query, params)) as rows:
            async for row in rows:
                yield row

    @property
    def _deferred(self) -> None:
        return None

    @property
    def vault(self) -> Vault:
        """The key ring of the Database."""
        return self._inner.vault

    def hint(self, channel: str) -> None:
        """Have who listens to *channel* told soon; nothing is committed that it could wait for."""
        self._pool.hints.send([channel])

    def note(self, query: Any, values: tuple[Any, ...], *, key: Hashable) -> None:
        """Have a call of *query* run soon, on the primary; see AsyncExecutor."""
        self._pool.notes.put(Note(query, values, key, self._inner._open.identity))

    def allow(self, limit: timedelta) -> None:
        """Wait up to *limit* for each statement of this transaction; see AsyncExecutor."""
        self._inner.allow(limit)

    def transaction(self) -> AsyncTransaction:
        """Return a nested transaction, which can roll back without this one."""
        nested = self._inner.transaction()
        return AsyncReadTransaction(self._pool, self._driver, nested.__aenter__)
