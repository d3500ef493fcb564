"""A private server that a test may stop, restart and kill.

    with controlled() as server:
        db = Database(...server.url...)
        server.restart("immediate")       # the URL is still good

It is the embedded PostgreSQL, or the programs in the folder OADB_TEST_BINDIR, such as
/usr/lib/postgresql/15/bin; root runs either as nobody.
"""

import os
import signal
from collections.abc import Generator, Mapping
from contextlib import closing, contextmanager
from pathlib import Path

from oadb.embedded import embedded_server
from oadb.embedded.cluster import Cluster, StopMode
from oadb.embedded.memory import memory
from oadb.embedded.system_user import account_for
from oadb.embedded.temporary_folders import temporary_folder
from oadb.testing.servers import Server


class ServerControl:
    """A server of one test; how to reach it does not change when it is started again."""

    def __init__(self, cluster: Cluster, settings: Mapping[str, str] | None = None) -> None:
        self._cluster = cluster
        self._settings = {**embedded_server.TEMPORARY, **(settings or {})}
        self.start()
        self._server = Server("embedded", cluster.keywords)

    @property
    def server(self) -> Server:
        """The server, to clone databases of."""
        return self._server

    @property
    def url(self) -> str:
        """The DATABASE_URL of its administration database."""
        return self._server.url("postgres")

    @property
    def data(self) -> Path:
        """The folder of its database files."""
        return self._cluster.data

    @property
    def postmaster(self) -> int:
        """The process id of the running server."""
        return self._cluster.postmaster

    def start(self) -> None:
        """Start the server, also after a kill; return when it takes connections."""
        self._cluster.ensure_running(self._settings)

    def stop(self, mode: StopMode = "fast") -> None:
        """Stop the server; return when its last process has ended.

        "fast" ends the clients with SQLSTATE 57P01 and writes everything to disk; "immediate"
        drops them without an error and leaves a crash recovery to the next start.
        """
        self._cluster.stop(mode)

    def restart(self, mode: StopMode = "fast") -> None:
        """Stop and start the server."""
        self.stop(mode)
        self.start()

    def demote(self) -> None:
        """Restart the server as a standby that follows nobody, until ``pg_promote()``."""
        self.stop()
        (self._cluster.data / "standby.signal").touch()
        self.start()

    def kill(self) -> None:
        """Kill the main server process (SIGKILL).

        The processes of its clients end when they notice: idle ones at once, with SQLSTATE 57P01
        from PostgreSQL 18 and without a word from 15, busy ones at their next wait.
        """
        os.kill(self.postmaster, signal.SIGKILL)


@contextmanager
def controlled(
    settings: Mapping[str, str] | None = None, *, copied_from: Path | None = None
) -> Generator[ServerControl]:
    """Give a running server of its own; at the end it is gone, with its data.

    Args:
        settings: PostgreSQL settings of its command line. Without them it does not wait for the
            disk (``fsync`` and ``full_page_writes`` are off).
        copied_from: The folder of the database files of a server that was stopped, which this one
            begins with; by default it begins with none.
    """
    given = os.environ.get("OADB_TEST_BINDIR")
    binaries = Path(given) if given else embedded_server.binaries()
    with temporary_folder(memory(), binaries) as folder:
        cluster = Cluster(folder, binaries, account_for(folder, binaries))
        if copied_from is not None:
            cluster.copy(copied_from)
        try:
            control = ServerControl(cluster, settings)
            with closing(control.server):
                yield control
        finally:
            cluster.stop("immediate")
