"""Dumps are restored on another server, by the runbook, and everything is there and walled."""

import subprocess
from collections.abc import Iterator

import psycopg
import pytest

from oadb.engine import dsn
from oadb.testing.control import ServerControl, controlled
from oadb.tools.migrations.runner import migrate
from tests.support import contents
from tests.support.contents import Installation, create_database, installed
from tests.support.runbook import CHECK, Desk, desk
from tests.support.user_rows import login

pytestmark = [
    pytest.mark.long("dumps and restores a database on servers of its own"),
    pytest.mark.usefixtures("cheap_hashing"),
]


@pytest.fixture(scope="module")
def old() -> Iterator[ServerControl]:
    with controlled() as server:
        create_database(server.url, "oadb")
        yield server


@pytest.fixture(scope="module")
def installation(old: ServerControl, tmp_path_factory: pytest.TempPathFactory) -> Installation:
    return installed(old.server.url("oadb"), tmp_path_factory.mktemp("ring"))


@pytest.fixture(scope="module")
def backup(old: ServerControl, installation: Installation) -> Iterator[Desk]:
    """Give the folder with the files of a backup."""
    with desk(old._cluster.binaries) as at:
        at.follow("Back up", OLD=installation.url)
        yield at


@pytest.fixture
def new() -> Iterator[ServerControl]:
    """Give a server that has none of the roles."""
    with controlled() as server:
        create_database(server.url, "restored")
        yield server


def restore_with_errors(backup: Desk, url: str, *options: str) -> None:
    """Restore as one who forgot the roles."""
    command = [backup.programs / "pg_restore", f"--dbname={url}", *options]
    done = subprocess.run(
        [*command, backup.folder / "oadb.dump"], capture_output=True, text=True, check=False
    )
    assert done.returncode == 1
    assert 'role "oadb_owner" does not exist' in done.stderr


def assert_is_the_same(installation: Installation, url: str) -> None:
    assert contents.schema(url) == contents.schema(installation.url)
    assert contents.schema_differences(url) == ""
    assert contents.policies(url) == contents.policies(installation.url)
    assert contents.wall_faults(url) == []


def test_a_dump_is_restored_elsewhere(
    installation: Installation, backup: Desk, new: ServerControl
) -> None:
    url = new.server.url("restored")
    backup.follow("Restore elsewhere", NEW=url)
    backup.follow("Restore elsewhere", 2, NEW=url)

    assert_is_the_same(installation, url)
    assert contents.rows_of(url) == contents.rows_of(installation.url)
    assert contents.sequences(url) == contents.sequences(installation.url)
    assert contents.roles(url) == contents.roles(installation.url)
    backup.follow(CHECK, NEW=url, ring=installation.ring)
    with psycopg.connect(url) as connection:
        connection.execute("create role service login in role oadb_app")
    assert installation.works(login(new.server, "service", "restored"))


def test_the_roles_are_made_after_a_restore_without_them(
    installation: Installation, backup: Desk, new: ServerControl
) -> None:
    url = new.server.url("restored")
    restore_with_errors(backup, url)
    assert contents.wall_faults(url)
    backup.follow("The roles were missing", NEW=url)

    assert_is_the_same(installation, url)
    events = "security_events"  # the roles that were made are some
    assert contents.rows_of(url, but=events) == contents.rows_of(installation.url, but=events)
    assert contents.roles(url) == contents.roles(installation.url)


def test_an_owner_that_may_make_roles_mends_a_restore_without_them(
    installation: Installation, backup: Desk, new: ServerControl
) -> None:
    with psycopg.connect(new.url, autocommit=True) as connection:
        connection.execute("create role manager login createrole")
        connection.execute("alter database restored owner to manager")
    url = login(new.server, "manager", "restored")
    restore_with_errors(backup, url, "--no-owner", "--no-privileges")
    backup.follow("The roles were missing", NEW=url)

    assert_is_the_same(installation, url)
    backup.follow(CHECK, NEW=url, ring=installation.ring)


def test_an_owner_that_is_no_superuser_restores_where_the_roles_are(
    installation: Installation, backup: Desk, new: ServerControl
) -> None:
    backup.follow("Restore elsewhere", NEW=new.server.url("restored"))
    with psycopg.connect(new.url, autocommit=True) as connection:
        connection.execute("create role manager login")
        connection.execute("grant oadb_user to manager")
    create_database(new.url, "managed", "manager")
    url = login(new.server, "manager", "managed")
    backup.follow("As an owner that is no superuser", NEW=url)

    assert_is_the_same(installation, url)
    backup.follow(CHECK, NEW=url, ring=installation.ring)


def test_one_role_for_everything_restores_what_it_would_have_migrated(
    backup: Desk, installation: Installation, new: ServerControl
) -> None:
    with psycopg.connect(new.url, autocommit=True) as connection:
        connection.execute("create role alone login")
        connection.execute("alter database restored owner to alone")
    create_database(new.url, "fresh", "alone")
    url, fresh = (login(new.server, "alone", name) for name in ("restored", "fresh"))
    migrate(dsn.parse(fresh))
    restore_with_errors(backup, url, "--no-owner", "--no-privileges")
    backup.follow("The roles were missing", 2, NEW=url)

    assert contents.schema(url) == contents.schema(fresh)
    assert contents.schema_differences(url) == ""
    assert contents.policies(url) == contents.policies(fresh)
    assert contents.wall_faults(url) == []
    assert installation.works(url)
