"""Servers of named versions, for moves from one to another."""

import os
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from pathlib import Path

import pytest

from oadb.embedded import embedded_server
from oadb.testing.control import ServerControl
from tests.support.open_servers import open_server

_EVERYBODY = "local all all trust\nlocal replication all trust\n"

DEBIAN = Path("/usr/lib/postgresql/15/bin")

needs_debian = pytest.mark.skipif(
    not DEBIAN.exists(), reason="Debian's PostgreSQL 15 is not installed"
)

MOVES = [
    pytest.param(DEBIAN, id="15-to-18", marks=needs_debian),
    # The same steps, where there is nothing older.
    pytest.param(
        embedded_server.binaries(), id="18-to-18", marks=pytest.mark.slow if DEBIAN.exists() else ()
    ),
]
"""The programs of an old server, whose data moves to one of the embedded programs."""


def chosen() -> Path:
    """Return the programs of the servers of this run, as in oadb.testing.control."""
    return Path(os.environ.get("OADB_TEST_BINDIR") or embedded_server.binaries())


@contextmanager
def server_of(
    programs: Path, settings: Mapping[str, str], rules: str = _EVERYBODY
) -> Generator[ServerControl]:
    """Give a server of its own of the programs in a folder; *rules* are those of pg_hba.conf."""
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("OADB_TEST_BINDIR", str(programs))
        with open_server(settings, rules) as server:
            yield server
