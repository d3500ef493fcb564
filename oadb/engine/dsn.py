"""DATABASE_URL: what it may say, and what libpq is given for it."""

import re
import sys
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import psycopg
from psycopg.conninfo import conninfo_to_dict

from oadb.engine import url_schemes
from oadb.engine.url_schemes import LocalTarget
from oadb.errors import ConfigError

# What libpq needs to notice a dead network, measured: keepalives see a peer that
# went silent while we wait, tcp_user_timeout one that went silent while we send;
# neither sees both. Milliseconds for tcp_user_timeout, seconds for the others.
_LIVENESS = {
    "connect_timeout": "3",
    "keepalives": "1",
    "keepalives_idle": "5",
    "keepalives_interval": "2",
    "keepalives_count": "3",
    "tcp_user_timeout": "8000",
}

_SCHEME = re.compile(r"^(postgresql|postgres|postgresql\+psycopg)://")
_PORTS = re.compile(r"[0-9,]*", re.ASCII)


@dataclass(frozen=True, slots=True)
class Dsn:
    """Where the database is: libpq keywords, or a server that is started where it is used."""

    keywords: Mapping[str, str] = field(repr=False)
    local: LocalTarget | None = None

    def __str__(self) -> str:
        """Return the target without its password: what a message may show."""
        if self.local is not None:
            return str(self.local)
        known = self.keywords
        target = f"{known.get('host', 'local socket')}:{known.get('port', '5432')}"
        return f"{known.get('user', '')}@{target}/{known.get('dbname', '')}"


def parse(url: str) -> Dsn:
    """Read a DATABASE_URL.

    Accepts ``postgresql://``, ``postgres://`` and ``postgresql+psycopg://`` (the form that
    yoyo needs for psycopg 3), each with several hosts if wanted, and schemes that
    installed packages offer, such as ``embedded:PATH``.
    Raises ConfigError; its text never shows the URL, which may hold a password.
    """
    local = url_schemes.find(url)
    if local is not None:
        return Dsn({}, local)
    if not _SCHEME.match(url):
        # Only what looks like a scheme is shown; it could be anything, a password among it.
        found = re.match(r"([a-z][a-z0-9+.-]{0,20})://", url)
        scheme = f"the scheme is {found[1]}" if found else "there is no scheme"
        raise ConfigError(
            f"DATABASE_URL: {scheme}; allowed are postgresql://, postgres://, "
            "postgresql+psycopg:// and embedded:PATH"
        )
    try:
        given = conninfo_to_dict(_SCHEME.sub("postgresql://", url, count=1))
    except (psycopg.Error, UnicodeError, ValueError):
        # libpq's own text quotes parts of the URL, the password among them.
        raise ConfigError(
            "DATABASE_URL is not a valid PostgreSQL URL: expected "
            "postgresql://user:password@host:port/database?option=value, "
            "with special characters percent-encoded"
        ) from None
    known = {key: str(value) for key, value in given.items() if value is not None}
    if not _PORTS.fullmatch(known.get("port", "")) or "@" in known.get("host", "")[1:]:
        # An unescaped / or @ in the password makes the rest of it look like a port or a host.
        raise ConfigError(
            "DATABASE_URL: no valid host and port; percent-encode the special characters of the "
            "password (@ as %40, / as %2F, : as %3A)"
        )
    return Dsn(known)


def connection_keywords(dsn: Dsn, settings: Mapping[str, int]) -> dict[str, str]:
    """Return libpq keywords for *dsn*: liveness limits, server *settings* in ms, a name.

    What the URL says itself always wins.
    """
    options = [f"-c {name}={value}" for name, value in settings.items()]
    if "options" in dsn.keywords:
        options.append(dsn.keywords["options"])
    several = {"target_session_attrs": "read-write"} if "," in dsn.keywords.get("host", "") else {}
    return {
        **_LIVENESS,
        "application_name": f"oadb/{Path(sys.argv[0] or 'python').stem}"[:63],
        **several,
        **dsn.keywords,
        **({"options": " ".join(options)} if options else {}),
    }


@contextmanager
def reachable(target: Dsn) -> Generator[Dsn]:
    """Give a Dsn that libpq can use: *target* itself, or that of its server, which runs meanwhile.

    Raises ConfigError, UnavailableError.
    """
    if target.local is None:
        yield target
        return
    server = target.local.start()
    try:
        yield Dsn(server.keywords)
    finally:
        server.stop()
