"""FastAPI: what a request has of oadb, as typed dependencies.

    app = FastAPI()
    install(app)

    @app.post("/orders")
    async def place(order: Order, key: KeyHolder, tx: Tx) -> int:
        return await orders.add(tx, key.user_id, ...)   # committed before the answer leaves

Paths that are plain functions ask for SyncTx and SyncDb: FastAPI runs them in threads.
"""

from oadb.integrations.missing_extras import missing_extra

try:
    from fastapi import Depends, FastAPI
    from fastapi.dependencies.models import Dependant
    from fastapi.requests import HTTPConnection
    from fastapi.routing import iter_route_contexts
except ModuleNotFoundError as error:
    raise missing_extra("fastapi", error) from error

from collections.abc import Awaitable, Callable, Iterator
from datetime import timedelta
from inspect import iscoroutinefunction, isfunction, unwrap
from typing import Annotated

from oadb.accounts.api_keys import VerifiedKey
from oadb.accounts.sessions import Session
from oadb.accounts.user_rows import Assurance
from oadb.engine.database import AsyncDatabase, Database
from oadb.engine.deferred_transactions import AsyncDeferredTransaction, DeferredTransaction
from oadb.integrations.asgi_routes import templates_in
from oadb.integrations.request_faults import answer_faults
from oadb.integrations.starlette import (
    AsgiService,
    AskedRequest,
    asked_of,
    install_with,
)
from oadb.integrations.web_settings import WebSettings

__all__ = [
    "Asked", "ClientIp", "Db", "KeyHolder", "OwnTx", "SignedIn", "StreamTx", "SyncDb", "SyncOwnTx",
    "SyncTx", "Tx", "WebSettings", "install", "own_sync_tx", "own_tx", "require_key",
    "require_session",
]  # fmt: skip  # a list


def install(app: FastAPI, settings: WebSettings | None = None) -> AsgiService:
    """Give an application a Database, and each of its requests a transaction.

    Call it once, before middleware that is to see its answers, such as that for CORS. A request
    that does not fit a path is answered with a problem, unless the application has its own answer.

    Raises:
        ParameterError: the application has oadb already.
    """

    def templates() -> Iterator[str]:
        yield from templates_in(app.routes)
        for context in iter_route_contexts(app.routes):  # with the prefixes of routers
            yield context.path or ""

    service = install_with(app, settings, templates)
    answer_faults(app)
    return service


def _refuse_mixed(connection: HTTPConnection, asked: Callable[..., object], other: str) -> None:
    """Refuse what is awaited to a path that is a plain function, where a call would do nothing.

    And the reverse, which would block the loop. What dependencies take, they may pass on.

    Raises:
        RuntimeError: the path takes *asked* as a parameter, and should take *other*.
    """
    route, path = connection.scope.get("route"), connection.scope.get("endpoint")
    whole = getattr(route, "dependant", None)
    if not isinstance(whole, Dependant) or not isfunction(path):
        return
    is_awaited = other.startswith("Sync")
    if is_awaited in {iscoroutinefunction(path), iscoroutinefunction(unwrap(path))}:
        return
    if any(each.call is asked for each in whole.dependencies):
        kind = "a plain function" if is_awaited else "a coroutine, which this would block"
        raise RuntimeError(f"{path.__qualname__} is {kind}: ask for {other} instead")


# Coroutine functions, because FastAPI runs others in threads.


async def _asked(connection: HTTPConnection) -> AskedRequest:
    return asked_of(connection)


async def _in_threads(connection: HTTPConnection) -> AskedRequest:
    found = asked_of(connection)
    await found.enter_threads()
    return found


async def _db(connection: HTTPConnection) -> AsyncDatabase:
    _refuse_mixed(connection, _db, "SyncDb")
    return asked_of(connection).db


async def _tx(connection: HTTPConnection) -> AsyncDeferredTransaction:
    _refuse_mixed(connection, _tx, "SyncTx")
    return asked_of(connection).tx


async def _sync_db(connection: HTTPConnection) -> Database:
    _refuse_mixed(connection, _sync_db, "Db")
    return (await _in_threads(connection)).sync_db


async def _sync_tx(connection: HTTPConnection) -> DeferredTransaction:
    _refuse_mixed(connection, _sync_tx, "Tx")
    return (await _in_threads(connection)).sync_tx


async def _stream_tx(connection: HTTPConnection) -> AsyncDeferredTransaction:
    return asked_of(connection).keep_open()


async def _ip(connection: HTTPConnection) -> str:
    return asked_of(connection).ip


def require_session(
    *, at_least: Assurance = 1, max_age: timedelta | None = None
) -> Callable[[HTTPConnection], Awaitable[Session]]:
    """Return a dependency: the session of the cookie; see ``AskedRequest.session``.

    Args:
        at_least: 2: the user has proven a second factor.
        max_age: the time since the user last proved who it is; None: of any age.
    """

    async def session(connection: HTTPConnection) -> Session:
        return await asked_of(connection).session(at_least=at_least, max_age=max_age)

    return session


def require_key(*scopes: str) -> Callable[[HTTPConnection], Awaitable[VerifiedKey]]:
    """Return a dependency: the API key of the header, with all of *scopes*."""

    async def key(connection: HTTPConnection) -> VerifiedKey:
        return await asked_of(connection).key(*scopes)

    return key


def own_tx(
    credential: Callable[[HTTPConnection], Awaitable[Session | VerifiedKey]],
) -> Callable[..., Awaitable[AsyncDeferredTransaction]]:
    """Return a dependency: the transaction, which sees the rows of the request's user only.

    Args:
        credential: says who that is: what ``require_session`` or ``require_key`` has returned, the
            same one that the path asks for, so that it is verified once.
    """

    async def tx(
        connection: HTTPConnection, holder: Annotated[Session | VerifiedKey, Depends(credential)]
    ) -> AsyncDeferredTransaction:
        _refuse_mixed(connection, tx, "SyncOwnTx or own_sync_tx")
        return asked_of(connection).tx_of(holder.user_id)

    return tx


def own_sync_tx(
    credential: Callable[[HTTPConnection], Awaitable[Session | VerifiedKey]],
) -> Callable[..., Awaitable[DeferredTransaction]]:
    """Return what ``own_tx`` returns, for plain functions."""

    async def tx(
        connection: HTTPConnection, holder: Annotated[Session | VerifiedKey, Depends(credential)]
    ) -> DeferredTransaction:
        _refuse_mixed(connection, tx, "OwnTx or own_tx")
        return (await _in_threads(connection)).sync_tx_of(holder.user_id)

    return tx


_signed_in = require_session()

Asked = Annotated[AskedRequest, Depends(_asked)]
"""All that a request has of oadb."""

Db = Annotated[AsyncDatabase, Depends(_db)]
"""For what runs outside of the transaction, such as what must stay after a refusal."""

Tx = Annotated[AsyncDeferredTransaction, Depends(_tx)]
"""The transaction of the request; see ``AskedRequest.tx``."""

SyncDb = Annotated[Database, Depends(_sync_db)]
"""As Db, for plain functions; it has a pool of its own."""

SyncTx = Annotated[DeferredTransaction, Depends(_sync_tx)]
"""As Tx, for plain functions."""

OwnTx = Annotated[AsyncDeferredTransaction, Depends(own_tx(_signed_in))]
"""As Tx; it sees the rows of the user of the session only, and needs a session."""

SyncOwnTx = Annotated[DeferredTransaction, Depends(own_sync_tx(_signed_in))]
"""As OwnTx, for plain functions."""

StreamTx = Annotated[AsyncDeferredTransaction, Depends(_stream_tx)]
"""The same, until the end of a streamed answer; see ``AskedRequest.keep_open``."""

SignedIn = Annotated[Session, Depends(_signed_in)]
"""The session of the cookie; 401 without a valid one."""

KeyHolder = Annotated[VerifiedKey, Depends(require_key())]
"""The API key of the header; 401 without a valid one."""

ClientIp = Annotated[str, Depends(_ip)]
"""The address of the client; see TrustedProxies."""
