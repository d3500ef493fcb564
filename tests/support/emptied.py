"""A database for the tests of a module, which each of them finds as it was made.

To clone and drop a database takes 40 ms of CPU, to restore its rows 20. It is for
tests that change rows of oadb alone, which is checked at the end of the module.
"""

from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import psycopg
from psycopg.sql import SQL, Identifier, Literal

_FILLED = """
    select oid::regclass::text
    from pg_class
    where relkind = 'r' and relnamespace = 'oadb'::regnamespace and pg_relation_size(oid) > 0
    order by relname
"""

_LAST = """
    select sequencename, last_value from pg_sequences where schemaname = 'oadb'
"""

_SET = "select setval(%s::regclass, coalesce(%s, 1), %s)"

_OTHERS = """
    select pg_terminate_backend(pid, 5000)
    from pg_stat_activity
    where datname = current_database() and pid <> pg_backend_pid()
        and backend_type = 'client backend'
"""

_OBJECTS = """
    select 'relation', oid::text, relname from pg_class where relkind <> 't'
    union all
    select 'column', attrelid::text, concat_ws(' ', attname, atttypid, attnotnull, atthasdef)
    from pg_attribute
    where attnum > 0 and attrelid >= 16384
    union all
    select 'constraint', oid::text, conname from pg_constraint
    union all
    select 'trigger', oid::text, concat_ws(' ', tgname, tgenabled) from pg_trigger
    union all
    select 'policy', oid::text, polname from pg_policy
    union all
    select 'function', oid::text, proname from pg_proc
    union all
    select 'settings', setrole::text, setconfig::text from pg_db_role_setting
    union all
    select 'schema', oid::text, concat_ws(' ', nspname, nspacl) from pg_namespace
    where nspname not like 'pg_%'
"""


@dataclass(slots=True)
class Emptied:
    """The database behind *url*, with the rows that it has now."""

    url: str
    _rows: dict[str, bytes] = field(init=False)
    _sums: list[tuple[str, str]] = field(init=False)
    _last: set[tuple[str, int | None]] = field(init=False)

    def __post_init__(self) -> None:
        with psycopg.connect(self.url) as connection:
            self._rows = {
                table: rows for table in _filled(connection) if (rows := _copied(connection, table))
            }
            self._sums = _sums(connection, [*self._rows])
            self._last = {*connection.execute(_LAST)}

    def empty(self) -> None:
        """End all other sessions, and leave the rows that it had at first."""
        with psycopg.connect(self.url) as connection:
            # No trigger records what is done here, or forbids it.
            connection.execute("set session_replication_role = replica")
            connection.execute(_OTHERS)
            _delete(connection, [each for each in _filled(connection) if each not in self._rows])
            changed = {*self._sums} - {*_sums(connection, [*self._rows])}
            _delete(connection, [table for table, _ in changed])
            for table, _ in changed:
                statement = SQL("copy {} from stdin").format(_table(table))
                with connection.cursor().copy(statement) as written:
                    written.write(self._rows[table])
            for name, last in self._last - {*connection.execute(_LAST)}:
                connection.execute(_SET, [f"oadb.{name}", last, last is not None])


@contextmanager
def emptied(url: str) -> Generator[Emptied]:
    """Give the database, and check at the end that its tables and the like are the same.

    Raises:
        AssertionError: Something else than rows was changed.
    """
    before = _objects(url)
    yield Emptied(url)
    assert _objects(url) == before, "a test that is marked changes_rows has changed other things"


def _objects(url: str) -> set[tuple[str, ...]]:
    with psycopg.connect(url) as connection:
        return {*connection.execute(_OBJECTS)}


def _filled(connection: psycopg.Connection[Any]) -> list[str]:
    return [name for (name,) in connection.execute(_FILLED)]


def _delete(connection: psycopg.Connection[Any], tables: list[str]) -> None:
    if tables:
        # In one round trip; to truncate a table takes as long as to make one, with its indexes.
        delete = SQL("delete from {}")
        connection.execute(SQL("; ").join(delete.format(_table(each)) for each in tables))


def _sums(connection: psycopg.Connection[Any], tables: list[str]) -> list[tuple[str, str]]:
    """Return a checksum of the rows of each table."""
    part = SQL(
        "select {}, md5(coalesce(string_agg(row_::text, ' ' order by row_::text), ''))"
        " from {} as row_"
    )
    parts = [part.format(Literal(table), _table(table)) for table in tables]
    return connection.execute(SQL(" union all ").join(parts)).fetchall()


def _copied(connection: psycopg.Connection[Any], table: str) -> bytes:
    statement = SQL("copy {} to stdout").format(_table(table))
    with connection.cursor().copy(statement) as rows:
        return b"".join(map(bytes, rows))


def _table(name: str) -> Identifier:
    return Identifier(*name.split("."))
