"""A database with some thousand rows in every table, for plans as they are in production."""

import psycopg

from tests.support.growing import ACCOUNT_ROWS, INSTRUMENT_ROWS, LOG_ROWS, fill
from tests.support.user_rows import INSERTS, SEALED

ROWS = 3000
_BROKERS = 2

_OTHERS = {
    "lockouts": "(kind, subject, failures, failed_at) select 'account', 'user' || n, 1, now()",
    "ip_trackers": "select 'not_found', '11.0.0.0'::inet + n, n, now() - n * interval '1 s', "
    "now(), '{}'",
    "ban_exemptions": "(network, reason) select '13.0.0.0'::inet + n, 'x'",
    "analyzer_logs": "(logged_at, user_id, api_type, request, response) "
    "select now() - n * interval '1 s', n % 100, 'placeorder', '{}', '{}'",
    "latency": "(logged_at, user_id, broker, total_ms, outcome) "
    "select now() - n * interval '1 s', n % 100, 'zerodha', 1, 'succeeded'",
    "latency_rollups": "select '1 minute', now() - n * interval '1 minute', 'zerodha', 'total', 1, "
    "0, 0, 1, 1, 1, 1, array[1], array[1]",
    "log_batches": "(batch_id, table_name, rows, first_at, last_at, rolled_up_at) "
    "select gen_random_uuid(), 'traffic', 5, now() - n * interval '1 s', now(), "
    "case when n > 50 then now() end",
    "log_rejects": "(batch_id, table_name, reason, row_text, rejected_at) "
    "select gen_random_uuid(), 'traffic', 'x', 'x', now() - n * interval '1 s'",
    "log_drops": "(writer, table_name, rows, dropped_at) "
    "select 'x', 'traffic', 5, now() - n * interval '1 s'",
    "instrument_loads": "(broker, source, started_at) "
    "select 'broker' || n % 10, 'x', now() - n * interval '1 s'",
    "deleted_users": "select n, now() - n * interval '1 s'",
    "app_setting_changes": "(changed_at, group_name, field) "
    "select now() - n * interval '1 s', 'x', 'y'",
    "locked_clients": "(hour_at, network, account) "
    "select date_trunc('hour', now()) - n * interval '1 hour', 'x', 'y'",
}


def fill_all(url: str) -> None:
    """Fill every table that grows, without its triggers, and analyze it."""
    tables = {**ACCOUNT_ROWS, **LOG_ROWS}
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("set session_replication_role = replica")
        for table, text in INSERTS.items():
            if table not in tables:
                connection.execute(_many(text).encode())
        for table, rest in _OTHERS.items():
            text = f"insert into oadb.{table} {rest} from generate_series(1, {ROWS}) as n"
            connection.execute(text.encode())
        fill(connection, tables, ROWS)
        connection.execute(
            INSTRUMENT_ROWS["instruments"].encode(),
            [_BROKERS] * INSTRUMENT_ROWS["instruments"].count("%s"),
        )
        connection.execute("vacuum analyze")


def _many(insert: str) -> str:
    """Return the statement that inserts the row of each of ROWS users."""
    into, _, values = insert.partition(" values ")
    for text, many in (
        ("{{}}", "{}"),
        ("'user{0}'", "'user' || n"),
        ("'user{0}@example.in'", "'user' || n || '@example.in'"),
        ("md5('{0}')", "md5(n::text)"),
        ("{0}", "n"),
        ("{1}", SEALED),
    ):
        values = values.replace(text, many)
    return f"{into} select {values[1:-1]} from generate_series(1, {ROWS}) as n"
