"""The lookup of one user, written with each library, over a blocking connection."""

import os
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager
from itertools import cycle
from typing import Any

import aiosql
import psycopg
import psycopg_pool
import sqlalchemy as sa
from psycopg.rows import class_row
from sqlalchemy import orm

from oadb import Database
from oadb.accounts import users
from oadb.embedded import embedded_server
from oadb.errors import ConfigError
from tests.benchmarks.conditions import POOL_SIZE, USERS, config
from tests.benchmarks.rounds import Variant

SQL = (
    "select user_id, username, email, first_name, last_name, is_admin, auth_epoch, "
    "created_at, updated_at "
    "from oadb.users where user_id = {}"
)
POOL, POOL_DEFAULT = "psycopg, pool idiom", "psycopg, pool with its defaults (a transaction)"
OADB, OADB_TRANSACTION = "oadb", "oadb, in a transaction of its own"
ORM = "SQLAlchemy ORM, as OpenAlgo uses it"
PGBENCH = "pgbench -M prepared -c 1"

# pgbench connects in every round; with this number of calls, the connection hardly counts.
_PGBENCH_CALLS = 2000

Lookup = Callable[[int], object]


def ids() -> Iterator[int]:
    """Yield ids of users endlessly, far apart, always in the same order."""
    return cycle([n * 7919 % USERS + 1 for n in range(USERS)])


def repeated(lookup: Lookup) -> Callable[[int], None]:
    """Return a function that looks up a number of users and checks the last."""
    numbers = ids()

    def run(calls: int) -> None:
        found: object = None
        for _ in range(calls):
            found = lookup(next(numbers))
        if found is None:
            raise LookupError

    return run


@contextmanager
def oadb(url: str) -> Generator[list[Variant]]:
    with Database(config(url)) as db:

        def in_transaction(user_id: int) -> object:
            with db.transaction() as tx:
                return users.get(tx, user_id)

        yield [
            Variant(OADB, repeated(lambda user_id: users.get(db, user_id))),
            Variant(OADB_TRANSACTION, repeated(in_transaction)),
        ]


@contextmanager
def pool(url: str) -> Generator[list[Variant]]:
    """Give the variants that use one autocommit pool: psycopg, and aiosql on top of it."""
    sql = SQL.format("%s")
    queries = aiosql.from_str(
        f"-- name: get(user_id)^\n-- record_class: User\n{SQL.format(':user_id')};\n",
        "psycopg",
        record_classes={"User": users.User},
    )
    with _pool(url, kwargs={"autocommit": True}) as connections:

        def tuples(user_id: int) -> object:
            with connections.connection() as connection:
                return connection.execute(sql, (user_id,)).fetchone()

        def rows(user_id: int) -> object:
            with (
                connections.connection() as connection,
                connection.cursor(row_factory=class_row(users.User)) as cursor,
            ):
                return cursor.execute(sql, (user_id,)).fetchone()

        def named(user_id: int) -> object:
            with connections.connection() as connection:
                return queries.get(connection, user_id=user_id)

        yield [
            Variant(f"{POOL}, tuples", repeated(tuples)),
            Variant(f"{POOL}, class_row", repeated(rows)),
            Variant("aiosql on that pool", repeated(named)),
        ]


@contextmanager
def pool_default(url: str) -> Generator[Variant]:
    """Give psycopg's pool with its defaults: every block is a transaction."""
    sql = SQL.format("%s")
    with _pool(url) as connections:

        def lookup(user_id: int) -> object:
            with connections.connection() as connection:
                return connection.execute(sql, (user_id,)).fetchone()

        yield Variant(POOL_DEFAULT, repeated(lookup))


@contextmanager
def one_cursor(url: str) -> Generator[Variant]:
    """Give the minimum that psycopg needs: no pool, one cursor for all calls."""
    sql = SQL.format("$1")
    with (
        psycopg.connect(url, autocommit=True) as connection,
        psycopg.RawCursor(connection) as cursor,
    ):

        def lookup(user_id: int) -> object:
            return cursor.execute(sql, (user_id,)).fetchone()

        yield Variant("psycopg, one connection, one cursor", repeated(lookup))


@contextmanager
def core(url: str) -> Generator[Variant]:
    engine = _engine(url, isolation_level="AUTOCOMMIT")
    statement = sa.text(SQL.format(":user_id"))

    def lookup(user_id: int) -> object:
        with engine.connect() as connection:
            return users.User(*connection.execute(statement, {"user_id": user_id}).one())

    yield Variant("SQLAlchemy Core, autocommit", repeated(lookup))
    engine.dispose()


class Base(orm.DeclarativeBase):
    """The models of the ORM's variant."""


class UserModel(Base):
    __tablename__ = "users"
    __table_args__ = {"schema": "oadb"}  # noqa: RUF012  # as SQLAlchemy documents it

    user_id: orm.Mapped[int] = orm.mapped_column(primary_key=True)
    username: orm.Mapped[str]
    email: orm.Mapped[str]
    first_name: orm.Mapped[str | None]
    last_name: orm.Mapped[str | None]
    is_admin: orm.Mapped[bool]
    auth_epoch: orm.Mapped[int]
    created_at: orm.Mapped[Any] = orm.mapped_column(sa.DateTime(timezone=True))
    updated_at: orm.Mapped[Any] = orm.mapped_column(sa.DateTime(timezone=True))


@contextmanager
def mapper(url: str) -> Generator[Variant]:
    engine = _engine(url, pool_pre_ping=True)
    session = orm.scoped_session(orm.sessionmaker(bind=engine))

    def lookup(user_id: int) -> object:
        try:
            return session.query(UserModel).filter_by(user_id=user_id).first()
        finally:
            session.remove()

    yield Variant(ORM, repeated(lookup))
    engine.dispose()


@contextmanager
def pgbench(url: str) -> Generator[list[Variant]]:
    """Give the variant of PostgreSQL's benchmark program, if it is installed."""
    program = _pgbench()
    if program is None:
        yield []
        return
    with tempfile.NamedTemporaryFile("w", suffix=".sql") as script:
        script.write(f"\\set user_id random(1, {USERS})\n{SQL.format(':user_id')};\n")
        script.flush()
        command = [program, "--protocol=prepared", "--client=1", "--jobs=1", "--no-vacuum"]
        command += [f"--transactions={_PGBENCH_CALLS}", f"--file={script.name}"]
        yield [Variant(PGBENCH, lambda calls: calls * _pgbench_seconds([*command, url]))]


def _pgbench_seconds(command: list[str]) -> float:
    answer = subprocess.run(command, check=True, capture_output=True, text=True)
    line = next(line for line in answer.stdout.splitlines() if line.startswith("tps = "))
    return 1 / float(line.split()[2])


def _pgbench() -> str | None:
    try:
        bundled = embedded_server.binaries() / "pgbench"
    except ConfigError:
        return shutil.which("pgbench")
    return str(bundled) if os.access(bundled, os.X_OK) else shutil.which("pgbench")


def _pool(url: str, **options: Any) -> psycopg_pool.ConnectionPool:
    connections = psycopg_pool.ConnectionPool(url, min_size=POOL_SIZE, open=False, **options)
    connections.open(wait=True)
    return connections


def _engine(url: str, **options: Any) -> sa.Engine:
    return sa.create_engine(
        "postgresql+psycopg://",
        creator=lambda: psycopg.connect(url),
        pool_size=POOL_SIZE,
        **options,
    )
