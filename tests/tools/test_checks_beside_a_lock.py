"""Checks beside another session that has locked a table: told in a line, soon, nothing changed."""

from collections.abc import Iterator
from time import monotonic

import psycopg
import pytest

from tests.support.command_line import oadb

pytestmark = pytest.mark.long("waits a second for each lock")

SOON = 5.0


@pytest.fixture
def locked(url: str) -> Iterator[int]:
    """Give the process of a session that lets nobody read users."""
    with psycopg.connect(url, application_name="a long migration") as connection:
        connection.execute("lock table oadb.users, oadb.role_privileges in access exclusive mode")
        yield connection.info.backend_pid


@pytest.mark.parametrize("arguments", [("check",), ("check", "--schema")])
def test_a_check_beside_a_lock_says_who_holds_it_soon(
    url: str, locked: int, arguments: tuple[str, ...]
) -> None:
    began = monotonic()
    done = oadb(*arguments, "--package", "oadb", url=url)

    assert monotonic() - began < SOON
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.count("\n") == 1
    assert f"server process {locked} (a long migration) has locked oadb." in done.stderr
    assert "nothing was changed" in done.stderr


def test_the_doctor_beside_a_lock_says_who_holds_it_soon(url: str, locked: int) -> None:
    began = monotonic()
    done = oadb("doctor", "--package", "oadb", url=url)

    assert monotonic() - began < SOON
    assert (done.returncode, done.stderr) == (3, "")
    [schema] = [line for line in done.stdout.splitlines() if line.startswith("FAIL schema")]
    assert f"server process {locked} (a long migration) has locked oadb." in schema
