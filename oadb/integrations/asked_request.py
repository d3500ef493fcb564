"""What a request to an ASGI application, or a websocket, has of oadb."""

from datetime import timedelta

from starlette.responses import Response
from starlette.types import Scope

from oadb.accounts import api_keys, sessions
from oadb.accounts.api_keys import VerifiedKey
from oadb.accounts.sessions import NewSession, Session
from oadb.accounts.user_rows import Assurance
from oadb.bans import trackers
from oadb.engine.database import AsyncDatabase, Database
from oadb.engine.deferred_transactions import AsyncDeferredTransaction, DeferredTransaction
from oadb.engine.pool_executors import AsyncPoolExecutor
from oadb.integrations import credentials
from oadb.integrations.asgi_gate import AsgiGate
from oadb.integrations.request_transactions import AsgiDatabases
from oadb.integrations.web_requests import SeenRequest
from oadb.integrations.web_settings import WebSettings
from oadb.security.refusals import Refusal


def header_of(scope: Scope, name: bytes, joined: str = ",") -> str:
    """Return the values of a header, joined in their order; empty if there is none."""
    found = [value for key, value in scope["headers"] if key == name]
    return joined.join(value.decode("latin-1") for value in found)


class AskedRequest:
    """What a request, or a websocket, has of oadb."""

    def __init__(
        self,
        settings: WebSettings,
        scope: Scope,
        seen: SeenRequest,
        dbs: AsgiDatabases,
        gate: AsgiGate | None,
    ) -> None:
        self._settings, self._scope, self._seen, self._gate = settings, scope, seen, gate
        self.db: AsyncDatabase = dbs.awaited
        """For what runs outside of the transaction, such as what must stay after a refusal."""
        self.sync_db: Database = dbs.blocking
        """The same for plain functions, which run in threads; it has a pool of its own."""

    @property
    def ip(self) -> str:
        """The address of the client; see TrustedProxies."""
        return self._seen.ip

    @property
    def tx(self) -> AsyncDeferredTransaction:
        """The transaction of the request. It begins with its first statement.

        It is committed before the answer leaves; rolled back if the status is 400 or above, after
        an exception, and if the client is gone. A background task has none: use ``db``.

        Raises:
            RuntimeError: a websocket has no transaction: begin one for each message; or this
                request has asked for ``sync_tx``.
        """
        return self._own_gate.transaction()

    def tx_of(self, user_id: int) -> AsyncDeferredTransaction:
        """Return the transaction, which sees the rows of this user only; see Database.as_user.

        Ask for it before ``tx``, which is the same transaction afterwards.

        Raises:
            RuntimeError: as ``tx``; or it was asked for with the rows of other users before.
        """
        return self._own_gate.transaction(user_id)

    @property
    def sync_tx(self) -> DeferredTransaction:
        """The transaction for a plain function, which ends as ``tx`` does; a request has one."""
        return self._own_gate.sync_transaction()

    async def enter_threads(self) -> None:
        """Wait until plain functions of this request may use the database; call it before them.

        As many requests at a time may as there are connections.

        Raises:
            PoolTimeoutError: it may not in time.
        """
        if self._gate is not None:
            await self._gate.enter_threads()

    def sync_tx_of(self, user_id: int) -> DeferredTransaction:
        """Return the transaction for a plain function that sees the rows of this user only."""
        return self._own_gate.sync_transaction(user_id)

    def keep_open(self) -> AsyncDeferredTransaction:
        """Return the transaction, which ends with the last part of a streamed answer, not before.

        It is committed before that part is sent. If that fails, the connection is broken off, since
        the status was sent already; so a client must read to the end.
        """
        tx = self.tx
        self._own_gate.keeps_open = True
        return tx

    async def session(
        self, *, at_least: Assurance = 1, max_age: timedelta | None = None
    ) -> Session:
        """Return the session of the cookie; see ``sessions.verify``.

        Raises:
            RequestRefusedError: 401: there is no valid one; 403: it is too weak, or a page of
                another site has sent the request.
        """
        name = self._settings.session_cookie
        credentials.refuse_other_sites(self._seen.method, self._header(b"sec-fetch-site"))
        token = credentials.session_token(self._header(b"cookie", "; "), name)
        verified = await sessions.verify(self._outside, token, at_least=at_least, max_age=max_age)
        found = credentials.accepted_session(verified, name)
        self._seen.user_id = found.user_id
        return found

    async def key(self, *scopes: str) -> VerifiedKey:
        """Return the API key of the header; see ``api_keys.verify``.

        Raises:
            RequestRefusedError: 401: there is no valid one; 403: it lacks a scope, or its user is
                disabled.
        """
        settings = self._settings
        value = self._header(settings.key_header.lower().encode())
        token = credentials.key_token(value, settings.key_header)
        verified = await api_keys.verify(self._outside, token)
        if verified is Refusal.UNKNOWN and settings.bans:
            await trackers.track_bad_key(self._outside, self.ip, key=token)
        found = credentials.accepted_key(verified, scopes)
        self._seen.user_id = found.user_id
        return found

    def start_session(self, response: Response, made: NewSession) -> None:
        """Have the client keep the token of a new session in its cookie."""
        name = self._settings.session_cookie
        response.headers.append("set-cookie", credentials.session_cookie(name, made))

    def end_session(self, response: Response) -> None:
        """Have the client forget the token of its session; ``sessions.end`` ends the session."""
        name = self._settings.session_cookie
        response.headers.append("set-cookie", credentials.ended_cookie(name))

    @property
    def _own_gate(self) -> AsgiGate:
        if self._gate is None:
            raise RuntimeError("a websocket has no transaction: begin one with db.transaction()")
        return self._gate

    @property
    def _outside(self) -> AsyncPoolExecutor:
        """For credentials, which are verified beside the transaction of the request."""
        return self.db.outside()

    def _header(self, name: bytes, joined: str = ",") -> str:
        return header_of(self._scope, name, joined)
