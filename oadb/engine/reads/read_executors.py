"""Executors for reads: on a replica that has replayed what they must see, or on the primary.

reads = db.reads()
page = api_logs.list_calls(reads, since=since, until=until)
"""

import math
from collections.abc import AsyncGenerator, Callable, Coroutine, Hashable
from contextlib import aclosing
from copy import copy
from datetime import timedelta
from time import monotonic
from typing import Any, Self, TypeVar

import psycopg

from oadb.engine import failures
from oadb.engine.acting import acting_as
from oadb.engine.binding.guards import Isolation
from oadb.engine.deadlines import positive, seconds_of
from oadb.engine.driver import Driver
from oadb.engine.executors import AsyncExecutor
from oadb.engine.failures import Retry
from oadb.engine.pool.connection_pool import PATIENCE, Pool
from oadb.engine.pool.note_writer import Note
from oadb.engine.pool_executors import AsyncPoolExecutor
from oadb.engine.reads.asking import ask_primary
from oadb.engine.reads.placing import require_read
from oadb.engine.reads.read_transactions import AsyncReadTransaction
from oadb.engine.reads.replica_calls import ReplicaCall, caught_up
from oadb.engine.reads.replica_set import Replica, ReplicaSet
from oadb.engine.transaction_session import begin
from oadb.engine.transactions import AsyncTransaction
from oadb.engine.wire import Begin, SetupStatement
from oadb.errors import ParameterError, PoolTimeoutError, TransactionError, UnavailableError
from oadb.security.vault import Vault

T = TypeVar("T")

# Seconds within which the primary must say how far its log goes.
_PATIENCE = 5.0

READ_ONLY = begin(None, read_only=True)


class AsyncReads(AsyncExecutor):
    """Runs reads for asyncio: on a replica if there is one, else on the primary."""

    takes_reads_only = True

    def __init__(
        self,
        primary: Pool,
        driver: Driver,
        replicas: ReplicaSet | None,
        *,
        after: int,
        own_writes: bool,
    ) -> None:
        self._primary, self._driver, self._replicas = primary, driver, replicas
        self._after, self._own_writes = after, own_writes
        self._identity: tuple[SetupStatement, ...] = ()
        self._seconds: float | None = None

    @property
    def vault(self) -> Vault:
        """The key ring of the Database."""
        return self._primary.vault

    def as_user(self, user_id: int, *, ip: str | None = None) -> Self:
        """Return an executor for reads that sees the rows of this user only; see AsyncDatabase.

        Raises:
            ParameterError: an invalid id or address.
            ConfigError: no installed package provides the identity query, or several do.
        """
        found = copy(self)
        found._identity = acting_as(user_id, ip)
        return found

    def within(self, seconds: float) -> Self:
        """Return an executor whose calls, and transactions as a whole, end within *seconds*.

        Raises:
            ParameterError: not a number above 0.
        """
        found = copy(self)
        found._seconds = positive(seconds)
        return found

    def _run(self, query: Any, params: tuple[Any, ...]) -> Coroutine[Any, Any, Any]:
        """Run one bound read in a transaction of its own.

        Raises:
            MisplacedError: it writes, or stays on the primary; nothing was sent.
            Error, psycopg.Error: as AsyncPoolExecutor._run.
        """
        require_read(query)
        return self._read(query, params)

    async def _read(self, query: Any, params: tuple[Any, ...]) -> Any:
        due = _end(self._seconds)
        if self._replicas is None:
            return await self._on(self._primary, due)._run(query, params)
        wanted, until = await self._wanted(due)
        for replica in await self._replicas.usable():
            pooled, began = self._replicas.is_pooled, monotonic()
            call = ReplicaCall(query, params, wanted, replica.patient(until), pooled=pooled)
            try:
                answer = await self._on(replica.pool, due)._run(call, ())
            except UnavailableError as error:
                self._leave(replica, error, began, due)
                continue
            if not call.is_behind:
                replica.reads += 1
                return answer
            self._replicas.missed(replica)
        self._replicas.served_by_primary()
        return await self._on(self._primary, due)._run(query, params)

    async def _stream(self, query: Any, params: tuple[Any, ...]) -> AsyncGenerator[Any, None]:
        """Yield the rows of a bound read, in a transaction that lasts as long as the iteration.

        Raises:
            MisplacedError: it writes, or stays on the primary; nothing was sent.
            psycopg.errors.SerializationFailure: the replica had to end it, to replay what the
                primary has removed meanwhile.
            Error, psycopg.Error: as AsyncPoolExecutor._stream.
        """
        require_read(query)
        first = begin(query.guards.isolation, read_only=True)
        async with (
            self._to_begin(f"the stream {query.label}", first, self._seconds) as tx,
            aclosing(tx._stream(query, params)) as rows,
        ):
            async for row in rows:
                yield row

    def transaction(
        self, *, isolation: Isolation | None = None, deadline: timedelta | None = None
    ) -> AsyncReadTransaction:
        """Return a transaction to enter that takes reads only, all on one server.

        Args:
            isolation: by default the server's; repeatable read sees one state throughout.
            deadline: how long it may take as a whole.

        Raises:
            ParameterError: an isolation that replicas have not, or a *deadline* not above 0.
        """
        if isolation == "serializable":
            raise ParameterError(
                "reads: isolation must be repeatable read, which sees one state throughout, or "
                "less: no replica has serializable"
            )
        limit = self._seconds if deadline is None else seconds_of("transaction", deadline)
        return self._to_begin("a transaction", begin(isolation, read_only=True), limit)

    def _to_begin(self, label: str, first: Begin, seconds: float | None) -> AsyncReadTransaction:
        async def enter() -> AsyncTransaction:
            return await self._begun(label, first, _end(seconds))

        return AsyncReadTransaction(self._primary, self._driver, enter)

    async def _begun(self, label: str, first: Begin, due: float) -> AsyncTransaction:
        """Return a transaction that was entered, on a replica that has replayed enough."""
        if self._replicas is not None:
            wanted, until = await self._wanted(due)
            for replica in await self._replicas.usable():
                began = monotonic()
                try:
                    tx = await self._entered(replica.pool, label, first, due)
                    is_there = await self._keeps_up(tx, wanted, replica.patient(until))
                except UnavailableError as error:
                    self._leave(replica, error, began, due)
                    continue
                if is_there:
                    replica.reads += 1
                    return tx
                self._replicas.missed(replica)
            self._replicas.served_by_primary()
        return await self._entered(self._primary, label, first, due)

    async def _entered(self, pool: Pool, label: str, first: Begin, due: float) -> AsyncTransaction:
        executor = self._on(pool, due)
        return await executor._begun(label, first, executor._seconds).__aenter__()

    async def _keeps_up(self, tx: AsyncTransaction, wanted: int, until: float) -> bool:
        """Say whether the server of a transaction has replayed enough; else leave the transaction.

        Raises:
            UnavailableError: the connection was lost.
        """
        connection, fault = tx._open.connection, ""
        try:
            if await self._caught_up(connection, wanted, until):
                return True
        except psycopg.Error as error:
            connection.state.is_spoiled = True
            fault = " ".join(str(error).split())
        except BaseException as error:
            await tx.__aexit__(type(error), error, error.__traceback__)
            raise
        await tx.__aexit__(None, None, None)  # nothing was sent
        if fault:
            raise UnavailableError(f"a transaction: {fault}")
        return False

    async def _caught_up(self, connection: Any, wanted: int, until: float) -> bool:
        pooled = self._replicas is not None and self._replicas.is_pooled
        return await caught_up(self._driver, connection, wanted, until, pooled=pooled)

    async def _operate_in_transaction(
        self, work: Callable[[AsyncExecutor], Coroutine[Any, Any, T]]
    ) -> T:
        """Run *work* in a transaction, and again if its server ended it, perhaps on another."""
        retry, due = Retry(PATIENCE, self._primary.may_retry), _end(self._seconds)
        while True:
            try:
                async with self._to_begin("an operation", READ_ONLY, _left(due)) as tx:
                    return await work(tx)
            except PoolTimeoutError:
                raise
            except (UnavailableError, psycopg.Error) as error:
                again = failures.may_transact_again(error, seeks_primary=False)
                pause = retry.next_pause(error) if again and monotonic() < due else None
                if pause is None:
                    raise
            await self._driver.sleep(pause)

    def hint(self, channel: str) -> None:
        """Have who listens to *channel* told soon that something has changed."""
        self._primary.hints.send([channel])

    def note(self, query: Any, values: tuple[Any, ...], *, key: Hashable) -> None:
        """Have a call of *query* run soon, on the primary; see AsyncExecutor."""
        self._primary.notes.put(Note(query, values, key, self._identity))

    def allow(self, limit: timedelta) -> None:
        """Refuse: only the statements of a transaction may be allowed more time."""
        raise TransactionError(f"allow({limit}): begin a transaction first: reads.transaction()")

    async def offload(self, function: Callable[..., T], /, *args: Any) -> T:
        """Run a long computation: in a thread if there is an event loop, else in place."""
        return await self._driver.offload(function, *args)

    def _on(self, pool: Pool, due: float) -> AsyncPoolExecutor:
        return AsyncPoolExecutor(pool, self._driver, self._identity, _left(due))

    async def _wanted(self, due: float) -> tuple[int, float]:
        """Return what a read must see, as a position in the log, and until when to wait for it.

        Raises:
            UnavailableError: something may have been committed, and the primary does not say.
        """
        wanted, commits = self._after, self._primary.commits
        if self._own_writes and commits is not None:
            doubts = commits.doubts
            if doubts != commits.settled:
                limit = min(due, monotonic() + _PATIENCE)
                commits.reach((await ask_primary(self._primary, self._driver, limit)).position)
                commits.settle(doubts)
            wanted = max(wanted, commits.latest)
        wait = 0.0 if self._replicas is None else self._replicas.wait_seconds
        return wanted, min(due, monotonic() + wait)

    def _leave(self, replica: Replica, error: UnavailableError, began: float, due: float) -> None:
        """Take a replica out that could not be reached, so that another server is tried.

        Raises:
            UnavailableError: there is no time for another one, or connections are all in use.
        """
        now = monotonic()
        is_over = now >= due or now - began >= replica.pool.call_seconds
        if is_over or isinstance(error, PoolTimeoutError):
            raise error  # one slow read, or many of them, say nothing of the server
        if self._replicas is not None:
            self._replicas.take_out(replica, str(error))


def _end(seconds: float | None) -> float:
    return math.inf if seconds is None else monotonic() + seconds


def _left(due: float) -> float | None:
    """Return the seconds until *due*: more than none, as they were when the call began."""
    return None if due == math.inf else max(due - monotonic(), 0.001)
