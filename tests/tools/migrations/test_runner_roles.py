"""Runs in two databases of one server, at a role that both grant."""

from concurrent.futures import ThreadPoolExecutor

import psycopg
import pytest

from oadb.engine import dsn
from oadb.testing.control import controlled
from oadb.tools.migrations.runner import migrate
from tests.support.migrations import MigrationFolder
from tests.support.rig import eventually


@pytest.mark.long("starts a server")
def test_a_migration_that_meets_the_grant_of_another_run_is_run_again(
    folder: MigrationFolder,
) -> None:
    """PostgreSQL 15 lets both go on until the second finds the row of the first."""
    folder.write("0002_grant_testers", "grant tester to member;", "revoke tester from member;")
    with (
        controlled() as control,
        psycopg.connect(control.url, autocommit=True) as admin,
        psycopg.connect(control.url) as other,
        ThreadPoolExecutor(1) as thread,
    ):
        admin.execute("create role tester; create role member")
        admin.execute("create database second")
        other.execute("grant tester to member")
        run = thread.submit(
            migrate, dsn.parse(control.server.url("second")), packages=folder.packages
        )
        eventually(lambda: waiting(admin))
        other.commit()

        assert run.result().applied == ("0001_create_schema", "0002_grant_testers")


def waiting(admin: psycopg.Connection) -> bool:
    found = admin.execute("select from pg_locks where not granted limit 1").fetchone()
    return found is not None
