"""Statements on tables that grow, and what fills these tables."""

from collections.abc import Mapping
from dataclasses import dataclass

import psycopg

from tests.support.user_rows import SEALED

_DIGEST = "decode(md5('a' || n) || md5('b' || n), 'hex')"

_USERS = (
    "insert into oadb.users (username, email) "
    "select 'asha' || n, 'asha' || n || '@example.in' from generate_series(1, %s) as n"
)

# Nine in ten tokens expired some time in the last year, and a sweep has seen it.
_TOKENS = f"""
insert into oadb.broker_tokens (
    user_id, broker, access_token, content_digest, created_at, updated_at, expires_at,
    swept_expires_at
)
select
    n, 'broker' || n %% 10, {SEALED}, {_DIGEST}, now() - (%s - n) * interval '1 s',
    now() - (%s - n) * interval '1 s', expiry, case when expiry <= now() then expiry end
from
    generate_series(1, %s) as n,
    lateral (
        select
            case
                when n %% 10 > 0 then now() - n %% 365 * interval '1 day'
                else now() + interval '8 hours'
            end as expiry
    ) as due
"""
_BANS = """
insert into oadb.ip_bans (network, reason, offences, banned_at, source)
select '11.0.0.0'::inet + n, 'x', 1, now(), 'tracker' from generate_series(1, %s) as n
"""
_SESSIONS = f"""
insert into oadb.sessions (
    user_id, session_id, token_digest, fingerprint, ip, idle_timeout, lapses_at, sweep_at,
    expires_at
)
select
    n, gen_random_uuid(), {_DIGEST}, {SEALED}, '11.0.0.0'::inet + n, '2 hours',
    now() + interval '1 hour', now() + interval '1 hour', now() + interval '11 hours'
from generate_series(1, %s) as n
"""
_EVENTS = """
insert into oadb.security_events (happened_at, kind, user_id, db_role)
select now() - n * interval '1 hour', 'user_created', n, 'oadb_app'
from generate_series(%s, 1, -1) as n
"""
_LINKS = """
insert into oadb.security_event_links (day, position, event_id, checksum)
select happened_at::date, row_number() over (order by event_id), event_id, sha256('')
from oadb.security_events
where %s > 0
"""
_TRAFFIC = """
insert into oadb.traffic (logged_at, ip, method, path, endpoint, status, duration_ms, host)
select
    now() - n * interval '1 s', '11.0.0.0'::inet + n, 'GET', '/api/v1/ping', '/api/v1/ping', 200, 1,
    'trade.example.in'
from generate_series(1, %s) as n
"""
_BUCKETS = """
insert into oadb.traffic_rollups
select
    '1 minute', date_trunc('minute', now()) - n / 10 * interval '1 minute', '/api/v1/' || n %% 10,
    10, 0, 10, 0, 0, 0, 100, array[50, 60, 70], array[2, 3, 5]
from generate_series(1, %s) as n
"""
_CALLS = """
insert into oadb.api_logs (logged_at, user_id, endpoint, method, status, request, response)
select
    now() - n * interval '1 s', n %% 1000, '/api/v1/placeorder', 'POST', 200,
    jsonb_build_object('symbol', 'S' || n, 'exchange', 'NSE', 'every', n %% 1000),
    jsonb_build_object('orderid', n::text)
from generate_series(1, %s) as n
"""
# Each broker has the same 20,000 options.
_INSTRUMENTS = """
insert into oadb.instruments (
    broker, exchange, symbol, name, broker_symbol, broker_exchange, token, instrument_type, expiry,
    strike, lot_size, tick_size, underlying
)
select
    'broker' || broker, 'NFO', symbol, symbol, symbol, 'NFO', n::text, 'CE', '2026-12-31',
    1 + n %% 500, 75, 0.05, underlying
from
    generate_series(1, %s) as broker,
    generate_series(1, 20000) as n,
    lateral (
        select
            underlying,
            underlying || '31DEC26' || n %% 500 * 50 || 'CE' as symbol
        from (select substr(upper(md5((n / 500)::text)), 1, 6) as underlying) as made
    ) as named
"""


@dataclass(frozen=True, slots=True)
class Asked:
    """A statement, with the SQL of its values."""

    label: str
    values: Mapping[str, str]
    note: str = ""

    @property
    def name(self) -> str:
        """The label, with the note that says what is asked for."""
        return f"{self.label}, {self.note}" if self.note else self.label


ACCOUNTS = [
    Asked("live_bans._get_state", {}),
    Asked("ip_bans.count_up_to", {"most": "1000"}),
    Asked("users.estimate_count", {"exact": "1000"}),
    Asked("broker_tokens.find_any_active", {}),
    Asked("broker_tokens.list_active", {"limit": "101"}),
    Asked("broker_tokens.list_active +oldest_first", {"limit": "101"}),
    Asked(
        "broker_tokens.list_active +broker +oldest_first",
        {"limit": "101", "broker": "'broker0'"},
    ),
    Asked("broker_tokens.list_expiring", {"within": "'1 day'", "limit": "101"}),
    Asked("broker_tokens.retire_expired", {"batch": "1000"}, "none is due"),
    Asked("sessions._sweep", {"batch": "1000"}, "none is due"),
    Asked("root_key_uses._count_uses", {"key_id": "1"}),
    Asked(
        "audit_chain._list_unlinked",
        {"batch": "1000", "since": "now() - interval '1 day'"},
        "all are linked",
    ),
]
_PAGE = {"limit": "101", "content": """'{"exchange": "NSE"}'"""}
LOGS = [
    Asked("rollups._delete_old_traffic", {"older_than": "'1825 days'", "batch": "5000"}),
    Asked("traffic.list_clients", {"host": "'trade.example.in'", "limit": "101"}),
    Asked("api_logs.search", _PAGE, "what every call has"),
    Asked("api_logs.search", {**_PAGE, "content": """'{"every": 7}'"""}, "one call in 1,000"),
    Asked("api_logs.search", {**_PAGE, "content": """'{"symbol": "S77"}'"""}, "one call"),
]
# One underlying in 40 of each broker.
_TERMS = {"patterns": "'{%D3D%}'", "longest": "'%D3D%'", "second": "'%'", "third": "'%'"}
_SEARCH = {**_TERMS, "broker": "'broker1'", "first": "'D3D'", "others": "'{}'", "wanted": "50"}
INSTRUMENTS = [
    Asked("search._search_selective", _SEARCH, "a rare term"),
    Asked("search._search_selective +among", {**_SEARCH, "among": "'broker1'"}, "a rare term"),
    Asked("search._search_further", {**_SEARCH, "rank": "2"}, "a rare term"),
    Asked(
        "search._search_further",
        {**_SEARCH, "rank": "3", "longest": "'%DEC%'", "patterns": "'{%DEC%}'", "first": "'DEC'"},
        "a common term",
    ),
]

ACCOUNT_ROWS = {
    "users": _USERS,
    "broker_tokens": _TOKENS,
    "ip_bans": _BANS,
    "sessions": _SESSIONS,
    "security_events": _EVENTS,
    "security_event_links": _LINKS,
}
LOG_ROWS = {"traffic": _TRAFFIC, "traffic_rollups": _BUCKETS, "api_logs": _CALLS}
INSTRUMENT_ROWS = {"instruments": _INSTRUMENTS}
"""What fills each table with so many rows; of instruments, with those of so many brokers."""


def fill(connection: psycopg.Connection, tables: Mapping[str, str], rows: int) -> None:
    """Fill tables, without their triggers, and analyze them."""
    connection.execute("set session_replication_role = replica")
    connection.execute(f"insert into oadb.key_canaries values (1, {SEALED})".encode())
    for table, text in tables.items():
        connection.execute(text.encode(), [rows] * text.count("%s"))
        connection.execute(f"vacuum analyze oadb.{table}".encode())
