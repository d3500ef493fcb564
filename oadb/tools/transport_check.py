"""The check of ``oadb doctor`` of the way to the server: TLS, how we signed in, the certificate."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime

from psycopg import pq

from oadb.engine import dsn, transport
from oadb.engine.binding.queries import queries
from oadb.engine.config import Config
from oadb.engine.database import Database
from oadb.tools import server_certificate
from oadb.tools.activity.alert_limits import USUAL
from oadb.tools.findings import Finding

query = queries(__name__)

_SUBJECT = "transport"

_VERIFY = "set sslmode=verify-full in DATABASE_URL"


@dataclass(frozen=True, slots=True)
class SessionSecurity:
    """How the server sees a connection.

    Attributes:
        protocol: The version of TLS, if the server uses it.
        method: How the client signed in; None if it did not have to, or before PostgreSQL 16.
    """

    is_encrypted: bool
    protocol: str | None
    cipher: str | None
    method: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Route:
    """The way from here to the server.

    Attributes:
        is_remote: Whether it may lead beyond this machine.
        sslmode: That of the connection; None if it is libpq's own.
        can_refuse: Whether libpq can refuse to send a password in clear.
        expires: When the certificate of the server does; None if that is not known.
    """

    is_remote: bool
    has_tls: bool
    sslmode: str | None
    can_refuse: bool
    used_password: bool
    session: SessionSecurity | None
    expires: datetime | None


@query
def _describe_session() -> SessionSecurity: ...


query.complete()


def check(db: Database, config: Config) -> Iterator[Finding]:
    """Say how a connection of *db* reaches the server, and what to do about it."""
    yield finding(_explore(db, config))


def _explore(db: Database, config: Config) -> Route:
    # The server behind a pooler knows the pooler, not us.
    session = _describe_session(db) if config.pooler == "none" else None
    with db.connection() as connection:
        pgconn, info = connection.pgconn, connection.info
        has_tls = pgconn.ssl_in_use
        place = (info.hostaddr or info.host, info.port, info.host)
        used_password = pgconn.used_password
    return Route(
        is_remote=config.dsn.local is None and transport.leads_beyond_loopback(config.dsn.keywords),
        has_tls=has_tls,
        sslmode=dsn.connection_keywords(config.dsn, None).get("sslmode"),
        can_refuse=pq.version() >= transport.REFUSING_LIBPQ,
        used_password=used_password,
        session=session,
        expires=server_certificate.find_expiry(*place) if has_tls else None,
    )


def finding(route: Route) -> Finding:
    """Return what is to be said about a route, and what to do."""
    wrong = _fault(route)
    advice = wrong or _advice(route)
    text = f"{_encryption(route)}, {_sign_in(route)}{_certificate(route)}"
    return Finding(not wrong, _SUBJECT, f"{text}; {advice}" if advice else text)


def _fault(route: Route) -> str:
    """Return what to do about what is wrong; empty if nothing is."""
    if route.expires is not None and route.expires - datetime.now(UTC) < USUAL.certificate:
        return "renew the certificate of the server"
    if route.has_tls or not route.is_remote:
        return ""
    if _method(route) == "password":
        return f"the password travels in clear: {_VERIFY}"
    if route.used_password and not route.can_refuse:
        return f"a libpq before 16 sends the password in clear if a server asks for it: {_VERIFY}"
    if route.sslmode == "disable":
        return ""
    return f"what is sent can be read on the way: {_VERIFY}, or sslmode=disable to say it may be so"


def _advice(route: Route) -> str:
    if route.has_tls and route.sslmode not in {"verify-ca", "verify-full"}:
        return f"to check who answers as well, {_VERIFY}"
    return ""


def _encryption(route: Route) -> str:
    session = route.session
    if route.has_tls and session is not None and session.is_encrypted:
        return f"{session.protocol} with {session.cipher}"
    if route.has_tls:
        return "TLS"
    return "without TLS" if route.is_remote else "within this machine, without TLS"


def _sign_in(route: Route) -> str:
    method = _method(route)
    if method:
        return f"signed in by {method}"
    return "signed in by a password" if route.used_password else "signed in without a password"


def _method(route: Route) -> str | None:
    return None if route.session is None else route.session.method


def _certificate(route: Route) -> str:
    if not route.has_tls:
        return ""
    until = (
        "expires at an unknown time"
        if route.expires is None
        else f"expires {route.expires:%Y-%m-%d}"
    )
    return f", certificate {until}"
