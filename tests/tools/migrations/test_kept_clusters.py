"""Temporary servers that begin as copies: when one is made anew, and what is kept."""

import fcntl
from pathlib import Path
from typing import NoReturn

import psycopg
import pytest
from psycopg.conninfo import make_conninfo

from oadb.engine.binding.packages import Package
from oadb.errors import MigrationError
from oadb.tools import kept_clusters, kept_files
from oadb.tools.migrations import runner
from tests.support.migrations import MigrationFolder

pytestmark = pytest.mark.long("starts servers")


@pytest.fixture
def kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Give the folder in which servers are kept."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return tmp_path / "cache" / "oadb" / "migrated"


def tables(folder: MigrationFolder, **settings: str) -> list[str]:
    """Return the tables of a server with the migrations of a folder."""
    with (
        kept_clusters.migrated_server(folder.packages, settings) as server,
        psycopg.connect(make_conninfo(**server.keywords)) as connection,
    ):
        rows = connection.execute(
            "select relname from pg_class where relnamespace = 'oadb'::regnamespace "
            "and relkind = 'r' and relname <> 'applied_migrations' order by relname"
        )
        return [name for (name,) in rows]


def servers(kept: Path) -> list[str]:
    return sorted(each.name for each in kept.iterdir() if not each.name.startswith("."))


def test_only_the_first_server_of_the_same_migrations_is_migrated(
    folder: MigrationFolder, kept: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder.table("0002_create_ants", "ants")
    first = tables(folder)
    with monkeypatch.context() as patched:
        patched.setattr(runner, "migrate", _refuse)
        second = tables(folder, autovacuum="off")
    folder.table("0003_create_bees", "bees")
    third = tables(folder)

    assert (first, second, third) == (["ants"], ["ants"], ["ants", "bees"])
    assert len(servers(kept)) == 2


def _refuse(*_: object, **__: object) -> NoReturn:
    raise AssertionError("it is migrated again")


@pytest.mark.slow  # migrates two servers, six seconds
def test_those_that_were_not_used_for_the_longest_are_deleted(
    folder: MigrationFolder, kept: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(kept_files, "MOST", 1)
    tables(folder)
    (first,) = servers(kept)
    folder.table("0002_create_ants", "ants")
    tables(folder)

    (second,) = servers(kept)
    assert second != first


@pytest.mark.slow  # migrates two servers, six seconds
def test_one_that_is_damaged_is_deleted_and_the_server_migrated(
    folder: MigrationFolder, kept: Path
) -> None:
    tables(folder)
    (name,) = servers(kept)
    (kept / name / "global" / "pg_control").write_bytes(b"")

    assert tables(folder) == []
    assert servers(kept) == []


def test_a_folder_that_others_can_enter_keeps_nothing(folder: MigrationFolder, kept: Path) -> None:
    kept.mkdir(parents=True)
    kept.chmod(0o755)

    assert tables(folder) == []
    assert servers(kept) == []


def test_a_failed_migration_keeps_nothing(folder: MigrationFolder, kept: Path) -> None:
    folder.write("0002_fail", "select 1/0;", "select 1;")

    with pytest.raises(MigrationError, match="0002_fail"):
        tables(folder)

    assert [*kept.iterdir()] == []


@pytest.mark.slow  # makes a server for each of two packages, ten seconds
def test_packages_of_other_names_have_servers_of_their_own(
    folder: MigrationFolder, kept: Path
) -> None:
    (package,) = folder.packages
    other = Package("other", package.sql, package.shown)
    tables(folder)
    with kept_clusters.migrated_server([other], {}):
        pass

    assert len(servers(kept)) == 2


def test_nobody_waits_for_a_process_that_holds_the_lock(
    folder: MigrationFolder, kept: Path
) -> None:
    tables(folder)
    with (kept / ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        assert tables(folder) == []

    assert len(servers(kept)) == 1
