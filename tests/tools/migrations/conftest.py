"""Fixtures for tests of migrations."""

import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest

from oadb.tools.migrations import script_folder
from oadb.tools.migrations.runner import migrate, rollback, status
from tests.support.migrations import (
    REPOSITORY,
    MigrationDatabase,
    MigrationFolder,
    Refusal,
    Run,
    StartRun,
    States,
    Undo,
    Yoyo,
    refused,
    yoyo_command,
    yoyo_process,
)

_RUN = """
import sys
from pathlib import Path
from oadb.engine import dsn
from oadb.engine.binding.packages import Package
from oadb.tools.migrations.runner import migrate
packages = [Package("oadb", Path(sys.argv[2]).parent, "sql")]
print(migrate(dsn.parse(sys.argv[1]), packages=packages))
"""


@pytest.fixture
def folder(tmp_path: Path) -> MigrationFolder:
    """Give a folder of migrations with oadb's first one in it."""
    return MigrationFolder(tmp_path / "migrations")


@pytest.fixture
def refusal(folder: MigrationFolder) -> Refusal:
    """Give a function that reads the folder and returns why it is refused."""
    return lambda: refused(lambda: script_folder.read(folder.path))


@pytest.fixture
def run(database: MigrationDatabase, folder: MigrationFolder) -> Run:
    """Give a function that applies the folder to the database."""
    return lambda **options: migrate(database.dsn, packages=folder.packages, **options)


@pytest.fixture
def undo(database: MigrationDatabase, folder: MigrationFolder) -> Undo:
    """Give a function that undoes the last migrations."""
    return lambda count=1: rollback(database.dsn, packages=folder.packages, count=count)


@pytest.fixture
def states(database: MigrationDatabase, folder: MigrationFolder) -> States:
    """Give a function that returns the state of each migration."""
    return lambda: {s.migration_id: s.state for s in status(database.dsn, packages=folder.packages)}


@pytest.fixture
def yoyo(database: MigrationDatabase, folder: MigrationFolder) -> Yoyo:
    """Give the yoyo command, for the folder and the database."""

    def command(name: str, *options: str) -> subprocess.CompletedProcess[str]:
        given = ["--database", database.yoyo_url, "--batch", *options, str(folder.path)]
        return yoyo_command(name, *given, cwd=folder.path)

    return command


@pytest.fixture
def root_yoyo(database: MigrationDatabase) -> Yoyo:
    """Give the yoyo command in the root of the repository, configured by yoyo.ini."""
    return partial(yoyo_process, cwd=REPOSITORY, DATABASE_URL=database.yoyo_url)


@pytest.fixture
def start_run(database: MigrationDatabase, folder: MigrationFolder) -> Iterator[StartRun]:
    """Give a function that starts a process that applies the folder, with *settings* in the URL."""
    started: list[subprocess.Popen[str]] = []

    def start(settings: str = "") -> subprocess.Popen[str]:
        command = [sys.executable, "-c", _RUN, database.yoyo_url + settings, str(folder.path)]
        started.append(subprocess.Popen(command, cwd=REPOSITORY, stdout=subprocess.PIPE, text=True))
        return started[-1]

    yield start
    for process in started:
        process.kill()
        process.communicate()


@pytest.fixture
def owner(database: MigrationDatabase) -> Iterator[MigrationDatabase]:
    """Give the database as its owner sees it, a role with the name of the schema."""
    database.query(f"create role oadb login; alter database {database.name} owner to oadb")
    yield replace(database, user="oadb")
    database.query(f"alter database {database.name} owner to postgres")
    database.query("drop owned by oadb")
    database.query("drop role oadb")
