"""A server that tests may stop, restart and kill."""

from collections.abc import Generator
from pathlib import Path

import psycopg
import pytest

from oadb.embedded.cluster import wait_until
from oadb.testing.control import ServerControl, controlled

DEBIAN = Path("/usr/lib/postgresql/15/bin")

pytestmark = pytest.mark.fault


@pytest.fixture(scope="module")
def server() -> Generator[ServerControl]:
    with controlled() as running:
        yield running


@pytest.fixture
def connection(server: ServerControl) -> Generator[psycopg.Connection]:
    server.start()
    with psycopg.connect(server.url, autocommit=True) as connection:
        yield connection


def answers(server: ServerControl) -> bool:
    try:
        psycopg.connect(server.url).close()
    except psycopg.OperationalError:
        return False
    return True


def sqlstate(connection: psycopg.Connection) -> str | None:
    with pytest.raises(psycopg.OperationalError) as error:
        connection.execute("select 1")
    return error.value.sqlstate


def has_ended(connection: psycopg.Connection) -> bool:
    try:
        connection.execute("select 1")
    except psycopg.OperationalError as error:
        return error.sqlstate in {"57P01", None}
    return False


def test_a_stopped_server_answers_again_at_the_same_url(server: ServerControl) -> None:
    server.stop()

    assert not answers(server)

    server.start()

    assert answers(server)


def test_a_fast_restart_tells_clients_that_the_server_shuts_down(
    server: ServerControl, connection: psycopg.Connection
) -> None:
    server.restart("fast")

    assert sqlstate(connection) == "57P01"
    assert answers(server)


def test_an_immediate_restart_drops_clients_without_an_error_of_the_server(
    server: ServerControl, connection: psycopg.Connection
) -> None:
    server.restart("immediate")

    assert sqlstate(connection) is None
    assert answers(server)


def test_a_killed_server_is_gone_until_it_is_started(
    server: ServerControl, connection: psycopg.Connection
) -> None:
    killed = server.postmaster
    server.kill()

    assert wait_until(lambda: not answers(server), seconds=10)
    # From version 16 on a server process says goodbye when it misses its parent.
    assert wait_until(lambda: has_ended(connection), seconds=10)

    server.start()

    assert answers(server)
    assert server.postmaster != killed


def test_nothing_is_left_although_the_test_killed_it() -> None:
    with controlled() as server:
        folder = Path(str(server.server.keywords["host"]))
        server.kill()

    assert not folder.exists()


def test_a_copy_of_a_stopped_server_has_its_databases_and_roles_and_leaves_it_alone() -> None:
    with controlled() as first:
        with psycopg.connect(first.url, autocommit=True) as connection:
            connection.execute("create role kept login")
            connection.execute("create database kept owner kept")
        first.stop()
        with (
            controlled(copied_from=first.data) as second,
            psycopg.connect(second.server.url("kept"), user="kept") as connection,
        ):
            connection.execute("create schema mine create table only_in_the_copy ()")
        first.start()
        with psycopg.connect(first.server.url("kept")) as connection:
            found = connection.execute("select to_regclass('mine.only_in_the_copy')").fetchone()

    assert found == (None,)


@pytest.mark.skipif(not DEBIAN.exists(), reason="Debian's PostgreSQL 15 is not installed")
def test_the_programs_of_another_version_can_be_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OADB_TEST_BINDIR", str(DEBIAN))
    with controlled() as server, psycopg.connect(server.url) as connection:
        assert connection.info.server_version // 10000 == 15
        assert connection.execute("select lower('ÄÉ')").fetchone() == ("äé",)
