"""A row of a user in every table with a user_id, and statements without a condition on it."""

from collections.abc import Generator, Iterable
from contextlib import contextmanager
from typing import Any

import psycopg
from psycopg.sql import SQL, Identifier

from oadb.engine import dsn
from oadb.engine.binding.queries import Queries
from oadb.engine.binding.results import Affected
from oadb.engine.binding.statements import parse
from oadb.testing.servers import Server
from oadb.tools.migrations.runner import migrate

# In the order in which rows can be inserted: {0} is a user, {1} a value sealed under key 1.
INSERTS = {
    "users": "insert into oadb.users (user_id, username, email) overriding system value "
    "values ({0}, 'user{0}', 'user{0}@example.in')",
    "sessions": "insert into oadb.sessions "
    "(user_id, session_id, token_digest, fingerprint, idle_timeout, lapses_at, expires_at) "
    "values ({0}, gen_random_uuid(), decode(md5('{0}') || md5(''), 'hex'), {1}, '1 hour', "
    "now() + '1 hour', now() + '2 hours')",
    "login_attempts": "insert into oadb.login_attempts (username, user_id, method, outcome) "
    "values ('user{0}', {0}, 'password', 'failed')",
    "known_networks": "insert into oadb.known_networks (user_id, network) "
    "values ({0}, '192.0.2.1')",
    "known_devices": "insert into oadb.known_devices (user_id, token_digest) "
    "values ({0}, decode(md5('{0}') || md5(''), 'hex'))",
    "api_keys": "insert into oadb.api_keys "
    "(user_id, api_key_id, name, hint, token_digest, fingerprint, scopes, order_mode) "
    "values ({0}, gen_random_uuid(), 'a', 'a', decode(md5('{0}') || md5(''), 'hex'), {1}, "
    "array[]::text[], 'auto')",
    "broker_tokens": "insert into oadb.broker_tokens "
    "(user_id, broker, access_token, content_digest) "
    "values ({0}, 'zerodha', {1}, decode(md5('{0}') || md5(''), 'hex'))",
    "second_factors": "insert into oadb.second_factors (user_id, secret) values ({0}, {1})",
    "one_time_tokens": "insert into oadb.one_time_tokens "
    "(user_id, token_id, purpose, token_digest, binding, auth_epoch, email, expires_at) "
    "values ({0}, gen_random_uuid(), 'password_reset', decode(md5('{0}') || md5(''), 'hex'), "
    "decode(md5('{0}') || md5(''), 'hex'), 0, 'user{0}@example.in', now() + '30 minutes')",
    "settings": "insert into oadb.settings (user_id, name, value) values ({0}, 'a', '1')",
    "setting_changes": "insert into oadb.setting_changes (user_id, changed_by, name) "
    "values ({0}, {0}, 'a')",
    "pending_orders": "insert into oadb.pending_orders (user_id, api_type, order_data) "
    "values ({0}, 'placeorder', '{{}}')",
    "strategies": "insert into oadb.strategies "
    "(user_id, strategy_id, name, platform, trading_mode, definition, is_intraday, time_zone, "
    "webhook_hint, token_digest, fingerprint) "
    "values ({0}, md5('{0}')::uuid, 'a', 'tradingview', 'LONG', '{{}}', true, 'UTC', 'a', "
    "decode(md5('{0}') || md5(''), 'hex'), {1})",
    "changes": "insert into oadb.changes (table_name, user_id, key) values ('users', {0}, '')",
    "strategy_mappings": "insert into oadb.strategy_mappings "
    "(user_id, strategy_id, symbol, exchange, quantity, product_type) "
    "values ({0}, md5('{0}')::uuid, 'TCS', 'NSE', 1, 'CNC')",
    # Its triggers have written some by now.
    "security_events": "insert into oadb.security_events (kind, user_id, acted_by, db_role) "
    "values ('email_changed', {0}, {0}, 'a')",
}
TABLES = sorted(INSERTS)
AUDITS = {"login_attempts", "setting_changes", "changes", "security_events"}

# Rows that go with their user alone: credentials are revoked, and what was recorded is kept.
UNDELETED = AUDITS | {"api_keys", "broker_tokens"}
"""Tables whose rows a user may not change, not even the own ones."""

KEPT = {"security_events"}
"""Tables whose rows nobody may change."""

OUTLIVING = {*KEPT, "login_attempts", "setting_changes"}
"""Tables whose rows outlive the user."""

SEALED = f"'\\x01{1:08x}{bytes(28).hex()}'::bytea"
_TOUCHED = {
    "users": "updated_at = now()",
    "sessions": "last_seen_at = now()",
    "login_attempts": "reason = 'touched'",
    "known_networks": "signed_in_at = now()",
    "known_devices": "signed_in_at = now()",
    "api_keys": "last_used_at = now()",
    "broker_tokens": "updated_at = now()",
    "second_factors": "created_at = now()",
    "one_time_tokens": "used_at = now()",
    "settings": "value = '2'",
    "setting_changes": "name = 'touched'",
    "pending_orders": "reason = 'touched'",
    "strategies": "updated_at = now()",
    "changes": "key = 'touched'",
    "strategy_mappings": "quantity = quantity + 1",
    "security_events": "detail = '{}'",
}


def insert(table: str, user_id: int) -> str:
    """Return a statement that inserts a row of a user."""
    return INSERTS[table].format(user_id, SEALED)


def fill(url: str, user_ids: Iterable[int]) -> None:
    """Give each user one row in every table."""
    with psycopg.connect(url) as connection:
        connection.execute(
            f"insert into oadb.key_canaries (key_id, canary) values (1, {SEALED})".encode()
        )
        for user_id in user_ids:
            for table in INSERTS:
                connection.execute(insert(table, user_id).encode())


def declared(sql: str, returns: Any) -> Any:
    """Declare a statement without parameters."""

    def statement() -> None: ...

    statement.__annotations__ = {"return": returns}
    query = Queries("rows", parse(f"-- name: statement\n{sql};", "rows", "rows.sql"))
    bound = query(statement)
    query.complete()
    return bound


# Distinct: every other row of a user has written security events of that user.
SEE = {table: declared(f"select distinct user_id from oadb.{table}", list[int]) for table in TABLES}
COUNT = {
    table: declared(f"select count(distinct user_id) as users from oadb.{table}", int)
    for table in TABLES
}
TOUCH = {
    table: declared(f"update oadb.{table} set {_TOUCHED[table]}", Affected) for table in TABLES
}
DELETE = {table: declared(f"delete from oadb.{table}", Affected) for table in TABLES}


@contextmanager
def database(
    server: Server, name: str, owner: str, *, copied_from: str | None = None
) -> Generator[str]:
    """Create a database, have *owner* migrate it, and give its DATABASE_URL for that role.

    A copy of another database of that owner is made without migrating it.
    """
    create_database(server, name, owner, template=copied_from or "template1")
    try:
        url = login(server, owner, name)
        if copied_from is None:
            migrate(dsn.parse(url))
        yield url
    finally:
        with psycopg.connect(server.url("postgres"), autocommit=True) as connection:
            drop = SQL("drop database {} with (force)").format(Identifier(name))
            connection.execute(drop)


def create_database(server: Server, name: str, owner: str, *, template: str = "template1") -> None:
    with psycopg.connect(server.url("postgres"), autocommit=True) as connection:
        names = map(Identifier, (name, owner, template))
        connection.execute(SQL("create database {} owner {} template {}").format(*names))


def login(server: Server, role: str, database: str) -> str:
    """Return the DATABASE_URL of a database for a role."""
    return Server("url", {**server.keywords, "user": role}).url(database)
