"""The PostgreSQL for a test run, and a fresh database for every test.

    with server() as postgres, postgres.template(migrate) as template:
        with postgres.clone(template) as url:
            ...                           # DATABASE_URL of a migrated database, dropped at the end

The server is, in this order: the one in OADB_TEST_DATABASE_URL, whose user may create databases;
a container, where a Docker engine answers; the embedded one, with its data in memory where that
has room.
"""

import logging
import os
import secrets
from collections.abc import Callable, Generator, Mapping
from contextlib import ExitStack, closing, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, LiteralString
from urllib.parse import quote, urlencode

from psycopg.sql import SQL, Identifier

from oadb.embedded import embedded_server
from oadb.embedded.memory import memory
from oadb.engine import dsn
from oadb.engine.direct_connection import DirectConnection, is_usable
from oadb.errors import ConfigError, UnavailableError
from oadb.testing import containers

ServerName = Literal["url", "container", "embedded"]

_logger = logging.getLogger("oadb.testing")

# How a database is cloned, by whether the server waits for its disk. Where it does not, a copy of
# the files takes half as long as one through the log; where it does, a checkpoint takes longer.
_CREATE: dict[bool, LiteralString] = {
    True: "create database {} template {} strategy wal_log",
    False: "create database {} template {} strategy file_copy",
}

# Migrations leave dead rows in the catalogs, two fifths of a database, which every copy would have.
_COMPACT: LiteralString = (
    "vacuum (full) pg_catalog.pg_attribute, pg_catalog.pg_class, pg_catalog.pg_constraint, "
    "pg_catalog.pg_depend, pg_catalog.pg_description, pg_catalog.pg_policy, pg_catalog.pg_proc, "
    "pg_catalog.pg_rewrite"
)

# Seconds to make, copy or drop a database, on a busy disk.
_PATIENCE = 60.0


@dataclass(frozen=True, slots=True)
class Server:
    """A running server and how it was chosen; *keywords* are libpq's for its own database."""

    name: ServerName
    keywords: Mapping[str, str] = field(repr=False)
    _kept: list[DirectConnection] = field(
        default_factory=list[DirectConnection], repr=False, compare=False
    )
    """The connection that is kept for the next database; a new one takes as long as a drop."""

    def url(self, database: str) -> str:
        """Return the DATABASE_URL of a database of this server; its password is in it."""
        rest = {**self.keywords}
        user, password = rest.pop("user", ""), rest.pop("password", "")
        rest.pop("dbname", None)
        login = quote(user, safe="") + (f":{quote(password, safe='')}" if password else "")
        options = urlencode(rest, quote_via=quote)
        return f"postgresql://{login}@/{quote(database, safe='')}?{options}"

    @contextmanager
    def template(self, migrate: Callable[[str], object]) -> Generator[str]:
        """Make a database and call *migrate* with its DATABASE_URL; give its name, to clone.

        Nobody can connect to it afterwards, because that would keep it from being cloned.
        """
        name = _new_name("template")
        self.run("create database {}", name)
        try:
            migrate(self.url(name))
            with self.connected(name) as connection:
                connection.execute(_COMPACT)
            with self.connected(name):
                pass  # writes pg_internal.init, with which the first session of a copy is quicker
            self.run("alter database {} with allow_connections false", name)
            yield name
        finally:
            self.run("drop database {} with (force)", name)

    @contextmanager
    def clone(self, template: str) -> Generator[str]:
        """Give the DATABASE_URL of a copy of *template*, dropped at the end with its clients."""
        name = _new_name("test")
        self.copy(template, name)
        try:
            yield self.url(name)
        finally:
            self.run("drop database {} with (force)", name)

    def close(self) -> None:
        """Close the connection that is kept, if any."""
        while self._kept:
            self._kept.pop().close()

    def copy(self, template: str, name: str) -> None:
        """Make a database as a copy of another one, which nobody is connected to."""
        with self.asked() as connection:
            syncs = connection.execute("show fsync").fetchone() == ("on",)
            connection.execute(SQL(_CREATE[syncs]).format(Identifier(name), Identifier(template)))

    def run(self, statement: LiteralString, *names: str) -> None:
        """Run a statement on databases, whose names cannot be parameters."""
        composed = SQL(statement).format(*map(Identifier, names))
        with self.asked() as connection:
            connection.execute(composed)

    @contextmanager
    def asked(self) -> Generator[DirectConnection]:
        """Give a connection to the server's own database, and keep it; a thread has it alone."""
        connection = self._taken() or self.connected()
        try:
            yield connection
        finally:
            self.close()
            self._kept.append(connection)

    def _taken(self) -> DirectConnection | None:
        with suppress(IndexError):
            kept = self._kept.pop()
            if is_usable(kept):
                return kept
            kept.close()
        return None

    def connected(self, database: str | None = None) -> DirectConnection:
        """Connect to a database, by default the server's own."""
        chosen = {} if database is None else {"dbname": database}
        keywords = dsn.connection_keywords(dsn.Dsn({**self.keywords, **chosen}), {})
        return DirectConnection.to(keywords, seconds=_PATIENCE)


@contextmanager
def server(copied_from: Callable[[], Path] | None = None) -> Generator[Server]:
    """Give the server for tests; one that was started for them is stopped at the end.

    Why it is not a container is logged by "oadb.testing" at level INFO.

    Args:
        copied_from: is called only if the server is the embedded one, and returns the folder of the
            database files of a server that was stopped, which it begins with; by default it begins
            with none.

    Raises:
        ConfigError: OADB_TEST_DATABASE_URL is wrong, or there is neither a Docker engine nor the
            embedded PostgreSQL.
    """
    url = os.environ.get("OADB_TEST_DATABASE_URL")
    with ExitStack() as running:
        given = Server("url", _given(url)) if url else _started(running, copied_from)
        with closing(given):
            yield given


def _given(url: str) -> Mapping[str, str]:
    try:
        given = dsn.parse(url)
    except ConfigError as error:
        raise ConfigError(f"OADB_TEST_DATABASE_URL, read like {error}") from None
    if given.local is not None:
        raise ConfigError("OADB_TEST_DATABASE_URL: unset it for an embedded server")
    return given.keywords


def _started(running: ExitStack, copied_from: Callable[[], Path] | None) -> Server:
    try:
        return Server("container", running.enter_context(containers.postgres()))
    except UnavailableError as reason:
        _logger.info("no container, so the embedded server: %s", reason)
    data = copied_from() if copied_from else None
    embedded = embedded_server.temporary(memory(), copied_from=data)
    return Server("embedded", running.enter_context(embedded).keywords)


def _new_name(kind: str) -> str:
    return f"oadb_{kind}_{secrets.token_hex(6)}"
