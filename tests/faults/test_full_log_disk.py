"""The disk of the write-ahead log is full: PostgreSQL stops, and does not come back by itself."""

import shutil
import subprocess
from collections.abc import Callable, Generator
from itertools import count
from pathlib import Path
from random import randbytes
from time import monotonic

import pytest

from oadb.embedded.system_user import account_for
from oadb.errors import Error, OutcomeUnknownError, UnavailableError
from oadb.testing.control import ServerControl, controlled
from tests.faults.traffic import Traffic
from tests.support import pool_probes as probes
from tests.support.rig import Connect, Db, Observer, connecting, create_tables
from tests.support.small_disk import small_disk

pytestmark = pytest.mark.fault

_DURABLE = {"fsync": "on", "full_page_writes": "on"}

# A file of the log has 16 MB: the second one does not fit.
_SIZE = "24m"

_LARGE = count(10_000_000)


@pytest.fixture
def server() -> Generator[ServerControl]:
    with controlled(_DURABLE) as server:
        create_tables(server.url)
        yield server


@pytest.fixture
def disk(server: ServerControl, tmp_path: Path) -> Generator[Callable[[str], None]]:
    """Have the log on a disk of its own, as by ``initdb -X``; give what changes its size."""
    server.stop()
    log, folder = server.data / "pg_wal", tmp_path / "disk"
    with small_disk(folder, _SIZE) as resize:
        subprocess.run(["cp", "-a", log, folder / "wal"], check=True)
        shutil.rmtree(log)
        log.symlink_to(folder / "wal")
        account_for(folder / "wal")
        server.start()
        yield resize
        server.stop("immediate")


@pytest.fixture
def connect(server: ServerControl) -> Generator[Connect]:
    with connecting("sync", server.url) as connect:
        yield connect


def fill(db: Db, server: ServerControl) -> tuple[list[int], list[int], list[Error]]:
    """Write large rows until the server is down; it may come back once and have space again.

    Returns:
        The rows that were written, those of unknown outcome, and all errors.
    """
    written: list[int] = []
    unknown: list[int] = []
    errors: list[Error] = []
    end = monotonic() + 60
    while not is_down(server):
        assert monotonic() < end, "the server is not down"
        number = next(_LARGE)
        try:
            probes.put(db, number, randbytes(500_000).hex())
        except Error as error:
            errors.append(error)
            if isinstance(error, OutcomeUnknownError):
                unknown.append(number)
        else:
            written.append(number)
    return written, unknown, errors


def is_down(server: ServerControl) -> bool:
    return not server._cluster.alive()


@pytest.mark.holds("F30", "I1", "I2", "I4", "I5", "I7")
def test_services_go_on_when_a_full_disk_of_the_log_has_space_and_the_server_is_started(
    connect: Connect, server: ServerControl, disk: Callable[[str], None]
) -> None:
    db = connect(pool_size=6, max_overflow=0)
    traffic = Traffic(db)
    with traffic.running(readers=2, transactors=2, writers=2):
        large, unknown, refused = fill(db, server)
        disk("200m")
        server.start()
        traffic.flows()

    assert {type(error) for error in refused} <= {UnavailableError, OutcomeUnknownError}
    errors = [error for errors in traffic.errors.values() for error in errors]
    assert errors
    assert {type(error) for error in errors} <= {UnavailableError, OutcomeUnknownError}
    traffic.acknowledged += large
    traffic.unknown += unknown
    traffic.errors.update(read=[], transact=[])
    traffic.check(Observer(server.url))
    traffic.settles(6)
