"""COPY, in and out, sync and async: all rows or none."""

# mypy: disable-error-code="empty-body"

from collections.abc import Iterable, Iterator
from contextlib import aclosing, closing

import psycopg
import pytest

from oadb import Affected, AsyncDatabase, Database
from oadb.accounts import users
from oadb.engine.binding import copies
from oadb.engine.binding.statements import parse
from tests.engine.binding.probes import probes
from tests.support.rig import is_idle

pytestmark = pytest.mark.changes_rows

query = probes("""
-- name: import_users
copy oadb.users (
    username,
    email
) from stdin;

-- name: import_admins
copy oadb.users (
    username,
    email,
    is_admin
) from stdin;

-- name: import_text
copy oadb.users (
    username,
    email
) from stdin;

-- name: export_users
copy (
    select
        username,
        email
    from oadb.users
    order by username
) to stdout with (format csv);

-- name: export_numbers
copy (
    select generate_series(1, 10000)
) to stdout;
""")


@query
def import_users(rows: Iterable[tuple[object, ...]]) -> Affected: ...


@query
def import_admins(rows: Iterable[tuple[object, ...]]) -> Affected: ...


@query
def import_text(blocks: Iterable[bytes]) -> Affected: ...


@query
def export_users() -> Iterator[bytes]: ...


@query
def export_numbers() -> Iterator[bytes]: ...


query.complete()

PEOPLE = [(f"user{n}", f"user{n}@example.in") for n in range(2500)]
ODD = [("quotes", "\\N,\"'@example.in"), ("back", "\\.@example.in"), ("t", "\\t@example.in")]


def test_copied_rows_are_counted_and_can_be_exported(db: Database) -> None:
    assert import_users(db, PEOPLE) == len(PEOPLE)
    lines = b"".join(export_users(db)).decode().splitlines()

    assert lines == sorted(",".join(row) for row in PEOPLE)
    assert is_idle(db)


async def test_copied_rows_are_counted_and_can_be_exported_over_asyncio(adb: AsyncDatabase) -> None:
    assert await import_users(adb, iter(PEOPLE)) == len(PEOPLE)
    blocks = [block async for block in export_users(adb)]

    assert b"".join(blocks).decode().splitlines() == sorted(",".join(row) for row in PEOPLE)
    assert is_idle(adb)


def test_a_row_that_the_server_refuses_is_named_by_its_line_and_column(db: Database) -> None:
    with pytest.raises(psycopg.errors.UniqueViolation, match=": line 3: username must be unique"):
        import_users(db, [*PEOPLE[:2], PEOPLE[0]])
    with pytest.raises(
        psycopg.errors.NotNullViolation, match=r": line 2: [a-z_]+ must be given, and not null"
    ):
        import_users(db, [PEOPLE[0], ("asha", None)])
    with pytest.raises(psycopg.errors.InvalidTextRepresentation) as refused:
        import_admins(db, [("asha", "asha@example.in", "perhaps")])

    assert str(refused.value) == (
        "probe.import_admins: line 1, column is_admin: invalid text representation"
    )


def test_special_characters_of_copy_are_text(db: Database) -> None:
    import_users(db, ODD)

    assert {(user.username, user.email) for user in users.list_all(db)} == set(ODD)


def test_copying_no_rows_is_allowed(db: Database) -> None:
    assert import_users(db, []) == 0
    assert list(export_users(db)) == []


BAD_ROWS: list[tuple[tuple[object, ...], type[Exception]]] = [
    (("has space", "b@example.in"), psycopg.errors.CheckViolation),
    (("user1", "other@example.in"), psycopg.errors.UniqueViolation),
    ((None, "b@example.in"), psycopg.errors.NotNullViolation),
    (("few",), psycopg.errors.BadCopyFileFormat),
    (("many", "b@example.in", "more"), psycopg.errors.BadCopyFileFormat),
]


@pytest.mark.parametrize(("row", "expected"), BAD_ROWS)
def test_a_bad_row_leaves_nothing(
    db: Database, row: tuple[object, ...], expected: type[Exception]
) -> None:
    with pytest.raises(expected, match=r"^probe\.import_users: ") as refused:
        import_users(db, [*PEOPLE, row, ("last", "last@example.in")])

    assert "example.in" not in str(refused.value)
    assert users.count(db) == 0
    assert is_idle(db)


async def test_a_bad_row_leaves_nothing_for_asyncio(adb: AsyncDatabase) -> None:
    with pytest.raises(psycopg.errors.UniqueViolation):
        await import_users(adb, [*PEOPLE, PEOPLE[0]])

    assert await users.count(adb) == 0
    assert is_idle(adb)


def failing() -> Iterator[tuple[object, ...]]:
    yield from PEOPLE
    raise LookupError("the source broke")


def test_a_source_that_breaks_leaves_nothing(db: Database) -> None:
    with pytest.raises(LookupError, match="the source broke"):
        import_users(db, failing())

    assert users.count(db) == 0
    assert import_users(db, PEOPLE) == len(PEOPLE)


async def test_a_source_that_breaks_leaves_nothing_for_asyncio(adb: AsyncDatabase) -> None:
    with pytest.raises(LookupError, match="the source broke"):
        await import_users(adb, failing())

    assert await users.count(adb) == 0
    assert await import_users(adb, PEOPLE) == len(PEOPLE)


def test_a_copy_in_a_transaction_is_rolled_back_with_it(db: Database) -> None:
    with pytest.raises(LookupError), db.transaction() as tx:  # noqa: PT012  # the block is what is tested
        assert import_users(tx, PEOPLE) == len(PEOPLE)
        raise LookupError

    assert users.count(db) == 0


def test_an_export_left_early_leaves_a_database_that_works(shared_db: Database) -> None:
    with closing(export_numbers(shared_db)) as blocks:
        assert next(blocks)

    assert is_idle(shared_db)
    assert sum(len(block) for block in export_numbers(shared_db)) > 10_000


async def test_an_async_export_left_early_leaves_a_database_that_works(
    adb: AsyncDatabase,
) -> None:
    async with aclosing(export_numbers(adb)) as blocks:
        assert await anext(blocks)

    assert is_idle(adb)
    assert await users.count(adb) == 0


def test_prepared_text_is_copied_in_blocks_of_any_size(db: Database) -> None:
    text = "".join(f"{name}\t{email}\n" for name, email in PEOPLE).encode()

    assert import_text(db, (text[n : n + 999] for n in range(0, len(text), 999))) == len(PEOPLE)
    assert users.count(db) == len(PEOPLE)


async def test_prepared_text_is_copied_over_asyncio(adb: AsyncDatabase) -> None:
    assert await import_text(adb, [b"asha\tasha@example.in\n"]) == 1


@pytest.mark.parametrize(
    ("sql", "table"),
    [
        ('copy oadb."odd name" (a, b) from stdin', 'oadb."odd name"'),
        ("copy /* all */ oadb.users(a) to stdout", "oadb.users"),
        ("copy (select a from oadb.users) to stdout", None),
    ],
)
def test_the_table_of_a_copy_is_known_and_a_query_has_none(sql: str, table: str | None) -> None:
    assert copies.copied_table(parse(f"-- name: go\n{sql};", "rows", "rows.sql")["go"]) == table
