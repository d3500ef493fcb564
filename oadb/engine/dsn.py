"""DATABASE_URL: its forms, and the keywords that libpq gets for it."""

import os
import re
import sys
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import psycopg
from psycopg.conninfo import conninfo_to_dict

from oadb.engine import transport, url_schemes
from oadb.engine.url_schemes import LocalTarget
from oadb.errors import ConfigError

# How libpq notices a dead network. Measured: keepalives detect a peer that goes silent while we
# wait, tcp_user_timeout one that goes silent while we send; neither detects both. Milliseconds for
# tcp_user_timeout, seconds for the others.
_LIVENESS = {
    "connect_timeout": "3",
    "keepalives": "1",
    "keepalives_idle": "5",
    "keepalives_interval": "2",
    "keepalives_count": "3",
    "tcp_user_timeout": "8000",
}

SERVER_LIVENESS = {
    "tcp_keepalives_idle": 3,
    "tcp_keepalives_interval": 2,
    "tcp_keepalives_count": 3,
    "client_connection_check_interval": 1000,
}
"""Settings of the server, by which it notices in about 10 s that a client has vanished, and frees
its locks. Keepalives (seconds) do so while it waits for the client; while it runs a statement it
looks at the connection in that interval only (milliseconds). By default it notices after hours.
"""

EMPTY_PATH = {"search_path": ""}
"""A setting of the server, with which unqualified names are found in pg_catalog alone. Otherwise a
role that may create in public could have its operators and functions run in other sessions.
"""

_SCHEME = re.compile(r"^(postgresql|postgres|postgresql\+psycopg)://")
_PORTS = re.compile(r"[0-9,]*", re.ASCII)


@dataclass(frozen=True, slots=True)
class Dsn:
    """The address of the database: libpq keywords, or a local server that oadb starts.

    ``is_production`` says that what the address leaves open is chosen as for production.
    """

    keywords: Mapping[str, str] = field(repr=False)
    local: LocalTarget | None = None
    is_production: bool = False

    @property
    def seeks_primary(self) -> bool:
        """Whether only a primary will do, as far as the address says."""
        given = self.keywords.get("target_session_attrs", "read-write")
        return given in {"read-write", "primary"}

    def __str__(self) -> str:
        """Return the address without the password, for messages."""
        if self.local is not None:
            return str(self.local)
        given = self.keywords
        target = f"{given.get('host', 'local socket')}:{given.get('port', '5432')}"
        return f"{given.get('user', '')}@{target}/{given.get('dbname', '')}"


def parse(
    url: str, environ: Mapping[str, str] | None = None, variable: str = "DATABASE_URL"
) -> Dsn:
    """Read a DATABASE_URL, or another *variable* of its kind, which errors name.

    Its scheme is ``postgresql://``, ``postgres://`` or ``postgresql+psycopg://`` (the form that
    yoyo needs for psycopg 3), each with one host or several, or one that an installed package
    provides, such as ``embedded:PATH``.

    Args:
        environ: has OADB_ENV, if it is set; by default the environment of this process.

    Raises:
        ConfigError: an invalid URL; the text never shows it, as it may hold a password.
    """
    variables = os.environ if environ is None else environ
    is_production = variables.get("OADB_ENV", "").strip().lower() == "production"
    del environ, variables  # keep their secrets out of tracebacks that show variables
    if not _SCHEME.match(url):
        # Only here: the search of installed packages takes milliseconds, and none of them may
        # redefine PostgreSQL's own schemes.
        local = url_schemes.find(url)
        if local is not None:
            return Dsn({}, local, is_production)
        # Nothing but a scheme is shown: the text could be a password.
        found = re.match(r"([a-z][a-z0-9+.-]{0,20})://", url)
        scheme = f"the scheme is {found[1]}" if found else "there is no scheme"
        raise ConfigError(
            f"{variable}: {scheme}; allowed are postgresql://, postgres://, "
            "postgresql+psycopg:// and embedded:PATH"
        )
    try:
        parsed = conninfo_to_dict(_SCHEME.sub("postgresql://", url, count=1))
    except (psycopg.Error, UnicodeError, ValueError):
        # libpq's own text quotes parts of the URL, possibly the password.
        raise ConfigError(
            f"{variable} is not a valid PostgreSQL URL: expected "
            "postgresql://user:password@host:port/database?option=value, "
            "with special characters percent-encoded"
        ) from None
    keywords = {key: str(value) for key, value in parsed.items() if value is not None}
    if not _PORTS.fullmatch(keywords.get("port", "")) or "@" in keywords.get("host", "")[1:]:
        # An unescaped / or @ in the password makes the rest of it look like a port or a host.
        raise ConfigError(
            f"{variable}: no valid host and port; percent-encode the special characters of the "
            "password (@ as %40, / as %2F, : as %3A)"
        )
    return Dsn(keywords, None, is_production)


def parse_hosts(
    url: str, environ: Mapping[str, str] | None = None, variable: str = "DATABASE_URL"
) -> tuple[Dsn, ...]:
    """Read a URL with several hosts as one address for each, which takes any kind of server.

    Raises:
        ConfigError: an invalid URL, or one of a local server; the text never shows it.
    """
    found = parse(url, environ, variable)
    if found.local is not None:
        raise ConfigError(f"{variable}: {found.local.scheme}: has no replicas; name servers")
    given = {"target_session_attrs": "any", **found.keywords}
    lists = {name: given.pop(name, "").split(",") for name in ("host", "hostaddr", "port")}
    count = max(map(len, lists.values()))
    for name, values in lists.items():
        if len(values) not in {1, count} or (name == "host" and count > 1 and not all(values)):
            raise ConfigError(
                f"{variable}: {count} hosts or ports, but {len(values)} of {name}; write "
                "postgresql://user:password@host1:port,host2:port/database"
            )
    # One of a name holds for all.
    places = [
        {name: values[place % len(values)] for name, values in lists.items()}
        for place in range(count)
    ]
    return tuple(
        Dsn({**given, **{k: v for k, v in place.items() if v}}, None, found.is_production)
        for place in places
    )


SESSION_FORMS = {
    "DateStyle": "ISO",
    "IntervalStyle": "postgres",
    "bytea_output": "hex",
    "extra_float_digits": "1",
    "array_nulls": "on",
    "standard_conforming_strings": "on",
}
"""Settings of the server on which the texts of values depend, and how statements are read."""


def connection_keywords(dsn: Dsn, settings: Mapping[str, int | str] | None) -> dict[str, str]:
    """Return libpq's keywords for a connection; what the URL says takes precedence.

    Every connection of oadb has these: what ``transport`` promises holds for each. The forms of
    values and texts are the same in each session, whatever URL, role and database say.

    Args:
        settings: settings of the session on the server; None: none at all, not even those forms,
            because this may be a pooler, which refuses all.
    """
    given = [dsn.keywords["options"]] if "options" in dsn.keywords else []
    options = given if settings is None else [*_options(settings), *given, *_options(SESSION_FORMS)]
    several = {"target_session_attrs": "read-write"} if "," in dsn.keywords.get("host", "") else {}
    return {
        **_LIVENESS,
        "application_name": f"oadb/{Path(sys.argv[0] or 'python').stem}"[:63],
        **several,
        **({} if dsn.local else transport.defaults(dsn.keywords, is_production=dsn.is_production)),
        **dsn.keywords,
        "client_encoding": "UTF8",
        **({"options": " ".join(options)} if options else {}),
    }


def _options(settings: Mapping[str, int | str]) -> list[str]:
    return [f"-c {name}={value}" for name, value in settings.items()]


@contextmanager
def reachable(target: Dsn) -> Generator[Dsn]:
    """Yield a Dsn that libpq can use; a local server runs until the block ends.

    Raises:
        ConfigError: the local server cannot be started here.
        UnavailableError: the local server does not start or stop.
    """
    if target.local is None:
        yield target
        return
    server = target.local.start()
    try:
        yield Dsn(server.keywords)
    finally:
        server.stop()
