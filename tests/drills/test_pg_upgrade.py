"""A major upgrade by pg_upgrade, by the runbook: the data is the same, and walled."""

from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from oadb.embedded import embedded_server
from oadb.embedded.cluster import Cluster
from oadb.embedded.memory import memory
from oadb.embedded.system_user import account_for
from oadb.embedded.temporary_folders import temporary_folder
from oadb.testing.control import ServerControl
from tests.support import contents
from tests.support.contents import create_database, installed
from tests.support.runbook import CHECK, Desk, desk
from tests.support.versions import DEBIAN, MOVES, server_of

TITLE = "Upgrade with pg_upgrade"

pytestmark = [
    pytest.mark.slow,
    pytest.mark.usefixtures("cheap_hashing"),
]
# Those by which a test server is made; see oadb.embedded.cluster.
SAME = {
    True: "--encoding=UTF8 --no-locale --locale-provider=builtin --builtin-locale=C.UTF-8 "
    "--no-data-checksums",
    False: "--encoding=UTF8 --locale=C.UTF-8 --lc-messages=C --no-data-checksums",
}


@pytest.fixture(params=MOVES)
def old(request: pytest.FixtureRequest) -> Iterator[ServerControl]:
    with server_of(request.param, {}) as server:
        create_database(server.url, "oadb")
        yield server


@pytest.fixture
def at(old: ServerControl) -> Iterator[Desk]:
    with desk(old._cluster.binaries) as at:
        yield at


def test_an_upgraded_server_has_the_same_data(old: ServerControl, at: Desk, tmp_path: Path) -> None:
    installation = installed(old.server.url("oadb"), tmp_path)
    rows = contents.rows_of(installation.url)
    forget_marks(installation.url)
    old.stop()
    # The servers of tests read other rules than pg_upgrade does.
    (old.data / "pg_hba.conf").write_text("local all all trust\n")
    with temporary_folder(memory(), embedded_server.binaries()) as folder:
        programs = embedded_server.binaries()
        cluster = Cluster(folder, programs, account_for(folder, programs))
        names = {"OLD_PROGRAMS": at.programs, "NEW_PROGRAMS": programs, "OLD_DATA": old.data}
        at.follow(TITLE, **names, NEW_DATA=cluster.data, SAME=SAME[at.programs != DEBIAN])
        try:
            url = ServerControl(cluster).server.url("oadb")
            at.follow(TITLE, 2, NEW=url)
            assert contents.rows_of(url) == rows
            assert contents.schema(url) == contents.FILE.read_text()
            assert contents.wall_faults(url) == []
            assert installation.works(url)
            at.follow(CHECK, NEW=url, ring=installation.ring)
        finally:
            cluster.stop("immediate")


def forget_marks(url: str) -> None:
    """Remove what 15.20 notes of columns, and programs of 18 that are older cannot read."""
    with psycopg.connect(url) as connection:
        connection.execute(
            "update pg_attribute set attoptions = null where attoptions::text like '{pg_attver=%}'"
        )
