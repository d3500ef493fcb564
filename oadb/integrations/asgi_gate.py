"""The gate of a request to an ASGI application: its answer leaves once its transaction is settled.

At the start of the answer the transaction of the request is committed, or rolled back: from status
400 on, or if the client is gone. If it cannot be committed, a problem is sent instead.
"""

import asyncio
import logging
from collections.abc import Mapping

from starlette.types import Message, Receive, Send

from oadb.engine.database import AsyncDatabase
from oadb.engine.deferred_transactions import AsyncDeferredTransaction, deferred
from oadb.integrations.error_map import INTERNAL, problem_of
from oadb.integrations.problem_details import ProblemDetails
from oadb.integrations.web_requests import GONE, REPLACED_LOG, SUCCESS_ENDS, SeenRequest

logger = logging.getLogger("oadb.web")


class AsgiGate:
    """Stands between an application and its server while one request is answered."""

    def __init__(
        self,
        seen: SeenRequest,
        db: AsyncDatabase,
        receive: Receive,
        send: Send,
        sentences: Mapping[str, str],
    ) -> None:
        self.seen = seen
        self.tx: AsyncDeferredTransaction | None = None
        self.keeps_open = False
        self.has_started = False
        self._db = db
        self._receive, self._send = receive, send
        self._sentences = sentences
        self._is_replaced = self._is_settled = False
        self._is_gone = self._is_receiving = False
        self._read_ahead: list[Message] = []

    def transaction(self) -> AsyncDeferredTransaction:
        """Return the transaction of this request, which begins with its first statement."""
        if self.tx is None:
            self.tx = deferred(self._db)
        return self.tx

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
        if self.tx is not None:
            await self.tx.roll_back()
        if self.has_started or not isinstance(error, Exception):
            return False
        problem = problem_of(error, self._sentences)
        if problem is not None:
            await self.answer(problem)
        return problem is not None

    async def end(self) -> None:
        """Roll back what was not settled, such as the rest of a stream whose client is gone."""
        if self.tx is not None:
            await self.tx.roll_back()

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
        tx = self.tx
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
        if self.tx is not None and self.tx.has_begun:
            await self.tx.commit()

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
