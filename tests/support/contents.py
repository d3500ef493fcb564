"""What is in a database, to compare two of them: rows, numbers of sequences, policies, roles."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg
from psycopg.sql import SQL, Identifier

from oadb import Database
from oadb.engine import dsn
from oadb.testing import checks
from oadb.tools import audit_chain, key_rotation
from oadb.tools.migrations.runner import migrate
from tests.support.command_line import oadb
from tests.support.log_rows import INSERTS, insert
from tests.support.rotating import Ring, SecretHolder, with_secrets

Rows = list[tuple[Any, ...]]

FILE = Path(__file__).parents[2] / "sql" / "schema.sql"
"""The schema that migrations make on PostgreSQL 18."""

_TABLES = """
select relname::text from pg_class
where relnamespace = 'oadb'::regnamespace and relkind in ('r', 'p') and not relispartition
order by relname
"""
_DIGEST = "select count(*), md5(string_agg(rows::text, ' ' order by rows::text)) from {} as rows"
_SEQUENCES = """
select schemaname::text, sequencename::text, last_value from pg_sequences
where last_value is not null order by 1, 2
"""
_POLICIES = """
select
    tablename::text, policyname::text, cmd, qual, with_check,
    array(
        select case when role = tableowner then 'owner' else role::text end
        from unnest(roles) as role order by 1
    )
from pg_policies inner join pg_tables using (schemaname, tablename)
where schemaname = 'oadb' order by 1, 2
"""
_ROLES = """
select
    rolname::text, rolcanlogin, rolinherit, rolconfig,
    array(
        select roleid::regrole::text from pg_auth_members where member = pg_roles.oid order by 1
    )
from pg_roles where rolname ~ '^oadb_' order by 1
"""


def rows_of(url: str, but: str = "") -> dict[str, tuple[Any, ...]]:
    """Return the number of rows of each table but one, and a digest of them."""
    with psycopg.connect(url) as connection:
        return {
            table: connection.execute(SQL(_DIGEST).format(Identifier("oadb", table))).fetchall()[0]
            for (table,) in connection.execute(_TABLES).fetchall()
            if table != but
        }


def sequences(url: str, but: str = "") -> Rows:
    """Return the last number of each sequence, but of those of one table."""
    return [row for row in _ask(url, _SEQUENCES) if not (but and row[1].startswith(but))]


def policies(url: str) -> Rows:
    """Return the policies of every table, partitions too; the owner of one is called owner."""
    return _ask(url, _POLICIES)


def roles(url: str) -> Rows:
    return _ask(url, _ROLES)


def schema(url: str) -> str:
    done = oadb("schema", url=url)
    assert done.returncode == 0, done.stderr
    return done.stdout


def schema_differences(url: str) -> str:
    """Return what oadb check --schema prints, without its last line, if nothing else is wrong."""
    done = oadb("check", "--schema", "--package", "oadb", url=url)
    assert done.stderr == ""
    return "".join(done.stdout.splitlines(keepends=True)[:-1])


def wall_faults(url: str) -> list[str]:
    """Return what roles may do, and see, that they should not, and the reverse."""
    return [*checks.row_security_faults(url), *checks.privilege_faults(url)]


def _ask(url: str, question: str) -> Rows:
    with psycopg.connect(url) as connection:
        return connection.execute(question.encode()).fetchall()


@dataclass(frozen=True, slots=True)
class Installation:
    """A database with secrets of a user and rows of logs, and the file of its key ring."""

    url: str
    ring: Path
    holder: SecretHolder

    def works(self, url: str) -> bool:
        """Tell whether every secret works there, with the same ring; at most three times."""
        with Ring(url, self.ring).open() as db:
            return all(self.holder.works(db))


def installed(url: str, folder: Path) -> Installation:
    """Migrate an empty database, and fill it."""
    migrate(dsn.parse(url))
    ring = Ring(url, folder / "ring.json")
    key_rotation.new(ring.path)
    with ring.open() as db:
        holder = with_secrets(db)
    for table in INSERTS:
        insert(url, table, "2020-02-29 12:00+00", "now")
    with Database.from_url(url) as db:
        audit_chain.link(db)
    return Installation(url, ring.path, holder)


def create_database(url: str, name: str, owner: str = "postgres") -> None:
    """Create an empty database on the server of *url*."""
    with psycopg.connect(url, autocommit=True) as connection:
        create = SQL("create database {} owner {} template template0")
        connection.execute(create.format(Identifier(name), Identifier(owner)))
