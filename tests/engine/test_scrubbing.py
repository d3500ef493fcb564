"""Errors of PostgreSQL keep their class and constraint, and lose the data of rows."""

# mypy: disable-error-code="empty-body"

import traceback
from collections.abc import Callable, Generator, Iterator
from datetime import datetime

import psycopg
import pytest
from psycopg import errors

from oadb import Affected, AsyncDatabase, Database
from oadb.accounts import users
from oadb.engine.executors import Executor
from tests.engine.binding.probes import probes
from tests.support.error_texts import error_texts

SECRET = "hunter2@example.in"

query = probes("""
-- name: cast_number
select :secret::bigint as number;

-- name: cast_date
select (:secret || '')::date is null as missing;

-- name: write
-- Violates several constraints.
insert into oadb.users (
    username,
    email,
    first_name
)
values (
    :username,
    :email,
    ''
);

-- name: forget
update oadb.users
set username = null
where email = :email;

-- name: far_future
select (:years || ' years')::interval + timestamptz '0001-01-01 00:00+00' as moment;

-- name: list_missing
select user_id
from oadb.users
where
    true


    and no_such_column = 1


order by user_id

limit 1;

-- name: list_casts
select email::bigint as number
from oadb.users
order by user_id;
""")


@query
def cast_number(secret: str) -> int: ...


@query
def cast_date(secret: str) -> bool: ...


@query
def write(username: str, email: str) -> Affected: ...


@query
def forget(email: str) -> Affected: ...


@query
def far_future(years: str) -> datetime: ...


@query
def list_missing() -> Iterator[int]: ...


@query
def list_casts() -> Iterator[int]: ...


query.complete()

Violation = tuple[Callable[[Executor], object], type[psycopg.Error], str | None]

VIOLATIONS: dict[str, Violation] = {
    "unique": (
        lambda db: users.create(db, "other", SECRET.upper()),
        errors.UniqueViolation,
        "users_email_lower_key",
    ),
    "check": (
        lambda db: write(db, "new", f"x{SECRET}"),
        errors.CheckViolation,
        "users_first_name_check",
    ),
    "not null": (lambda db: forget(db, SECRET), errors.NotNullViolation, None),
    "number": (lambda db: cast_number(db, SECRET), errors.InvalidTextRepresentation, None),
    "date": (lambda db: cast_date(db, SECRET), errors.InvalidDatetimeFormat, None),
    "stream": (lambda db: list(list_casts(db)), errors.InvalidTextRepresentation, None),
}


@pytest.fixture(scope="module")
def filled(shared_db: Database) -> Generator[Database]:
    """Give a database with a user whose e-mail address is the secret."""
    asha = users.create(shared_db, "asha", SECRET)
    yield shared_db
    users.delete(shared_db, asha.user_id)


def checked(error: psycopg.Error, kind: str) -> None:
    _, expected, constraint = VIOLATIONS[kind]
    assert isinstance(error, expected)
    assert error.sqlstate == expected.sqlstate
    assert error.diag.constraint_name == constraint
    assert error.diag.message_detail is None
    assert error.diag.context is None
    assert error.diag.message_hint is None
    assert "hunter2" not in error_texts(error).lower()


@pytest.mark.holds("I6")
@pytest.mark.parametrize("kind", VIOLATIONS)
def test_an_error_keeps_its_class_and_constraint_and_loses_the_row(
    filled: Database, kind: str
) -> None:
    with pytest.raises(psycopg.Error) as raised:
        VIOLATIONS[kind][0](filled)

    checked(raised.value, kind)


@pytest.mark.parametrize("kind", VIOLATIONS)
def test_an_error_in_a_transaction_loses_the_row(filled: Database, kind: str) -> None:
    with pytest.raises(psycopg.Error) as raised, filled.transaction() as tx:
        VIOLATIONS[kind][0](tx)

    checked(raised.value, kind)


async def test_an_error_over_asyncio_loses_the_row(adb: AsyncDatabase) -> None:
    await users.create(adb, "asha", SECRET)
    with pytest.raises(errors.UniqueViolation) as alone:
        await users.create(adb, "other", SECRET)
    with pytest.raises(errors.UniqueViolation) as together:
        async with adb.transaction() as tx:
            await users.create(tx, "other", SECRET)

    checked(alone.value, "unique")
    checked(together.value, "unique")


def test_no_frame_of_psycopg_is_in_the_traceback(filled: Database) -> None:
    """Error trackers attach the variables of every frame; those of psycopg hold the values."""
    with pytest.raises(psycopg.Error) as raised:
        users.create(filled, "other", SECRET)
    below = [
        frame.f_globals["__name__"]
        for frame, _ in traceback.walk_tb(raised.value.__traceback__)
        if frame.f_globals["__name__"].startswith("psycopg")
    ]

    assert below == []


def test_an_error_names_the_query_and_the_place_in_its_file(shared_db: Database) -> None:
    with pytest.raises(errors.UndefinedColumn) as raised:
        list(list_missing(shared_db))
    statement = next(iter(query)).statement
    text = "\n".join(q.statement.sql.decode() for q in query if q.label == "probe.list_missing")
    here = next(q.statement.line for q in query if q.label == "probe.list_missing")
    line = here + text[: text.index("no_such_column")].count("\n")

    assert str(raised.value).startswith("probe.list_missing: column ")
    assert str(raised.value).endswith(f"({statement.path}:{line})")


def test_a_value_that_python_cannot_hold_is_not_quoted(shared_db: Database) -> None:
    """The error of psycopg itself quotes the value."""
    with pytest.raises(psycopg.DataError) as raised:
        far_future(shared_db, "23456")

    assert "23457" not in error_texts(raised.value)
    assert "probe.far_future" in str(raised.value)


def test_the_password_of_a_user_is_in_no_error_about_the_user(filled: Database) -> None:
    user = users.find_by_username(filled, "asha")
    assert user is not None
    users.update(filled, user.user_id, first_name="hunter2")
    with pytest.raises(errors.NotNullViolation) as raised:
        forget(filled, SECRET)

    assert "hunter2" not in error_texts(raised.value)
