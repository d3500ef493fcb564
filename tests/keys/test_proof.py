"""Keys: which rings fit a database, and that nothing is written under one that does not."""

import asyncio
from collections.abc import Callable, Generator
from contextlib import contextmanager, suppress
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any, LiteralString

import argon2
import psycopg
import pytest
from psycopg import errors
from psycopg.sql import SQL, Identifier

from oadb import AsyncDatabase, Config, Database
from oadb.accounts import api_keys, sessions, users
from oadb.engine.pool_executors import AsyncPoolExecutor
from oadb.errors import ConfigError, KeyRingError
from oadb.keys import proof, rotation
from oadb.security.keyring import Key, KeyRing
from oadb.security.passwords import Passwords
from oadb.security.secret import Secret

MADE = datetime(2026, 1, 1, tzinfo=UTC)
FIRST = Key(1, "primary", MADE, bytes(range(32)))
SECOND = Key(2, "decrypt-only", MADE, bytes(range(32, 64)))
THIRD = Key(3, "decrypt-only", MADE, bytes(range(64, 96)))
STRANGER = replace(FIRST, root=bytes(range(96, 128)))

ONE = KeyRing([FIRST])
TWO = KeyRing([FIRST, SECOND])

PASSWORD = Secret("correct horse")


@pytest.fixture
def oadb_database_url(url: str) -> str:
    """Give the one database of these tests, empty again: quicker than a new one for each."""
    with psycopg.connect(url) as connection:
        connection.execute("truncate oadb.key_canaries, oadb.users restart identity cascade")
    return url


@pytest.fixture(autouse=True)
def _cheap_hashing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(users, "passwords", Passwords(argon2.profiles.CHEAPEST))


@contextmanager
def opened(config: Config, ring: KeyRing | None) -> Generator[Database]:
    """Give the database of *config* as a process with this ring sees it."""
    with Database(replace(config, keyring=ring)) as db:
        yield db


@pytest.fixture
def first(config: Config) -> Generator[Database]:
    """Give a database that knows the first key, and a process that has just that."""
    with opened(config, ONE) as db:
        proof.prove(db)
        yield db


@pytest.fixture
def rows(oadb_database_url: str) -> Callable[[], list[tuple[Any, ...]]]:
    """Give a function that returns the canaries, with the transaction and place of each row."""

    def read() -> list[tuple[Any, ...]]:
        with psycopg.connect(oadb_database_url) as connection:
            return connection.execute("""
                select key_id, canary, enrolled_at, xmin::text, ctid::text
                from oadb.key_canaries
                order by key_id
            """).fetchall()

    return read


Rows = Callable[[], list[tuple[Any, ...]]]


def is_proven(db: Database | AsyncDatabase) -> bool:
    inner = db if isinstance(db, AsyncDatabase) else db._inner
    return inner.vault.proven


# The first ring --------------------------------------------------------------------------------


def test_the_first_ring_of_a_database_is_enrolled(config: Config, rows: Rows) -> None:
    with opened(config, TWO) as db:
        proof.prove(db)
        before = rows()
        proof.prove(db)

        assert is_proven(db)
    assert [(row[0], row[1][:5]) for row in before] == [(1, b"\x01\0\0\0\x01")]
    assert rows() == before


async def test_the_first_ring_is_enrolled_for_asyncio(adb: AsyncDatabase, rows: Rows) -> None:
    await asyncio.gather(*(proof.prove(adb) for _ in range(4)))
    await proof.prove(adb)

    assert is_proven(adb)
    assert [row[0] for row in rows()] == [1]


def test_a_database_is_not_touched_before_a_key_is_needed(db: Database, rows: Rows) -> None:
    users.create(db, "asha", "asha@example.in")

    assert users.find_by_username(db, "asha") is not None
    assert not is_proven(db)
    assert rows() == []


def test_whoever_needs_a_key_first_proves_the_ring(db: Database, rows: Rows) -> None:
    asha = users.create(db, "asha", "asha@example.in")
    users.set_password(db, asha.user_id, PASSWORD)

    assert [row[0] for row in rows()] == [1]
    assert users.verify_password(db, "asha", PASSWORD) is not None
    assert is_proven(db)


class _UndoError(Exception):
    """Undoes a transaction."""


@pytest.mark.parametrize("times", [1, 2], ids=["once", "twice"])
def test_an_enrollment_that_is_rolled_back_proves_nothing(
    config: Config, rows: Rows, times: int
) -> None:
    with opened(config, ONE) as db:
        with suppress(_UndoError), db.transaction() as tx:
            for _ in range(times):
                proof.prove(tx)
            raise _UndoError
        assert rows() == []
        assert not is_proven(db)
        with opened(config, KeyRing([STRANGER])) as other:
            proof.prove(other)
        # What it stored now, under a key that the database knows as another one, would be lost.
        asha = users.create(db, "asha", "asha@example.in")
        with pytest.raises(KeyRingError, match="another key"):
            users.set_password(db, asha.user_id, PASSWORD)


def test_after_a_nested_transaction_that_failed_the_outer_one_enrolls_anew(
    config: Config, rows: Rows
) -> None:
    with opened(config, ONE) as db:
        asha = users.create(db, "asha", "asha@example.in")
        with db.transaction() as tx:
            with suppress(_UndoError), tx.transaction() as nested:
                users.set_password(nested, asha.user_id, PASSWORD)
                raise _UndoError
            assert users.set_password(tx, asha.user_id, PASSWORD)
        assert users.verify_password(db, "asha", PASSWORD) is not None
    assert [row[0] for row in rows()] == [1]


def test_a_transaction_that_is_rolled_back_is_no_obstacle_for_the_next(
    config: Config, rows: Rows
) -> None:
    with opened(config, ONE) as db:
        asha = users.create(db, "asha", "asha@example.in")
        for _ in range(2):
            with suppress(_UndoError), db.transaction() as tx:
                users.set_password(tx, asha.user_id, PASSWORD)
                assert users.verify_password(tx, "asha", PASSWORD) is not None
                raise _UndoError
        assert users.set_password(db, asha.user_id, PASSWORD)
    assert [row[0] for row in rows()] == [1]


def test_an_enrollment_in_a_nested_transaction_that_fails_proves_nothing(
    config: Config, rows: Rows
) -> None:
    with opened(config, ONE) as db:
        with db.transaction() as tx:
            with suppress(_UndoError), tx.transaction() as nested:
                proof.prove(nested)
                raise _UndoError
            users.create(tx, "asha", "asha@example.in")
        assert rows() == []
        assert not is_proven(db)


# Rings that do not fit -------------------------------------------------------------------------

UNFIT: dict[str, tuple[list[Key], str]] = {
    "wrong key": (
        [STRANGER],
        rf"key 1 of the ring is another key than .* \(fingerprint {STRANGER.fingerprint}\)",
    ),
    "wrong key beside the right one under another id": (
        [STRANGER, replace(FIRST, key_id=2, state="decrypt-only")],
        rf"key 1 .* \(fingerprint {STRANGER.fingerprint}\)",
    ),
    "key missing": (
        [replace(SECOND, state="primary")],
        "the database is sealed with key 1, which the ring lacks",
    ),
    "right key under another id": (
        [replace(FIRST, key_id=2)],
        "the database is sealed with key 1, which the ring lacks",
    ),
    "key retired": (
        [replace(FIRST, state="retired"), replace(SECOND, state="primary")],
        "key 1 is retired in the ring, but the database needs it",
    ),
    "primary unknown": (
        [replace(FIRST, state="decrypt-only"), replace(SECOND, state="primary")],
        "key 2 is primary in the key ring but unknown to the database; .*: oadb keys promote",
    ),
}


@pytest.mark.parametrize("case", UNFIT)
def test_an_unfit_ring_is_refused_and_nothing_is_written(
    first: Database, config: Config, rows: Rows, case: str
) -> None:
    asha = users.create(first, "asha", "asha@example.in")
    users.set_password(first, asha.user_id, PASSWORD)
    before, stored = rows(), users._find_password(first, "asha")
    ring, problem = UNFIT[case]
    with opened(config, KeyRing(ring)) as db:
        for way in ("prove", "password", "sign-in", "transaction", "prove"):
            with pytest.raises(KeyRingError, match=problem) as refused:
                attempt(db, way, asha.user_id)
            assert repr(STRANGER.root) not in repr(refused.value)
            assert not is_proven(db)

    assert rows() == before
    assert users._find_password(first, "asha") == stored
    assert users.verify_password(first, "asha", PASSWORD) is not None


def attempt(db: Database, way: str, user_id: int) -> None:
    if way == "prove":
        proof.prove(db)
    elif way == "password":
        users.set_password(db, user_id, PASSWORD)
    elif way == "sign-in":
        users.verify_password(db, "asha", PASSWORD)
    else:
        with db.transaction() as tx:
            users.set_password(tx, user_id, PASSWORD)


@pytest.mark.usefixtures("first")
def test_of_several_wrong_keys_the_first_is_named(config: Config) -> None:
    with opened(config, TWO) as db:
        proof.admit(db, 2)
    wrong = [replace(STRANGER, key_id=2, state="decrypt-only"), FIRST]
    with opened(config, KeyRing(wrong)) as db, pytest.raises(KeyRingError, match="key 2 of the"):
        proof.prove(db)


@pytest.mark.usefixtures("first")
@pytest.mark.parametrize(
    "ring",
    [
        KeyRing([FIRST, SECOND]),
        KeyRing([FIRST, replace(SECOND, state="retired")]),
        KeyRing([FIRST, SECOND, THIRD]),
    ],
    ids=["decrypt-only", "retired", "two"],
)
def test_keys_that_the_database_does_not_know_yet_are_fine_unless_primary(
    config: Config, rows: Rows, ring: KeyRing
) -> None:
    before = rows()
    with opened(config, ring) as db:
        proof.prove(db)

        assert is_proven(db)
    assert rows() == before


def test_without_a_ring_what_needs_one_says_so(config: Config, rows: Rows) -> None:
    with opened(config, None) as db:
        asha = users.create(db, "asha", "asha@example.in")
        attempts: list[Callable[[], object]] = [
            lambda: proof.prove(db),
            lambda: proof.admit(db, 1),
            lambda: users.set_password(db, asha.user_id, PASSWORD),
            lambda: users.verify_password(db, "asha", PASSWORD),
        ]
        for each in attempts:
            with pytest.raises(ConfigError, match=r"OADB_KEYRING_FILE is not set.* oadb keys new"):
                each()
        assert users.find_by_username(db, "asha") == asha
    assert rows() == []


# Two at once -----------------------------------------------------------------------------------


def meanwhile(monkeypatch: pytest.MonkeyPatch, other: Database) -> None:
    """Let another process enroll its ring when the next one has seen that there is none."""
    enroll_first = proof._enroll_first

    async def late(db: Any, ring: KeyRing) -> None:
        monkeypatch.setattr(proof, "_enroll_first", enroll_first)
        proof.prove(other)
        await enroll_first(db, ring)

    monkeypatch.setattr(proof, "_enroll_first", late)


def test_of_two_rings_with_one_id_that_enroll_at_once_one_is_refused(
    config: Config, rows: Rows, monkeypatch: pytest.MonkeyPatch
) -> None:
    with opened(config, ONE) as winner, opened(config, KeyRing([STRANGER])) as loser:
        meanwhile(monkeypatch, winner)
        with pytest.raises(KeyRingError, match="key 1 of the ring is another key"):
            proof.prove(loser)
        assert not is_proven(loser)
        proof.prove(winner)
        assert is_proven(winner)
    assert [row[0] for row in rows()] == [1]


# One transaction inserts key 1, the other key 2: nothing makes either of them wait.
def test_of_two_rings_with_different_ids_that_enroll_at_once_one_is_refused(
    config: Config, rows: Rows, monkeypatch: pytest.MonkeyPatch
) -> None:
    with (
        opened(config, ONE) as winner,
        opened(config, KeyRing([replace(SECOND, state="primary")])) as loser,
    ):
        meanwhile(monkeypatch, winner)
        with pytest.raises(KeyRingError, match="sealed with key 1, which the ring lacks"):
            proof.prove(loser)
        assert not is_proven(loser)
        assert [row[0] for row in rows()] == [1]
        proof.prove(winner)
        assert is_proven(winner)


def test_two_processes_with_the_same_ring_may_enroll_at_once(
    config: Config, rows: Rows, monkeypatch: pytest.MonkeyPatch
) -> None:
    with opened(config, ONE) as one, opened(config, ONE) as other:
        meanwhile(monkeypatch, one)
        proof.prove(other)
        proof.prove(one)

        assert is_proven(one)
    assert [row[0] for row in rows()] == [1]


# Roles -----------------------------------------------------------------------------------------


@contextmanager
def every_session_is(url: str, role: str) -> Generator[None]:
    """Let whoever connects to the database work as *role*."""
    with psycopg.connect(url, autocommit=True) as connection:
        names = connection.execute("select current_user, current_database()").fetchone()
        assert names is not None
        alter = SQL("alter role {} in database {} ").format(*map(Identifier, names))
        connection.execute(alter + SQL("set role to {}").format(Identifier(role)))
        yield
        connection.execute(alter + SQL("reset role"))


@pytest.mark.parametrize("role", ["oadb_app", "oadb_user"])
def test_a_role_that_may_not_enroll_is_told_who_may(
    config: Config, oadb_database_url: str, rows: Rows, role: str
) -> None:
    with every_session_is(oadb_database_url, role), opened(config, ONE) as db:
        with pytest.raises(
            KeyRingError, match=r"this role may not enroll key 1; .*oadb keys promote.*oadb_rotate"
        ) as refused:
            proof.prove(db)
        assert refused.value.__context__ is None
        assert not is_proven(db)
    assert rows() == []


def test_a_role_that_may_not_enroll_can_still_prove(
    first: Database, config: Config, oadb_database_url: str, rows: Rows
) -> None:
    before = rows()
    with every_session_is(oadb_database_url, "oadb_app"), opened(config, ONE) as db:
        proof.prove(db)

        assert is_proven(db)
        asha = users.create(db, "asha", "asha@example.in")
        assert users.set_password(db, asha.user_id, PASSWORD)
    assert users.verify_password(first, "asha", PASSWORD) is not None
    assert rows() == before


def test_the_role_that_rotates_may_enroll(
    config: Config, oadb_database_url: str, rows: Rows
) -> None:
    with every_session_is(oadb_database_url, "oadb_rotate"), opened(config, TWO) as db:
        proof.prove(db)
        proof.admit(db, 2)
        proof.withdraw(db, 2)
    assert [row[0] for row in rows()] == [1]


# Keys that come and go -------------------------------------------------------------------------


@pytest.mark.usefixtures("first")
def test_an_admitted_key_can_become_primary(config: Config, rows: Rows) -> None:
    with opened(config, TWO) as db:
        proof.admit(db, 2)
        proof.admit(db, 2)
    assert [row[0] for row in rows()] == [1, 2]
    with opened(config, TWO.with_primary(2)) as db:
        asha = users.create(db, "asha", "asha@example.in")
        users.set_password(db, asha.user_id, PASSWORD)
        assert [(use.table_name, use.key_id, use.uses) for use in proof.list_uses(db)] == [
            ("users", 2, 1)
        ]
    # Who started before the key was admitted is refused when it starts again.
    with (
        opened(config, ONE) as db,
        pytest.raises(KeyRingError, match="key 2, which the ring lacks"),
    ):
        proof.prove(db)


@pytest.mark.parametrize(
    ("ring", "key_id", "problem"),
    [
        pytest.param(TWO, 3, "key 3 is not in the ring", id="missing"),
        pytest.param(
            KeyRing([FIRST, replace(SECOND, state="retired")]), 2, "key 2 is retired", id="retired"
        ),
        pytest.param(KeyRing([STRANGER, SECOND]), 2, "key 1 of the ring is another", id="unfit"),
    ],
)
def test_a_key_that_cannot_be_admitted_is_not(
    first: Database, config: Config, rows: Rows, ring: KeyRing, key_id: int, problem: str
) -> None:
    before = rows()
    with opened(config, ring) as db, pytest.raises(KeyRingError, match=problem):
        proof.admit(db, key_id)

    assert rows() == before
    assert is_proven(first)


@pytest.mark.usefixtures("first")
def test_a_key_of_another_ring_that_was_admitted_meanwhile_is_noticed(
    config: Config, rows: Rows, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two operators generate a key 2 each; the second must not believe that theirs is known."""
    theirs = KeyRing([FIRST, replace(THIRD, key_id=2)])
    enroll = proof._enroll

    async def late(db: Any, key_id: int, canary: bytes) -> None:
        monkeypatch.setattr(proof, "_enroll", enroll)
        with opened(config, TWO) as other:
            proof.admit(other, 2)
        await enroll(db, key_id, canary)

    monkeypatch.setattr(proof, "_enroll", late)
    with opened(config, theirs) as db, pytest.raises(KeyRingError, match="key 2 of the ring is an"):
        proof.admit(db, 2)
    assert [row[0] for row in rows()] == [1, 2]
    with opened(config, TWO) as db:
        proof.prove(db)


def test_a_key_is_withdrawn_when_no_row_needs_it_any_more(
    first: Database, config: Config, rows: Rows
) -> None:
    asha = users.create(first, "asha", "asha@example.in")
    users.set_password(first, asha.user_id, PASSWORD)
    with opened(config, TWO) as db:
        proof.admit(db, 2)
    before = rows()
    with opened(config, TWO.with_primary(2)) as db:
        with pytest.raises(KeyRingError, match="key 1 is still needed by rows of users"):
            proof.withdraw(db, 1)
        assert rows()[1:] == before[1:]
        assert [row[:4] for row in rows()] == [row[:4] for row in before]
        assert rotation.rewrap(db, users.SEALED, 1, 100).rows == 1
        assert rotation.rewrap(db, users.SEALED, 1, 100).rows == 0
        proof.withdraw(db, 1)
        assert [row[0] for row in rows()] == [2]
        assert users.verify_password(db, "asha", PASSWORD) is not None
    # Whoever still seals with it cannot store what it seals.
    with pytest.raises(KeyRingError, match="key 1, which this process seals with, is not or no lo"):
        users.set_password(first, asha.user_id, PASSWORD)


def test_a_key_is_not_withdrawn_in_a_transaction_either_while_it_is_needed(
    first: Database, rows: Rows
) -> None:
    asha = users.create(first, "asha", "asha@example.in")
    users.set_password(first, asha.user_id, PASSWORD)
    with first.transaction() as tx:
        with pytest.raises(KeyRingError, match="still needed"):
            proof.withdraw(tx, 1)
        assert users.get(tx, asha.user_id) is not None
    assert [row[0] for row in rows()] == [1]


def test_to_withdraw_an_unknown_key_changes_nothing(first: Database, rows: Rows) -> None:
    before = rows()
    proof.withdraw(first, 9)

    assert rows() == before


# What the database itself refuses --------------------------------------------------------------


def sealed(key_id: int) -> bytes:
    """Return what looks sealed to the database."""
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

# For each sealed column: how a row comes into its table, and the sealed columns of that row.
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


@pytest.fixture
def session(url: str) -> Generator[psycopg.Connection]:
    """Give a connection whose work is undone, to a database that knows key 1 and one user."""
    with psycopg.connect(url) as connection:
        connection.execute("truncate oadb.key_canaries, oadb.users restart identity cascade")
        connection.execute("insert into oadb.key_canaries values (1, %s)", [sealed(1)])
        connection.execute("insert into oadb.users (username, email) values ('asha', 'a@x.in')")
        yield connection
        connection.rollback()


def put(session: psycopg.Connection, statement: LiteralString, **values: bytes) -> None:
    """Insert a row; sealed columns that are not given are null."""
    found = session.execute("select max(user_id) from oadb.users").fetchone()
    assert found is not None
    names = {name.rpartition(".")[2] for name in CHECKED}
    given = dict.fromkeys(names) | {"user_id": found[0], "digest": bytes(32)} | values
    with session.transaction():
        session.execute(statement, given)


def test_these_are_all_the_sealed_columns_of_the_schema(session: psycopg.Connection) -> None:
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
    checked = {"applied_migrations", "instrument_loads", "imports"}
    plain = {"broker_tokens.content_digest"}
    plain |= {f"{table}.token_digest" for table in digested}
    plain |= {f"{table}.checksum" for table in checked}

    assert {name for (name,) in found} - plain == {*CHECKED}


@pytest.mark.parametrize("column", COLUMNS)
def test_a_value_under_a_known_key_is_stored(session: psycopg.Connection, column: str) -> None:
    statement, names, _ = COLUMNS[column]

    put(session, statement, **dict.fromkeys(names, sealed(1)))


@pytest.mark.parametrize("column", COLUMNS)
@pytest.mark.parametrize("key_id", [0, 5, 2**31, 2**32 - 1])
def test_a_value_under_a_key_without_a_canary_is_refused(
    session: psycopg.Connection, column: str, key_id: int
) -> None:
    statement, names, constraint = COLUMNS[column]
    with pytest.raises(errors.ForeignKeyViolation) as refused:
        put(session, statement, **dict.fromkeys(names, sealed(key_id)))

    assert refused.value.diag.constraint_name == constraint


@pytest.mark.parametrize("column", CHECKED)
@pytest.mark.parametrize("kind", PLAIN)
def test_what_is_not_sealed_is_refused(session: psycopg.Connection, column: str, kind: str) -> None:
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


def test_a_key_with_values_cannot_be_deleted_by_anybody(session: psycopg.Connection) -> None:
    for column, (statement, names, constraint) in COLUMNS.items():
        put(session, statement, **dict.fromkeys(names, sealed(1)))
        with pytest.raises(errors.ForeignKeyViolation) as refused, session.transaction():
            session.execute("delete from oadb.key_canaries where key_id = 1")
        session.execute(SQL("delete from oadb.{}").format(Identifier(column.partition(".")[0])))
        session.execute(
            "insert into oadb.users (username, email) values ('x', 'x@x.in') on conflict do nothing"
        )
        assert refused.value.diag.constraint_name == constraint, column


# Tokens ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("domain", ["api_keys", "sessions"])
def test_a_token_is_found_although_its_row_is_sealed_again_meanwhile(
    config: Config, monkeypatch: pytest.MonkeyPatch, domain: str
) -> None:
    """Also by a process that was not told yet which key is primary now."""
    run = AsyncPoolExecutor.run
    asked: list[str] = []

    async def meddled(executor: AsyncPoolExecutor, query: Any, params: tuple[Any, ...]) -> Any:
        found = await run(executor, query, params)
        asked.append(query.label)
        if "._find_by_digest" in query.label:
            for module in (api_keys, sessions):
                rotation.rewrap(after, module.SEALED, 1, 10)
        return found

    with opened(config, TWO) as before, opened(config, TWO.with_primary(2)) as after:
        asha = users.create(before, "asha", "asha@example.in")
        shown = {
            "api_keys": api_keys.issue(before, asha.user_id, "x", order_mode="auto").token,
            "sessions": sessions.create(before, asha).token,
        }[domain]
        proof.admit(before, 2)
        monkeypatch.setattr(AsyncPoolExecutor, "run", meddled)
        find = api_keys.verify if domain == "api_keys" else sessions.find
        found = [getattr(find(before, shown), "user_id", None) for _ in range(2)]

    assert found == [asha.user_id] * 2
    assert asked.count(f"{domain}._find_by_digests") == 2
    assert f"{domain}._find_by_digest" not in asked
