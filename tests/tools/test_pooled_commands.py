"""Commands through PgBouncer: those that only read work, and a run of migrations is refused."""

import pytest

from oadb.engine import dsn
from oadb.tools.migrations.yoyo_backend import Backend
from tests.support.command_line import oadb
from tests.support.pgbouncer import bouncing, needs_pgbouncer

pytestmark = needs_pgbouncer


@pytest.mark.long("starts a PgBouncer and runs commands through it")
def test_status_check_and_doctor_work_through_it_and_leave_nothing_behind(
    oadb_database_url: str,
) -> None:
    with bouncing(oadb_database_url) as bouncer:
        for _ in range(2):  # the second time in a session that the first has used
            listed = oadb("migrate", "status", url=bouncer.url, DB_POOLER="pgbouncer")
            assert (listed.returncode, listed.stderr) == (0, "")
            assert {line.split()[0] for line in listed.stdout.splitlines()} == {"applied"}
        examined = oadb("doctor", url=bouncer.url, DB_POOLER="pgbouncer").stdout
        assert "ok   migrations: all " in examined
        assert "ok   texts of values: as oadb reads and writes them" in examined
        checked = oadb("check", url=bouncer.url, DB_POOLER="pgbouncer")
        assert checked.stdout == "all declarations agree with the database\n"


@pytest.mark.parametrize("command", ["", "rollback", "accept"])
def test_a_run_of_migrations_is_refused(oadb_empty_url: str, command: str) -> None:
    given = {"accept": ["accept", "0001_create_schema"], "rollback": ["rollback", "--yes"]}

    done = oadb("migrate", *given.get(command, []), url=oadb_empty_url, DB_POOLER="pgbouncer")

    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith(
        "oadb: DB_POOLER is pgbouncer, and a run of migrations needs a session that is its own"
    )
    assert "set DB_POOLER=none and give the address of the server itself" in done.stderr


def test_a_plan_is_refused(oadb_empty_url: str) -> None:
    done = oadb("explain", "users.get", url=oadb_empty_url, DB_POOLER="pgbouncer")

    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith(
        "oadb: DB_POOLER is pgbouncer, and a plan needs a session that is its own"
    )


def test_without_the_variable_the_pooler_is_recognised(oadb_empty_url: str) -> None:
    with bouncing(oadb_empty_url) as bouncer:
        refused = oadb("migrate", url=bouncer.url)
        assert (refused.returncode, refused.stdout) == (1, "")
        assert "this is PgBouncer: set DB_POOLER=pgbouncer, from 1.21 on " in refused.stderr
    with bouncing(oadb_empty_url, ignore_startup_parameters="options") as bouncer:
        for command in ["migrate"], ["explain", "users.get"]:
            refused = oadb(*command, url=bouncer.url)
            assert (refused.returncode, refused.stdout) == (1, "")
            assert " leads to a pooler, which " in refused.stderr


def test_a_session_that_begins_without_the_limits_is_not_its_own(oadb_empty_url: str) -> None:
    """As behind a pooler that passes process ids on, and leaves out what it is sent."""
    backend = Backend.open(dsn.parse(oadb_empty_url))
    try:
        assert backend.owns_session(4000)
        backend.connection.execute("set lock_timeout = 0")
        assert not backend.owns_session(4000)
    finally:
        backend.connection.close()
