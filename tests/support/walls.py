"""Rows of two users and of nobody in every table, and arguments that name those of the other."""

from collections.abc import Iterator, Mapping
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

import psycopg
from psycopg.sql import SQL, Identifier

from oadb.engine.binding.declarations import Declaration
from oadb.engine.binding.values import ValueType
from tests.support.user_rows import fill

Connection = psycopg.Connection[tuple[Any, ...]]

ME, OTHER = 1, 2

CANARY = "nobodysown"
"""Stands in rows that belong to no user, and in the logs of OTHER."""

_LOGS = """
insert into oadb.api_logs (logged_at, user_id, endpoint, method, status, request)
values (now(), {user}, '{note}', 'GET', 200, '{{"note": "{note}"}}');
insert into oadb.analyzer_logs (logged_at, user_id, api_type, request, response)
values (now(), {user}, '{note}', '{{}}', '{{}}');
insert into oadb.traffic (logged_at, user_id, ip, method, path, status, duration_ms, endpoint)
values (now(), nullif({user}, -1), '203.0.113.9', 'GET', '/{note}', 200, 1, '{note}');
insert into oadb.latency (logged_at, user_id, order_id, total_ms, outcome, broker)
values (now(), nullif({user}, -1), '{note}', 1, 'failed', '{note}');
"""

_NOBODYS = """
insert into oadb.app_setting_changes (group_name, field, old_value, new_value)
values ('smtp', 'server', '{note}', '{note}');
insert into oadb.ip_bans (network, reason, offences, banned_at)
values ('203.0.113.9', '{note}', 1, now());
insert into oadb.lockouts (kind, subject, failures, failed_at)
values ('account', '{note}', 9, now());
insert into oadb.log_batches (batch_id, table_name, rows, first_at, last_at)
values (gen_random_uuid(), '{note}', 1, now(), now());
insert into oadb.log_rejects (batch_id, table_name, reason, row_text)
values (gen_random_uuid(), '{note}', '{note}', '{note}');
insert into oadb.log_drops (writer, table_name, rows) values ('{note}', '{note}', 1);
insert into oadb.instrument_loads (broker, source) values ('zerodha', 'a file');
insert into oadb.instruments
(broker, exchange, symbol, broker_symbol, broker_exchange, token, instrument_type, lot_size,
tick_size, contract_value)
values ('zerodha', 'NSE', 'TCS', 'TCS', 'NSE', '1', 'EQ', 1, 0.05, 1);
insert into oadb.changes (table_name, key) values ('smtp_settings', '{note}');
update oadb.smtp_settings set server = '{note}.example';
"""


def fill_all(url: str) -> None:
    """Give both users and nobody rows, as a superuser."""
    fill(url, (ME, OTHER))
    with psycopg.connect(url) as connection:
        for user, note in ((str(ME), "mine"), (str(OTHER), CANARY), ("-1", CANARY)):
            connection.execute(_LOGS.format(user=user, note=note).encode())
        connection.execute(_NOBODYS.format(note=CANARY).encode())


def tables(connection: Connection) -> dict[str, bool]:
    """Return every table of oadb that the role may read, and whether it has a ``user_id``."""
    found = connection.execute(
        "select relname::text, exists (select from pg_attribute where attrelid = pg_class.oid "
        "and attname = 'user_id') from pg_class "
        "where relnamespace = 'oadb'::regnamespace and relkind in ('r', 'p') "
        "and not relispartition and has_table_privilege(oid, 'select') order by relname"
    )
    return dict(found.fetchall())


def state(connection: Connection, of: Mapping[str, bool]) -> str:
    """Return a digest of all rows but those of ME; the connection must see all."""
    parts = [
        SQL(
            "select {name} || md5(coalesce(string_agg(rows::text, ',' order by rows::text), '')) "
            "as part from oadb.{table} as rows where {others}"
        ).format(
            name=table,
            table=Identifier(table),
            others=SQL(f"user_id is distinct from {ME}") if has_user else SQL("true"),
        )
        for table, has_user in of.items()
    ]
    whole = SQL("select string_agg(part, ' ' order by part) from ({}) as parts")
    [digest] = connection.execute(whole.format(SQL(" union all ").join(parts))).fetchone() or [""]
    return str(digest)


_ANY: dict[type, Any] = {
    int: OTHER,
    str: "anything",
    float: 1.0,
    Decimal: Decimal(1),
    bool: True,
    bytes: b"\x01\0\0\0\1" + bytes(28),
    date: date(2030, 1, 1),
    datetime: datetime(2030, 1, 1, tzinfo=UTC),
    time: time(1),
    timedelta: timedelta(hours=1),
    UUID: UUID(int=0),
    dict: psycopg.types.json.Jsonb({}),
}

# Those whose word is checked, or means nothing if it is that of another column.
_NAMED: dict[str, Any] = {"limit": 100, "ip": "203.0.113.9", "username": "user2"}


def known(connection: Connection) -> dict[str, Any]:
    """Return a value of each column from rows of OTHER or of nobody, by the column's name."""
    found: dict[str, Any] = {}
    for table, has_user in tables(connection).items():
        others = SQL(f"where user_id = {OTHER}") if has_user else SQL("")
        select = SQL("select * from oadb.{} {} limit 1").format(Identifier(table), others)
        rows = connection.execute(select)
        row = rows.fetchone()
        names = [column.name for column in rows.description or []]
        found |= dict(zip(names, row or (), strict=False))
    return found


def of_nobody(values: Mapping[str, Any]) -> dict[str, Any]:
    """Return the values with ids that no row has."""
    return {
        name: UUID(int=9) if isinstance(value, UUID) else 999_999 if _is_id(name) else value
        for name, value in values.items()
    }


def _is_id(name: str) -> bool:
    # Which root keys there are is no secret of a user.
    return name.endswith(("_id", "_by")) and name != "key_id"


def arguments(declared: Declaration, values: Mapping[str, Any]) -> list[Any]:
    """Return arguments for a statement that name rows of OTHER, wherever they can."""
    return [
        _argument(name, declared.parameters[name], values) for name in declared.statement.params
    ]


def _argument(name: str, wanted: ValueType, values: Mapping[str, Any]) -> Any:
    value = values.get("user_id") if name == "by" else _NAMED.get(name, values.get(name))
    if type(value) is not wanted.python:
        value = _ANY.get(wanted.python, "a")
    return [value] if wanted.array else value


def shown(rows: list[tuple[Any, ...]], names: list[str]) -> Iterator[str]:
    """Yield what rows show of OTHER or of nobody."""
    for row in rows:
        for name, value in zip(names, row, strict=True):
            text = str(value)
            if (name == "user_id" and value == OTHER) or CANARY in text or "user2" in text:
                yield f"{name}: {text}"
