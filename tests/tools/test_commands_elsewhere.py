"""Commands of the DBA's desk where little is allowed, and when they are interrupted.

On a standby, as a role that only reads: each does its work, or says in a line why not.
"""

import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from time import sleep

import psycopg
import pytest

from tests.support.command_line import oadb
from tests.support.prepared_servers import MIGRATED, Prepared
from tests.support.replication import standby_of
from tests.support.user_rows import login

PACKAGE = ("--package", "oadb")


@pytest.fixture(scope="module")
def standby(prepared: Prepared) -> Iterator[str]:
    """Give the address of a standby, as a role that reads, in transactions that only read."""
    with prepared(*MIGRATED) as primary:
        with psycopg.connect(primary.url, autocommit=True) as admin:
            admin.execute("create role writer login in role oadb_app")
            admin.execute("create role reader login in role oadb_ro")
            admin.execute("alter role reader set default_transaction_read_only = on")
        with standby_of(primary) as server:
            yield login(server.server, "reader", "postgres")


@pytest.mark.long("starts a standby")
@pytest.mark.parametrize(
    ("command", "code", "said"),
    [
        ("doctor", 3, "FAIL role: a standby, which cannot write; connect to the primary"),
        ("top --once", 1, "oadb: pg_stat_statements is not loaded: add it to shared_preload_"),
        ("explain users.get --set user_id=7", 0, "users_pkey"),
        ("explain users.get --set user_id=7 --analyze", 0, "run in "),
        ("explain users.get --role oadb_owner", 1, 'permission denied to set role "oadb_owner"'),
        ("statistics export", 3, '"oadb.users"'),
        ("migrate status", 0, "applied    0001_create_schema"),
        ("migrate --dry-run", 0, "nothing to apply"),
        ("migrate rehearse", 0, "nothing to apply"),
        ("check --schema", 3, "oadb: this role may not read the rows of oadb.role_privileges"),
    ],
)
def test_a_reader_on_a_standby_is_served_or_told_why_not(
    standby: str, command: str, code: int, said: str
) -> None:
    done = oadb(*command.split(), *PACKAGE, url=standby)

    assert (done.returncode, said in done.stdout + done.stderr) == (code, True), done
    assert "Traceback" not in done.stderr


@pytest.mark.long("starts a standby")
def test_a_statement_that_writes_is_planned_on_a_standby_and_not_run(standby: str) -> None:
    given = ("disabling._set_disabled", "--set", "user_id=7", "--set", "is_disabled=true")
    writer = standby.replace("reader@", "writer@")
    planned = oadb("explain", *given, *PACKAGE, url=writer)
    refused = oadb("explain", *given, "--analyze", *PACKAGE, url=writer)

    assert (planned.returncode, planned.stderr) == (0, "")
    assert (refused.returncode, refused.stdout) == (1, "")
    assert "cannot execute SELECT FOR NO KEY UPDATE in a read-only transaction" in refused.stderr


@pytest.fixture
def folder() -> Iterator[Path]:
    """Give a folder for temporary files, with a path that is short enough for sockets."""
    with tempfile.TemporaryDirectory(prefix="t", dir="/tmp") as name:
        Path(name).chmod(0o755)  # the user of the server passes through it
        yield Path(name)


@pytest.mark.long("starts an interpreter and a server")
def test_ctrl_c_ends_a_command_and_its_server_without_a_word(folder: Path) -> None:
    with subprocess.Popen(
        [sys.executable, "-m", "oadb", "explain", "users.get", "--rows", "1000", *PACKAGE],
        env={**os.environ, "TMPDIR": str(folder)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        start_new_session=True,
    ) as process:
        while not [*folder.glob("oadb-*/data/postmaster.pid")]:
            assert process.poll() is None
            sleep(0.01)
        os.killpg(process.pid, signal.SIGINT)
        out, errors = process.communicate(timeout=60)

    assert (process.returncode, out, errors) == (130, b"", b"")
    assert [*folder.iterdir()] == []
