"""Real rows of the shape that files of statistics describe, for plans to compare with."""

from collections.abc import Collection, Mapping
from datetime import UTC, datetime

import psycopg

from oadb.tools.plans import derived_shapes
from oadb.tools.plans.moments import Moments, ValueLimits
from oadb.tools.plans.planned_catalog import PlannedCatalog, PlannedColumn, PlannedTable
from oadb.tools.plans.table_shapes import Amount, ColumnShape, TableShape
from oadb.tools.plans.table_sizes import FEWEST, TableRows, parts, within

# Columns whose values depend on others: n counts the rows of the table.
_DEPENDENT = {
    "oadb.broker_tokens.swept_expires_at": "case when {expires_at} < now() then {expires_at} end",
    "oadb.settings.user_id": "1 + n % {users}",
    "oadb.settings.name": "'name' || lpad((n / {users} * 2 + n % 2)::text, 11, '0')",
    "oadb.traffic_rollups.endpoint": "'/api/v1/endpoint' || lpad((n % 60)::text, 3, '0')",
    "oadb.latency_rollups.broker": "'broker' || lpad((n / 5 % 25)::text, 2, '0')",
    "oadb.latency_rollups.part": "(array['rtt','validation','response','overhead','total'])"
    "[1 + n % 5]",
    "oadb.security_event_links.event_id": "n",
    "oadb.security_event_links.position": "n % (1 + {rows} / 1825)",
    "oadb.instruments.broker": "(array['zerodha','angel','dhan','zerodha','angel','dhan',"
    "'zerodha','angel','upstox','zerodha'])[1 + n % 10]",
    "oadb.instruments.symbol": "'SYM' || lpad((n * 2 / 5)::text, 6, '0') "
    "|| repeat('0', n * 2 / 5 % 20)",
    "oadb.instruments.token": "lpad(n::text, 6, '0')",
    "oadb.api_logs.request": "jsonb_build_object('symbol', 'S' || n, 'exchange', 'NSE', "
    "'every', n % 1000, 'pad', repeat('x', 40))",
    "oadb.api_logs.response": "jsonb_build_object('orderid', n::text, 'status', 'success')",
}
# Their unique constraints are deferrable: nothing may conflict there.
_DEFERRED = {"oadb.instruments"}

# Rows of a statement, so that what it keeps until its end is bounded.
_AT_ONCE = 1_000_000

_SEALED = "decode('0100000001' || md5('a' || {0}) || md5('b' || {0}) || repeat('ab', {1}), 'hex')"
# The bytes of an object of JSON with one member.
_OBJECT = 30

# From this correlation on, rows come in the order of a column.
_IN_ORDER = 0.9

_BYTES = "decode(substr(repeat(md5({0}::text), {1} / 16 + 1), 1, 2 * {1}), 'hex')"

# By the type, the value number {0} of a column; {1} is its width, {2} the items of an array.
_VALUES = {
    "text": "lpad({0}::text, {1} - 1, 'x')",
    "uuid": "md5({0}::text)::uuid",
    "inet": "'11.0.0.0'::inet + {0} % 2000000000",
    "jsonb": "jsonb_build_object('k', {0}, 'pad', repeat('x', greatest(0, {1} - 30)))",
    "interval": "'1 hour'::interval * ({0} + 1)",
    "time": "'09:00'::time + {0} * interval '1 minute'",
    "numeric": "({0} + 0.05)::numeric",
    "float8": "({0} + 0.5)::float8",
    "xid8": "{0}::text::xid8",
    "_text": "(select array_agg(lpad({0} || '-' || i, greatest(1, ({1} - 24) / {2} - 4), 'x')) "
    "from generate_series(1, {2}) as i)",
    "_int2": "(select array_agg((({0} + i) % 30000)::smallint) from generate_series(1, {2}) as i)",
    "_int8": "(select array_agg({0}::bigint + i) from generate_series(1, {2}) as i)",
}


class ShapeRows:
    """Fills tables as their shapes say, at a scale."""

    def __init__(
        self, catalog: PlannedCatalog, shapes: Mapping[str, TableShape], scale: int
    ) -> None:
        self._catalog, self._shapes = catalog, shapes
        self._rows = TableRows(shapes, catalog, scale)
        self._moments = Moments(datetime.now(UTC))

    @property
    def tables(self) -> list[str]:
        """The tables that have rows at this scale, those with most rows first."""
        rows = {
            str(table): self._rows.of(str(table))
            for table in self._catalog.tables.values()
            if table.parent_id is None
        }
        return sorted((name for name in rows if rows[name] >= 1), key=lambda name: -rows[name])

    def fill(self, connection: psycopg.Connection, only: Collection[str] = ()) -> None:
        """Fill tables without their triggers and checks, and analyze as autovacuum would.

        Args:
            only: their names, with the schema; by default all.
        """
        loosen(connection)
        self.insert(connection, only or self.tables)
        self.analyze(connection, only or self.tables)

    def insert(self, connection: psycopg.Connection, tables: Collection[str]) -> None:
        """Insert the rows of tables that were loosened."""
        connection.execute("set session_replication_role = replica")
        connection.execute("set maintenance_work_mem = '512MB'")
        for table in self._whole(tables):
            self._fill_table(connection, table)

    def analyze(self, connection: psycopg.Connection, tables: Collection[str]) -> None:
        """Vacuum and analyze tables; while others are filled, not all rows count as visible."""
        for table in self._whole(tables):
            self._analyze(connection, table)

    def _whole(self, names: Collection[str]) -> list[PlannedTable]:
        whole = (each for each in self._catalog.tables.values() if each.parent_id is None)
        return [each for each in whole if str(each) in names and self._rows.of(str(each)) >= 1]

    def _analyze(self, connection: psycopg.Connection, table: PlannedTable) -> None:
        parts = [each for each in self._catalog.tables.values() if each.parent_id == table.table_id]
        for part in parts:
            self._analyze(connection, part)
        if not table.is_partitioned:
            found = connection.execute(f"select count(*) from {table}".encode()).fetchone()
            if found and found[0] >= FEWEST:
                connection.execute(f"vacuum analyze {table}".encode())

    def _fill_table(self, connection: psycopg.Connection, table: PlannedTable) -> None:
        # One by one, keys are added to a GIN index ten times as slowly as all at once.
        slow = _drop_slow_indexes(connection, table) if table.is_partitioned else []
        self._insert(connection, table)
        for definition in slow:
            connection.execute(definition.replace(" ON ONLY ", " ON ").encode())

    def _insert(self, connection: psycopg.Connection, table: PlannedTable) -> None:
        rows, done = int(self._rows.of(str(table))), 0
        columns = self._expressions(connection, table, rows)
        names, values = ", ".join(columns), ", ".join(columns.values())
        for _ in range(4):
            for first in range(done + 1, rows + 1, _AT_ONCE):
                last = min(first + _AT_ONCE - 1, rows)
                connection.execute(
                    f"insert into {table} ({names}) overriding system value "
                    f"select {values} from generate_series({first}, {last}) as n "
                    f"{'' if str(table) in _DEFERRED else 'on conflict do nothing'}".encode()
                )
            found = connection.execute(f"select count(*) from {table}".encode()).fetchone()
            done = found[0] if found else rows

    def _expressions(
        self, connection: psycopg.Connection, table: PlannedTable, rows: int
    ) -> dict[str, str]:
        made = connection.execute(
            "select attname::text from pg_attribute where attrelid = %s::bigint::oid "
            "and attgenerated <> ''",
            [table.table_id],
        ).fetchall()
        generated = {name for (name,) in made}
        return {
            f'"{column.name}"': self._expression(table, column, rows)
            for column in self._catalog.columns[table.table_id]
            if column.name not in generated
        }

    def _expression(self, table: PlannedTable, column: PlannedColumn, rows: int) -> str:
        special = _DEPENDENT.get(f"{table}.{column.name}")
        if special is not None:
            others = {
                each.name: self._expression(table, each, rows)
                for each in self._catalog.columns[table.table_id]
                if f"{{{each.name}}}" in special
            }
            users = int(self._rows.of("oadb.users"))
            return special.format(users=users, rows=rows, **others)
        shape = self._shapes.get(str(table), TableShape("", "", Amount()))
        whole = derived_shapes.derive(
            column, shape.columns.get(column.name, ColumnShape()), self._catalog
        )
        value = _common(column, whole) if whole.values else self._value(table, column, whole, rows)
        nulls = whole.nulls or 0
        return value if not nulls else f"case when {_chance(column, 1)} >= {nulls} then {value} end"

    def _value(
        self, table: PlannedTable, column: PlannedColumn, shape: ColumnShape, rows: int
    ) -> str:
        distinct = shape.distinct or Amount(fixed=1)
        different = max(1, int(distinct.of(rows, self._rows.of)))
        key = f"({_hash(column, 2)} % {different})"
        if distinct.share is not None:
            key = _scattered(f"n::bigint % {different}", different)
        is_ordered = (shape.correlation or 0) >= _IN_ORDER
        if distinct.share is not None and distinct.share >= 1 and is_ordered:
            key = "n"
        if shape.between is not None:
            limits = self._moments.limits(
                shape.between,
                lambda name: self._rows.of(str(table) if name == "rows" else name),
                is_time=column.type_name in derived_shapes.TIMES,
            )
            if column.number == table.key_number:
                return self._in_partitions(table, limits, rows)
            return _between(column, shape, limits, rows, different)
        if column.type_name == "bytea":
            pattern = _SEALED if (shape.width or 0) >= 60 else _BYTES
            more = max(0, (shape.width or 0) - 38 if pattern == _SEALED else (shape.width or 1) - 1)
            return pattern.format(key, more)
        if column.type_name == "jsonb" and (shape.width or 0) < _OBJECT:
            return f"to_jsonb({key})"
        pattern = _VALUES.get(column.type_name, "{0}")
        return pattern.format(key, shape.width, int(shape.items or 1))

    def _in_partitions(self, table: PlannedTable, limits: ValueLimits, rows: int) -> str:
        """Return times in order, as many in each partition that has rows."""
        held = [each.table for each in parts(table, rows, limits, self._catalog)]
        inside = sorted((within(limits, each) for each in held), key=lambda each: each.least)
        place = f"((n - 0.5) / {rows} * {len(inside)})"
        least, sizes = (
            f"(array[{', '.join(str(number) for number in numbers)}])[1 + floor({place})::integer]"
            for numbers in (
                [_since_1970(each) for each in inside],
                [each.greatest - each.least for each in inside],
            )
        )
        return f"to_timestamp({least} + {sizes} * ({place} - floor({place})))"


def loosen(connection: psycopg.Connection) -> None:
    """Drop the checks of tables."""
    checks = connection.execute(
        "select conrelid::regclass::text, quote_ident(conname) from pg_constraint "
        "where contype = 'c' and connamespace = 'oadb'::regnamespace and coninhcount = 0"
    ).fetchall()
    for table, name in checks:
        connection.execute(f"alter table {table} drop constraint {name}".encode())


def _drop_slow_indexes(connection: psycopg.Connection, table: PlannedTable) -> list[str]:
    """Drop the GIN indexes of a partitioned table, and return their definitions."""
    slow = connection.execute(
        "select indexrelid::regclass::text, pg_get_indexdef(indexrelid) from pg_index "
        "inner join pg_class on pg_index.indexrelid = pg_class.oid "
        "inner join pg_am on pg_class.relam = pg_am.oid "
        "where indrelid = %s::bigint::oid and amname = 'gin'",
        [table.table_id],
    ).fetchall()
    for name, _ in slow:
        connection.execute(f"drop index {name}".encode())
    return [definition for _, definition in slow]


def _hash(column: PlannedColumn, seed: int) -> str:
    return f"(hashint8extended(n, {column.number * 10 + seed}) & 9223372036854775807)"


def _chance(column: PlannedColumn, seed: int) -> str:
    return f"({_hash(column, seed)} % 1000000000 / '1e9'::float8)"


def _common(column: PlannedColumn, shape: ColumnShape) -> str:
    total, reached, cases = sum(shape.values.values()), 0.0, ""
    for value, share in shape.values.items():
        reached += share / total
        cases += f" when {_chance(column, 3)} < {reached + 1e-9} then '{value}'::{column.type_name}"
    return f"case{cases} end"


def _between(
    column: PlannedColumn, shape: ColumnShape, limits: ValueLimits, rows: int, different: int
) -> str:
    """Return a value between limits, of which there are so many different ones."""
    size, place = limits.greatest - limits.least, f"((n - 0.5) / {rows})"
    if (shape.correlation or 0) < _IN_ORDER:
        place = _chance(column, 4)
        if (
            limits.origin is None
            and shape.distinct is not None
            and (shape.distinct.share or 0) >= 1
        ):
            place = f"({_scattered('n::bigint', different)} / {_power(different)}::float8)"
    if limits.origin is not None:
        if shape.distinct is not None and different < rows:
            place = f"(floor({place} * {different}) / {different})"
        return f"to_timestamp({_since_1970(limits)} + {size} * {place})::{column.type_name}"
    return f"({limits.least:.0f} + floor({place} * {size + 1:.0f}))::{column.type_name}"


def _since_1970(limits: ValueLimits) -> float:
    """Return the least of some times, in seconds since 1970."""
    return limits.least + (limits.origin.timestamp() if limits.origin is not None else 0.0)


def _scattered(number: str, different: int) -> str:
    """Scatter the numbers up to a power of 2, in which each comes once."""
    mask = _power(different) - 1
    return f"(({number}) * ((7919 + 12014 * ({number})) & {mask}) & {mask})"


def _power(different: int) -> int:
    return 1 << (different - 1).bit_length()
