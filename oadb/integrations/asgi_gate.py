"""The gate of a request to an ASGI application: its answer leaves once its transaction is settled.

At the start of the answer the transaction of the request is committed, or rolled back: from status
400 on, or if the client is gone. If it cannot be committed, a problem is sent instead.
"""

import asyncio
import logging
from collections.abc import Mapping

from starlette.types import Message, Receive, Send

from oadb.engine.deferred_transactions import (
    AsyncDeferredTransaction,
    DeferredTransaction,
    deferred,
)
from oadb.integrations.error_map import INTERNAL, problem_of
from oadb.integrations.problem_details import ProblemDetails
from oadb.integrations.request_owner import RequestOwner
from oadb.integrations.request_transactions import AsgiDatabases, AwaitedEnd, ThreadedEnd
from oadb.integrations.web_requests import GONE, REPLACED_LOG, SUCCESS_ENDS, SeenRequest

logger = logging.getLogger("oadb.web")

_TWO = "a request has one transaction, and this one has asked for both Tx and SyncTx: ask for one"


class AsgiGate:
    """Stands between an application and its server while one request is answered."""

    def __init__(
        self,
        seen: SeenRequest,
        dbs: AsgiDatabases,
        receive: Receive,
        send: Send,
        sentences: Mapping[str, str],
    ) -> None:
        self.seen = seen
        self.keeps_open = False
        self.has_started = False
        self._dbs, self._owner = dbs, RequestOwner()
        self._tx: AsyncDeferredTransaction | None = None
        self._sync_tx: DeferredTransaction | None = None
        self._end: AwaitedEnd | None = None
        self._has_place = False
        self._receive, self._send = receive, send
        self._sentences = sentences
        self._is_replaced = self._is_settled = False
        self._is_gone = self._is_receiving = False
        self._read_ahead: list[Message] = []

    def transaction(self, user_id: int | None = None) -> AsyncDeferredTransaction:
        """Return the transaction of this request, which begins with its first statement.

        Args:
            user_id: whose rows it sees; see RequestOwner.

        Raises:
            RuntimeError: it was asked for otherwise before.
        """
        if self._sync_tx is not None:
            raise RuntimeError(_TWO)
        owner, db = self._owner.ask(user_id), self._dbs.awaited
        if self._tx is None:
            self._tx = deferred(db if owner is None else db.as_user(owner, ip=self.seen.ip))
            self._end = self._tx
        return self._tx

    def sync_transaction(self, user_id: int | None = None) -> DeferredTransaction:
        """Return the transaction of this request for a plain function; see ``transaction``."""
        if self._tx is not None:
            raise RuntimeError(_TWO)
        owner, db = self._owner.ask(user_id), self._dbs.blocking
        if self._sync_tx is None:
            self._sync_tx = deferred(db if owner is None else db.as_user(owner, ip=self.seen.ip))
            self._end = ThreadedEnd(self._sync_tx, self._dbs.ends)
        return self._sync_tx

    async def enter_threads(self) -> None:
        """Wait until plain functions of this request may use the database.

        Raises:
            PoolTimeoutError: they may not in time.
        """
        if not self._has_place:
            await self._dbs.enter(self)
            self._has_place = True

    async def receive(self) -> Message:
        """Receive for the application."""
        if self._read_ahead:
            return self._read_ahead.pop(0)
        self._is_receiving = True
        try:
            message = await self._receive()
        finally:
            self._is_receiving = False
        self._is_gone |= message["type"] == "http.disconnect"
        return message

    async def send(self, message: Message) -> None:
        """Send for the application; the start of an answer waits for the transaction."""
        kind = message["type"]
        if kind == "http.response.start":
            await self._start(message)
        elif not self._is_replaced:
            if self.keeps_open and kind == "http.response.body" and not message.get("more_body"):
                await self._end_stream()
            await self._send(message)

    async def answer(self, problem: ProblemDetails) -> None:
        """Send a problem as the whole answer."""
        self.has_started = self._is_replaced = True
        self.seen.status, self.seen.error = problem.status, problem.reason
        await send_whole(self._send, problem.status, problem.headers, problem.body)

    async def fail(self, error: BaseException) -> bool:
        """Roll back after an error of the application; answer it if there is an answer for it.

        Returns:
            False: the error is left to the server.
        """
        await self._roll_back()
        if self.has_started or not isinstance(error, Exception):
            return False
        problem = problem_of(error, self._sentences)
        if problem is not None:
            await self.answer(problem)
        return problem is not None

    async def end(self) -> None:
        """Roll back what was not settled, such as the rest of a stream whose client is gone."""
        try:
            await self._roll_back()
        finally:
            if self._has_place:
                self._has_place = False
                self._dbs.leave(self)

    async def _roll_back(self) -> None:
        if self._end is not None:
            await self._end.roll_back()

    async def _start(self, message: Message) -> None:
        status = message["status"]
        self.seen.status = status if isinstance(status, int) else 500
        problem = None
        if not self.keeps_open or self.seen.status >= SUCCESS_ENDS:
            problem = await self._settled()
        if problem is not None:
            await self.answer(problem)
            return
        self.has_started = True
        await self._send(message)

    async def _settled(self) -> ProblemDetails | None:
        """End the transaction; return what to answer instead if it was not committed."""
        tx = self._end
        if tx is None:
            return None
        if not tx.has_begun or self.seen.status >= SUCCESS_ENDS:
            await tx.roll_back()
            return None
        if await self._has_gone():
            await tx.roll_back()
            return GONE
        try:
            await tx.commit()
        except Exception as error:  # whatever it is, the answer would be untrue
            seen = self.seen
            logger.warning(REPLACED_LOG, seen.method, seen.route, seen.status, exc_info=error)
            return problem_of(error, self._sentences) or INTERNAL
        return None

    async def _end_stream(self) -> None:
        """Commit before the last part of a stream; an error breaks the connection."""
        self.keeps_open = False
        if self._end is not None and self._end.has_begun:
            await self._end.commit()

    async def _has_gone(self) -> bool:
        """Say whether the server knows that the client has closed its connection."""
        while not (self._is_gone or self._is_receiving or len(self._read_ahead) > 1):
            asked = asyncio.ensure_future(self._receive())
            try:
                await asyncio.sleep(0)
            finally:
                asked.cancel()  # also if this task is cancelled; one that is done stays so
            await asyncio.wait([asked])
            if asked.cancelled():
                break
            message = asked.result()
            self._read_ahead.append(message)
            self._is_gone = message["type"] == "http.disconnect"
        return self._is_gone


async def send_whole(send: Send, status: int, headers: list[tuple[str, str]], body: bytes) -> None:
    """Send an answer of one part."""
    fields = [*headers, ("Content-Length", str(len(body)))]
    raw = [(name.lower().encode("latin-1"), value.encode("latin-1")) for name, value in fields]
    await send({"type": "http.response.start", "status": status, "headers": raw})
    await send({"type": "http.response.body", "body": body})
