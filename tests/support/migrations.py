"""Folders of migrations, databases to apply them to, and the yoyo command."""

import os
import shutil
import subprocess
import sys
import traceback
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryFile
from typing import Any, NoReturn
from urllib.parse import quote

import psycopg
import pytest
from psycopg.conninfo import make_conninfo
from yoyo.scripts import main as yoyo

from oadb.engine import dsn
from oadb.engine.binding.packages import Package
from oadb.engine.single_connection import SingleConnection
from oadb.errors import MigrationError
from oadb.tools import schema
from oadb.tools.migrations.runner import Report
from oadb.tools.migrations.scripts import Script
from tests.support.kept import connected

REPOSITORY = Path(__file__).parents[2]
MIGRATIONS = REPOSITORY / "sql" / "migrations"

LOCK_TIMEOUT = "set local lock_timeout = '4s';\n"

Run = Callable[..., Report]
Undo = Callable[..., tuple[str, ...]]
States = Callable[[], dict[str, str]]
Yoyo = Callable[..., subprocess.CompletedProcess[str]]
StartRun = Callable[..., subprocess.Popen[str]]
Refusal = Callable[[], str]

# Names of everything outside of the schema oadb, by kind, and of all schemas.
_ELSEWHERE = """
select 'schema', nspname::text from pg_namespace where nspname !~ '^pg_'
union all
select 'relation', oid::regclass::text from pg_class
where relnamespace::regnamespace::text !~ '^pg_|^information_schema$|^oadb$'
union all
select 'routine', oid::regprocedure::text from pg_proc
where pronamespace::regnamespace::text !~ '^pg_|^information_schema$|^oadb$'
order by 1, 2
"""


class MigrationFolder:
    """A folder of migrations that begins with oadb's first one."""

    def __init__(self, path: Path) -> None:
        self.path = path
        path.mkdir(parents=True)
        for name in ("0001_create_schema.sql", "0001_create_schema.rollback.sql"):
            shutil.copy(MIGRATIONS / name, path / name)

    @property
    def packages(self) -> list[Package]:
        """What a run is about: oadb, with this folder instead of its own."""
        return [Package("oadb", self.path.parent, "sql")]

    def write(self, stem: str, body: str, rollback: str, *, transactional: bool = True) -> None:
        """Write a migration and its rollback, each below the lines that it must begin with."""
        limit = f"{LOCK_TIMEOUT}\n" if transactional else ""
        directive = "" if transactional else "-- transactional: false\n\n"
        depends = depends_on_the_one_before(self.path, stem)
        self.file(f"{stem}.sql").write_text(f"{depends}{directive}{limit}{body}\n")
        self.file(f"{stem}.rollback.sql").write_text(f"{limit}{rollback}\n")

    def table(self, stem: str, name: str) -> None:
        """Write a migration that creates a table of that name."""
        self.write(stem, f"create table oadb.{name} (a integer);", f"drop table oadb.{name};")

    def file(self, name: str) -> Path:
        return self.path / name

    def remove(self, stem: str) -> None:
        self.file(f"{stem}.sql").unlink()
        self.file(f"{stem}.rollback.sql").unlink()


def depends_on_the_one_before(folder: Path, stem: str, *others: str) -> str:
    """Return the directive of a migration of *folder*, which depends on *others* as well."""
    earlier = (path.stem for path in folder.glob("*.sql") if ".rollback" not in path.stem)
    before = max((each for each in earlier if each < stem), default="")
    ids = [*filter(None, (before, *others))]
    return f"-- depends: {' '.join(ids)}\n" if ids else ""


@dataclass(frozen=True)
class MigrationDatabase:
    """A database of the test server, and the role that connects to it."""

    host: str
    name: str
    user: str = "postgres"

    @property
    def yoyo_url(self) -> str:
        """The URL for the yoyo command and for oadb."""
        return f"postgresql+psycopg://{self.user}@/{self.name}?host={quote(self.host, safe='')}"

    @property
    def dsn(self) -> dsn.Dsn:
        return dsn.parse(self.yoyo_url)

    def connect(self) -> psycopg.Connection[Any]:
        return psycopg.connect(**self.dsn.keywords, autocommit=True)

    def query(self, text: str) -> list[tuple[Any, ...]]:
        with connected(make_conninfo(**self.dsn.keywords)) as connection:
            cursor = connection.execute(text.encode())
            return cursor.fetchall() if cursor.description else []

    def has(self, table: str) -> bool:
        return self.query(f"select to_regclass('{table}') is not null") == [(True,)]

    def is_sleeping(self) -> bool:
        """Return whether a session of this database runs pg_sleep."""
        found = self.query(
            "select 1 from pg_stat_activity where state = 'active' "
            "and query like 'select pg_sleep%' and datname = current_database()"
        )
        return found != []

    def schema(self) -> list[schema.SchemaObject]:
        """Return the objects of the schema oadb."""
        with self.connect() as connection, connection.transaction():
            return schema.read(SingleConnection(connection))

    def names_elsewhere(self) -> list[tuple[Any, ...]]:
        """Return the names of all schemas, and of everything outside of the schema oadb."""
        return self.query(_ELSEWHERE)

    @property
    def tables(self) -> list[str]:
        rows = self.query("select tablename from pg_tables where schemaname = 'oadb' order by 1")
        return [name for (name,) in rows]


def yoyo_process(
    name: str, *options: str, cwd: Path, **env: str
) -> subprocess.CompletedProcess[str]:
    """Run the yoyo command as users do."""
    return subprocess.run(
        [sys.executable, "-m", "yoyo", name, *options],
        cwd=cwd,
        env={**os.environ, **env},
        check=False,
        capture_output=True,
        text=True,
    )


def yoyo_command(name: str, *options: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    """Run the yoyo command in a fork of this process: a new one takes most of a second to start."""
    with TemporaryFile("w+") as out, TemporaryFile("w+") as errors:
        child = os.fork()
        if child == 0:
            _end_as_yoyo([name, *options], cwd, out.fileno(), errors.fileno())
        code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
        out.seek(0)
        errors.seek(0)
        return subprocess.CompletedProcess([name, *options], code, out.read(), errors.read())


def _end_as_yoyo(arguments: list[str], cwd: Path, out: int, errors: int) -> NoReturn:
    code = 1
    try:
        os.dup2(out, 1)
        os.dup2(errors, 2)
        with open(1, "w", closefd=False) as sys.stdout, open(2, "w", closefd=False) as sys.stderr:
            os.chdir(cwd)
            sys.argv = ["yoyo", *arguments]
            warnings.simplefilter("default")  # pytest has made errors of them
            try:
                yoyo.main()
                code = 0  # whatever it returns, as with python -m yoyo
            except Exception:  # noqa: BLE001  # as Python ends a program
                traceback.print_exc()
    finally:
        os._exit(code)


def refused(call: Callable[..., object], **options: float) -> str:
    """Return the message of the MigrationError that *call* raises."""
    with pytest.raises(MigrationError) as error:
        call(**options)
    return str(error.value)


def run_script(connection: psycopg.Connection[Any], name: str) -> None:
    """Run a script of a migration as runs of migrations do: statement by statement.

    Of several in one text, Citus sends all to its workers with the first that it sends on.
    """
    file = f"{name}.sql"
    for step in Script(file, (MIGRATIONS / file).read_text()).steps:
        connection.execute(step.sql.encode())
