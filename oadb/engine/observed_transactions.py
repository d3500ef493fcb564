"""Transactions that tell observers of themselves, and of each statement and stream in them."""

from collections.abc import Coroutine
from time import monotonic
from types import TracebackType
from typing import Any, Self

from oadb.engine.combined_calls import CombinedCalls
from oadb.engine.observed_calls import rows_in, sqlstate_of
from oadb.engine.observing import Outcome, StatementDone, TransactionBegun, TransactionDone
from oadb.engine.pool.callers import callers
from oadb.engine.row_stream import RowSource
from oadb.engine.telling import Teller
from oadb.engine.transaction_session import SAVEPOINT, TransactionSession
from oadb.engine.transactions import AsyncTransaction
from oadb.engine.wire import SetupStatement
from oadb.errors import OutcomeUnknownError


class ObservedTransaction(AsyncTransaction):
    """A transaction that is told of when it ends; nested ones are part of it."""

    def __init__(
        self, teller: Teller, root: "ObservedTransaction | None", *given: Any, **named: Any
    ) -> None:
        super().__init__(*given, **named)
        self._teller = teller
        self._root = self if root is None else root
        self._begun: TransactionBegun | None = None
        self._statements = 0

    async def __aenter__(self) -> Self:
        """Lease a connection; see AsyncTransaction."""
        started = monotonic()
        await super().__aenter__()
        if self._root is self:
            waited = monotonic() - started
            self._begun = TransactionBegun(callers(), started, waited, self.retries)
            self._teller.transaction_begun(self._begun)
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Commit, or roll back; see AsyncTransaction."""
        try:
            await super().__aexit__(kind, error, trace)
        except BaseException as failure:
            self._tell(_outcome(error, failure), failure)
            raise
        self._tell("committed" if error is None else "rolled back", error)

    def transaction(self) -> AsyncTransaction:
        """Return a nested transaction, which is a part of this one."""
        return ObservedTransaction(
            self._teller, self._root, self._pool, self._driver, [SAVEPOINT], self._open
        )

    async def _run(self, query: Any, params: tuple[Any, ...]) -> Any:
        """Run a bound query in this transaction; see AsyncTransaction._run."""
        return await self._told(query, super()._run(query, params))

    async def _send_at_end(
        self, session: TransactionSession, calls: CombinedCalls, ending: SetupStatement | None
    ) -> None:
        await self._told(calls, super()._send_at_end(session, calls, ending))

    async def _told(self, query: Any, work: Coroutine[Any, Any, Any]) -> Any:
        """Tell of a statement, which *work* runs."""
        state, started = self._open.connection.state, monotonic()
        state.answer = None
        failure: BaseException | None = None
        try:
            return await work
        except BaseException as error:
            failure = error
            raise
        finally:
            answer, state.answer = state.answer, None
            served = max(state.answered - started, 0.0)
            self._tell_statement(query, started, served, rows_in(answer), failure)

    async def _open_stream(self, query: Any, params: tuple[Any, ...]) -> RowSource:
        started = monotonic()
        try:
            rows = await super()._open_stream(query, params)
        except BaseException as error:
            self._tell_statement(query, started, monotonic() - started, 0, error)
            raise
        return _ObservedStream(rows, self, query, started)

    def _tell_statement(
        self, query: Any, started: float, served: float, rows: int, error: BaseException | None
    ) -> None:
        self._root._statements += 1
        name = None if error is None else type(error).__name__
        seconds = monotonic() - started
        self._teller.statement(
            StatementDone(
                query=query,
                started=started,
                seconds=seconds,
                waiting_seconds=0.0,
                server_seconds=served,
                rows=rows,
                error=name,
                sqlstate=sqlstate_of(error),
                retries=0,
                transaction=self._root._begun,
            )
        )

    def _tell(self, outcome: Outcome, error: BaseException | None) -> None:
        if self._begun is None:  # of a nested one
            return
        self._teller.transaction(
            TransactionDone(
                begun=self._begun,
                seconds=monotonic() - self._begun.started,
                outcome=outcome,
                statements=self._statements,
                error=None if error is None else type(error).__name__,
                sqlstate=sqlstate_of(error),
            )
        )


def _outcome(error: BaseException | None, failure: BaseException) -> Outcome:
    """Return what became of a transaction whose block raised *error*, and its end *failure*."""
    is_interrupted = error is None and not isinstance(failure, Exception)
    is_unknown = is_interrupted or isinstance(failure, OutcomeUnknownError)
    return "unknown" if is_unknown else "rolled back"


class _ObservedStream:
    """The rows of a stream, which is told of when it is closed."""

    def __init__(
        self, rows: RowSource, tx: ObservedTransaction, query: Any, started: float
    ) -> None:
        self._source, self._tx, self._query, self._started = rows, tx, query, started
        self._served, self._rows = monotonic() - started, 0
        self._error: BaseException | None = None

    async def open(self) -> None:
        """Do nothing: it is open."""

    async def read(self) -> Any:
        """See RowSource."""
        began = monotonic()
        try:
            rows = await self._source.read()
        except BaseException as error:
            self._error = error
            raise
        finally:
            self._served += monotonic() - began
        self._rows += 0 if rows and isinstance(rows[0], bytes) else len(rows)
        return rows

    async def close(self) -> None:
        """See RowSource."""
        try:
            await self._source.close()
        except BaseException as error:
            self._error = error
            raise
        finally:
            self._tx._tell_statement(
                self._query, self._started, self._served, self._rows, self._error
            )
