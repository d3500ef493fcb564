"""The tables of a migrated database as its catalog describes them, for drawings, by room."""

import re
from collections import Counter
from dataclasses import dataclass

import psycopg
from psycopg.rows import class_row

from tests.support.migrations import MIGRATIONS

ROOMS = ("accounts", "market", "trading", "logs", "bans", "settings")
REST = "platform"
"""What no subject's statements use most: keys, changes, imports, roles."""

_TABLES = """
select
    class.relname::text as name,
    coalesce(obj_description(class.oid, 'pg_class'), '') as comment,
    coalesce(pg_get_partkeydef(class.oid), '') as partitioned
from pg_class as class
where class.relnamespace = 'oadb'::regnamespace and class.relkind in ('r', 'p')
    and not class.relispartition
order by class.relname
"""
_COLUMNS = """
select
    class.relname::text as table_name,
    attribute.attname::text as name,
    format_type(attribute.atttypid, attribute.atttypmod) as type,
    attribute.attnotnull as is_not_null,
    exists (
        select from pg_constraint as key
        where key.conrelid = class.oid and key.contype = 'p'
            and attribute.attnum = any(key.conkey)
    ) as is_key,
    coalesce((
        select min(key.confrelid::regclass::text) from pg_constraint as key
        where key.conrelid = class.oid and key.contype = 'f' and key.conparentid = 0
            and key.conkey[cardinality(key.conkey)] = attribute.attnum
    ), '') as target
from pg_class as class
inner join pg_attribute as attribute on attribute.attrelid = class.oid
where class.relnamespace = 'oadb'::regnamespace and class.relkind in ('r', 'p')
    and not class.relispartition and attribute.attnum > 0 and not attribute.attisdropped
order by class.relname, attribute.attnum
"""


@dataclass(frozen=True, slots=True)
class DrawnColumn:
    """A column; *target* is the table that a foreign key ending with it refers to, or empty."""

    table_name: str
    name: str
    type: str
    is_not_null: bool
    is_key: bool
    target: str


@dataclass(frozen=True, slots=True)
class TableFact:
    """A table; *partitioned* is what its rows are divided by, as in RANGE (logged_at)."""

    name: str
    comment: str
    partitioned: str


@dataclass(frozen=True, slots=True)
class DrawnTable:
    """A table with its columns in order."""

    fact: TableFact
    columns: tuple[DrawnColumn, ...]

    @property
    def name(self) -> str:
        return self.fact.name


def by_room(url: str) -> dict[str, list[DrawnTable]]:
    """Return the tables of a migrated database, by the room whose statements use each most."""
    with psycopg.connect(url) as connection:
        with connection.cursor(row_factory=class_row(TableFact)) as cursor:
            facts = cursor.execute(_TABLES).fetchall()
        with connection.cursor(row_factory=class_row(DrawnColumn)) as cursor:
            columns = cursor.execute(_COLUMNS).fetchall()
    found: dict[str, list[DrawnTable]] = {room: [] for room in (*ROOMS, REST)}
    used = {room: _mentions(room) for room in ROOMS}
    for fact in facts:
        room = max(ROOMS, key=lambda each: used[each][fact.name])
        own = tuple(each for each in columns if each.table_name == fact.name)
        found[room if used[room][fact.name] else REST].append(DrawnTable(fact, own))
    return found


def _mentions(room: str) -> "Counter[str]":
    """Count how often the statements of a room name each table."""
    files = sorted((MIGRATIONS.parent / "queries" / room).glob("*.sql"))
    return Counter(re.findall(r"\boadb\.(\w+)", "".join(path.read_text() for path in files)))
