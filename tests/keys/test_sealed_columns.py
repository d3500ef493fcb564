"""Sealed columns: values that the schema itself refuses."""

from collections.abc import Generator
from typing import LiteralString

import psycopg
import pytest
from psycopg import errors
from psycopg.sql import SQL, Identifier

from tests.support.each import for_each


def sealed(key_id: int) -> bytes:
    """Return a value that has the form of a sealed one."""
    return b"\x01" + key_id.to_bytes(4, "big") + bytes(28)


def inserted(table: LiteralString, columns: LiteralString, values: LiteralString) -> LiteralString:
    return f"insert into oadb.{table} ({columns}) values ({values})"


USER = inserted("users", "username, email, password_hash", "'new', 'n@x.in', %(password_hash)s")
SESSION = inserted(
    "sessions",
    "user_id, session_id, token_digest, fingerprint, idle_timeout, lapses_at, expires_at",
    "%(user_id)s, gen_random_uuid(), %(digest)s, %(fingerprint)s, '1 hour',"
    " now() + interval '1 hour', now() + interval '1 day'",
)
API_KEY = inserted(
    "api_keys",
    "user_id, api_key_id, name, hint, token_digest, fingerprint, kept_token, scopes, order_mode",
    "%(user_id)s, gen_random_uuid(), 'x', 'x', %(digest)s, %(fingerprint)s, %(kept_token)s, '{}',"
    " 'auto'",
)
BROKER_TOKEN = inserted(
    "broker_tokens",
    "user_id, broker, access_token, refresh_token, feed_token, parameters, content_digest",
    "%(user_id)s, 'zerodha', %(access_token)s, %(refresh_token)s, %(feed_token)s, %(parameters)s,"
    " %(digest)s",
)
SECOND_FACTOR = inserted("second_factors", "user_id, secret", "%(user_id)s, %(secret)s")
SMTP = inserted("smtp_settings", "password", "%(password)s")
STRATEGY = inserted(
    "strategies",
    "user_id, strategy_id, name, platform, trading_mode, definition, is_intraday, time_zone,"
    " webhook_hint, token_digest, fingerprint",
    "%(user_id)s, gen_random_uuid(), 'x', 'x', 'LONG', '{}', true, 'UTC', 'x', %(digest)s,"
    " %(fingerprint)s",
)
CANARY = inserted("key_canaries", "key_id, canary", "5, %(canary)s")

# For each sealed column: the statement that inserts a row, the sealed columns of that row, and the
# foreign key to its root key.
COLUMNS: dict[str, tuple[LiteralString, list[str], str]] = {
    "users.password_hash": (USER, ["password_hash"], "users_password_key_id_fkey"),
    "sessions.fingerprint": (SESSION, ["fingerprint"], "sessions_key_id_fkey"),
    "api_keys.fingerprint": (API_KEY, ["fingerprint"], "api_keys_key_id_fkey"),
    "api_keys.kept_token": (API_KEY, ["fingerprint", "kept_token"], "api_keys_key_id_fkey"),
    "broker_tokens.access_token": (BROKER_TOKEN, ["access_token"], "broker_tokens_key_id_fkey"),
    **{
        f"broker_tokens.{name}": (
            BROKER_TOKEN,
            ["access_token", name],
            "broker_tokens_key_id_fkey",
        )
        for name in ("refresh_token", "feed_token", "parameters")
    },
    "second_factors.secret": (SECOND_FACTOR, ["secret"], "second_factors_key_id_fkey"),
    "smtp_settings.password": (SMTP, ["password"], "smtp_settings_key_id_fkey"),
    "strategies.fingerprint": (STRATEGY, ["fingerprint"], "strategies_key_id_fkey"),
}
CHECKED = {**COLUMNS, "key_canaries.canary": (CANARY, ["canary"], "")}

PLAIN = {
    "empty": b"",
    "short": b"hunter2",
    "PHC": b"$argon2id$v=19$m=65536,t=3,p=4$c2FsdHNhbHQ$aaaaaaaaaaaaaaaaaaaaaa",
    "jwt": b"eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJhc2hhIn0.dozjgNryP4J3jVmNHl0w5N",
    "zeros": bytes(33),
    "too short by one": sealed(1)[:32],
    "version 0": b"\0" + sealed(1)[1:],
    "version 2": b"\2" + sealed(1)[1:],
    "fernet": b"gAAAAABmbm9uY2Vub25jZW5vbmNlbm9uY2Vub25jZW5vbmNlbm9uY2U=",
}


@pytest.fixture(scope="module")
def connection(url: str) -> Generator[psycopg.Connection]:
    """Give a connection to a database with key 1, one user and no settings of mail."""
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("truncate oadb.key_canaries, oadb.users restart identity cascade")
        connection.execute("insert into oadb.key_canaries values (1, %s)", [sealed(1)])
        connection.execute("insert into oadb.users (username, email) values ('asha', 'a@x.in')")
        yield connection


@pytest.fixture
def session(connection: psycopg.Connection) -> Generator[psycopg.Connection]:
    """Give that connection in a transaction, which is rolled back in the end."""
    with connection.transaction(force_rollback=True):
        yield connection


def put(session: psycopg.Connection, statement: LiteralString, **values: bytes) -> None:
    """Insert a row; sealed columns that are not given are null."""
    found = session.execute("select max(user_id) from oadb.users").fetchone()
    assert found is not None
    names = {name.rpartition(".")[2] for name in CHECKED}
    given = dict.fromkeys(names) | {"user_id": found[0], "digest": bytes(32)} | values
    with session.transaction():
        session.execute(statement, given)


def test_every_sealed_column_of_the_schema_is_tried_here(session: psycopg.Connection) -> None:
    found = session.execute("""
        select pg_class.relname || '.' || pg_attribute.attname
        from pg_catalog.pg_attribute
        inner join pg_catalog.pg_class on pg_class.oid = pg_attribute.attrelid
        where
            pg_class.relnamespace = 'oadb'::regnamespace
            and pg_class.relkind = 'r'
            and pg_attribute.attnum > 0
            and not pg_attribute.attisdropped
            and pg_attribute.atttypid = 'bytea'::regtype
    """).fetchall()
    digested = {"sessions", "api_keys", "strategies"}
    checked = {"applied_migrations", "instrument_loads", "imports", "security_event_links"}
    plain = {
        "broker_tokens.content_digest", "known_devices.token_digest",
        "one_time_tokens.token_digest", "one_time_tokens.binding", "second_factors.recovery_salt",
    }  # fmt: skip  # a list
    plain |= {f"{table}.token_digest" for table in digested}
    plain |= {f"{table}.checksum" for table in checked}

    assert {name for (name,) in found} - plain == {*CHECKED}


@pytest.mark.parametrize("column", COLUMNS)
def test_a_value_under_a_known_key_is_stored(session: psycopg.Connection, column: str) -> None:
    statement, names, _ = COLUMNS[column]

    put(session, statement, **dict.fromkeys(names, sealed(1)))


@pytest.mark.parametrize("column", COLUMNS)
@for_each("key_id", [0, 5, 2**31, 2**32 - 1])
def test_a_value_under_a_key_without_a_canary_is_refused(
    session: psycopg.Connection, column: str, key_id: int
) -> None:
    statement, names, constraint = COLUMNS[column]
    with pytest.raises(errors.ForeignKeyViolation) as refused:
        put(session, statement, **dict.fromkeys(names, sealed(key_id)))

    assert refused.value.diag.constraint_name == constraint


@pytest.mark.parametrize("column", CHECKED)
@for_each("kind", PLAIN)
def test_a_value_that_is_not_sealed_is_refused(
    session: psycopg.Connection, column: str, kind: str
) -> None:
    statement, names, _ = CHECKED[column]
    values = dict.fromkeys(names, sealed(1)) | {names[-1]: PLAIN[kind]}
    with pytest.raises(errors.CheckViolation):
        put(session, statement, **values)


@pytest.mark.parametrize("column", [name for name in COLUMNS if len(COLUMNS[name][1]) > 1])
def test_the_values_of_a_row_are_under_one_key(session: psycopg.Connection, column: str) -> None:
    statement, names, _ = COLUMNS[column]
    put(session, CANARY, canary=sealed(5))
    table, _, name = column.partition(".")
    for key_id in (5, 6):
        with pytest.raises(errors.CheckViolation) as refused:
            put(session, statement, **{names[0]: sealed(1), name: sealed(key_id)})
        assert refused.value.diag.constraint_name == f"{table}_{name}_check"


@pytest.mark.parametrize("key_id", [0, 1, 4, 6, 2**32 - 1])
def test_a_canary_is_sealed_under_its_own_key(session: psycopg.Connection, key_id: int) -> None:
    with pytest.raises(errors.CheckViolation) as refused:
        put(session, CANARY, canary=sealed(key_id))

    assert refused.value.diag.constraint_name == "key_canaries_canary_check"


@pytest.mark.parametrize("column", COLUMNS)
def test_a_value_cannot_be_replaced_by_one_that_is_not_sealed(
    session: psycopg.Connection, column: str
) -> None:
    statement, names, _ = COLUMNS[column]
    put(session, statement, **dict.fromkeys(names, sealed(1)))
    table, _, name = column.partition(".")
    update = SQL("update oadb.{} set {} = %s").format(Identifier(table), Identifier(name))
    with pytest.raises(errors.CheckViolation), session.transaction():
        session.execute(update, [b"hunter2"])


def test_a_key_with_values_cannot_be_deleted(session: psycopg.Connection) -> None:
    for column, (statement, names, constraint) in COLUMNS.items():
        put(session, statement, **dict.fromkeys(names, sealed(1)))
        with pytest.raises(errors.ForeignKeyViolation) as refused, session.transaction():
            session.execute("delete from oadb.key_canaries where key_id = 1")
        session.execute(SQL("delete from oadb.{}").format(Identifier(column.partition(".")[0])))
        session.execute(
            "insert into oadb.users (username, email) values ('x', 'x@x.in') on conflict do nothing"
        )
        assert refused.value.diag.constraint_name == constraint, column
