"""A restore to a point in time, by the runbook: what was committed until then is there, no more."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from oadb import Database
from oadb.accounts import users
from oadb.embedded.cluster import Cluster
from oadb.embedded.memory import memory
from oadb.embedded.system_user import account_for
from oadb.embedded.temporary_folders import temporary_folder
from oadb.testing.control import ServerControl
from tests.support import contents
from tests.support.contents import Installation, create_database, installed
from tests.support.rig import Observer, eventually
from tests.support.runbook import CHECK, Desk, desk
from tests.support.versions import chosen, server_of

TITLE = "Restore to a point in time"

pytestmark = [
    pytest.mark.slow,
    pytest.mark.usefixtures("cheap_hashing"),
]

ARCHIVED = "select last_archived_wal >= %s from pg_stat_archiver"


@pytest.fixture
def at() -> Iterator[Desk]:
    with desk(chosen()) as at:
        yield at


def test_a_server_is_restored_to_a_point_in_time(at: Desk, tmp_path: Path) -> None:
    wal = at.made("wal")
    settings = {"archive_mode": "on", "archive_command": f"test ! -f {wal}/%f && cp %p {wal}/%f"}
    with server_of(at.programs, {**settings, "fsync": "off"}) as server:
        create_database(server.url, "oadb")
        url = server.server.url("oadb")
        installation = installed(url, tmp_path)
        at.follow("Back up", 2, OLD=server.url, BACKUP=at.folder)
        until = commit_before_and_after(url)
        archive_all(url)
    with temporary_folder(memory(), at.programs) as folder:
        cluster = Cluster(folder, at.programs, account_for(folder, at.programs))
        at.follow(TITLE, BACKUP=at.folder, DATA=cluster.data, UNTIL=until)
        try:
            restored = ServerControl(cluster).server.url("oadb")
            check(at, installation, restored)
        finally:
            cluster.stop("immediate")


def commit_before_and_after(url: str) -> str:
    """Create a user, take the time, and create another one."""
    with Database.from_url(url) as db:
        users.create(db, "before", "before@example.in")
        until = str(Observer(url).ask("select clock_timestamp()"))
        users.create(db, "after", "after@example.in")
    return until


def archive_all(url: str) -> None:
    observer = Observer(url)
    segment = observer.ask("select pg_walfile_name(pg_switch_wal())")
    eventually(lambda: observer.ask(ARCHIVED, segment), 60)


def check(at: Desk, installation: Installation, url: str) -> None:
    eventually(lambda: not Observer(url).ask("select pg_is_in_recovery()"), 60)
    with Database.from_url(url) as db:
        assert users.find_by_username(db, "before") is not None
        assert users.find_by_username(db, "after") is None
    assert contents.wall_faults(url) == []
    assert installation.works(url)
    at.follow(CHECK, NEW=url, ring=installation.ring)
