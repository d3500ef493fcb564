"""The gate of a request to a WSGI application: its answer leaves once its transaction is settled.

As AsgiGate, for threads. WSGI does not say that a client is gone; two servers show the connection.
"""

import logging
import select
from collections.abc import Callable, Iterable, Iterator, Mapping
from socket import socket
from typing import TYPE_CHECKING

from oadb.engine.database import Database
from oadb.engine.deferred_transactions import DeferredTransaction, deferred
from oadb.integrations.error_map import INTERNAL, problem_of
from oadb.integrations.problem_details import ProblemDetails, RequestRefusedError, phrase
from oadb.integrations.request_owner import RequestOwner
from oadb.integrations.web_requests import GONE, REPLACED_LOG, SUCCESS_ENDS, SeenRequest

if TYPE_CHECKING:
    from _typeshed import OptExcInfo
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

logger = logging.getLogger("oadb.web")

# Where Werkzeug and gunicorn keep the connection.
_SOCKETS = ("werkzeug.socket", "gunicorn.socket")
# Says that the other side has closed; Linux has it.
_CLOSED = getattr(select, "POLLRDHUP", 0)


class WsgiGate:
    """Stands between an application and its server while one request is answered."""

    def __init__(
        self,
        seen: SeenRequest,
        db: Database,
        environ: "WSGIEnvironment",
        start: "StartResponse",
        sentences: Mapping[str, str],
    ) -> None:
        self.seen = seen
        self.keeps_open = False
        self._tx: DeferredTransaction | None = None
        self._db, self._owner = db, RequestOwner()
        self.environ, self._start = environ, start
        self._sentences = sentences
        self._has_started = False

    def header(self, name: str) -> str:
        """Return the value of a header; several ones are joined by commas, none is empty."""
        found = self.environ.get(f"HTTP_{name.upper().replace('-', '_')}", "")
        return found if isinstance(found, str) else ""

    def transaction(self, user_id: int | None = None) -> DeferredTransaction:
        """Return the transaction of this request, which begins with its first statement.

        Args:
            user_id: whose rows it sees; see RequestOwner.

        Raises:
            RuntimeError: it was asked for with the rows of other users before.
        """
        owner, db = self._owner.ask(user_id), self._db
        if self._tx is None:
            self._tx = deferred(db if owner is None else db.as_user(owner, ip=self.seen.ip))
        return self._tx

    def run(self, app: "WSGIApplication") -> Iterable[bytes]:
        """Have the application answer."""
        try:
            parts = app(self.environ, self.start_response)
        except BaseException as error:
            self._roll_back()
            problem = self._problem_of(error)
            if problem is None:
                raise
            return self.answer(problem)
        return self._kept_open(parts) if self.keeps_open else parts

    def start_response(
        self, status: str, headers: list[tuple[str, str]], exc_info: "OptExcInfo | None" = None
    ) -> Callable[[bytes], object]:
        """Start the answer for the application, after the end of its transaction.

        Raises:
            RequestRefusedError: it was not committed; ``run`` answers with the problem instead.
        """
        self.seen.status = int(status[:3])
        if not self.keeps_open or self.seen.status >= SUCCESS_ENDS:
            problem = self._settled()
            if problem is not None:
                raise RequestRefusedError(problem)
        self._has_started = True
        return self._start(status, headers, exc_info)

    def answer(self, problem: ProblemDetails) -> Iterable[bytes]:
        """Answer with a problem."""
        self.seen.status, self.seen.error = problem.status, problem.reason
        fields = [*problem.headers, ("Content-Length", str(len(problem.body)))]
        self._start(f"{problem.status} {phrase(problem.status)}", fields)
        return [problem.body]

    def _problem_of(self, error: BaseException) -> ProblemDetails | None:
        if self._has_started or not isinstance(error, Exception):
            return None
        return problem_of(error, self._sentences)

    def _roll_back(self) -> None:
        if self._tx is not None:
            self._tx.roll_back()

    def _settled(self) -> ProblemDetails | None:
        """End the transaction; return what to answer instead if it was not committed."""
        tx = self._tx
        if tx is None:
            return None
        if not tx.has_begun or self.seen.status >= SUCCESS_ENDS:
            tx.roll_back()
            return None
        if self._has_gone():
            tx.roll_back()
            return GONE
        try:
            tx.commit()
        except Exception as error:  # whatever it is, the answer would be untrue
            seen = self.seen
            logger.warning(REPLACED_LOG, seen.method, seen.route, seen.status, exc_info=error)
            return problem_of(error, self._sentences) or INTERNAL
        return None

    def _kept_open(self, parts: Iterable[bytes]) -> Iterator[bytes]:
        """Pass a stream on, and commit at its end; an error breaks the connection."""
        try:
            yield from parts
            if self._tx is not None and self._tx.has_begun:
                self._tx.commit()
        finally:
            self._roll_back()
            close = getattr(parts, "close", None)
            if close is not None:
                close()

    def _has_gone(self) -> bool:
        """Say whether the client has closed its connection, where the server lets us look."""
        found = (self.environ.get(name) for name in _SOCKETS)
        connection = next((each for each in found if isinstance(each, socket)), None)
        if connection is None or not _CLOSED or not hasattr(select, "poll"):
            return False
        try:
            poll = select.poll()
            poll.register(connection, _CLOSED)
            return bool(poll.poll(0))
        except (OSError, ValueError):  # closed already
            return True
