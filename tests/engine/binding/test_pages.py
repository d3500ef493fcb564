"""Pages: every row exactly once, whatever happens between two pages; and cursors."""

# mypy: disable-error-code="empty-body"

import json
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Iterator
from dataclasses import dataclass, make_dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import psycopg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from oadb import Database, Page
from oadb.engine.binding.pages import Limit
from oadb.errors import DeclarationError, ParameterError, ResultError
from oadb.testing.servers import Server
from tests.engine.binding.probes import probes

START = datetime(2026, 11, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Note:
    noted_at: datetime
    note_id: int
    author: str


query = probes("""
-- name: list_notes
select
    noted_at,
    note_id,
    author
from public.notes
where
    (author = :author or cast(:author as text) is null)
    and noted_at >= coalesce(cast(:since as timestamptz), '-infinity')
    and noted_at < coalesce(cast(:until as timestamptz), 'infinity')
    and (noted_at, note_id) < (
        coalesce(cast(:last_noted_at as timestamptz), 'infinity'),
        coalesce(cast(:last_note_id as bigint), 0)
    )
order by
    noted_at desc,
    note_id desc
limit :limit;

-- name: list_others
select
    noted_at,
    note_id,
    author
from public.notes
where note_id > coalesce(cast(:last_note_id as bigint), 0)
order by note_id
limit :limit;
""")


@query
def list_notes(
    author: str | None = None,
    *,
    since: datetime | None = None,
    until: datetime | None = None,
    cursor: str | None = None,
    limit: Limit = 100,
) -> Page[Note]: ...


@query
def list_others(*, cursor: str | None = None, limit: Limit = 100) -> Page[Note]: ...


query.complete()


class Notes:
    """A table of notes: few moments, so that many rows have the same."""

    def __init__(self, connection: psycopg.Connection[Any]) -> None:
        self._connection = connection

    def clear(self) -> None:
        self._connection.execute("truncate public.notes")

    def add(self, note_id: int, moment: int) -> None:
        self._connection.execute(
            "insert into public.notes values (%s, %s, %s) on conflict do nothing",
            (START + timedelta(seconds=moment), note_id, "asha"),
        )

    def remove(self, note_id: int) -> None:
        self._connection.execute("delete from public.notes where note_id = %s", (note_id,))


@pytest.fixture(scope="module")
def own_url(oadb_server: Server) -> Iterator[str]:
    with oadb_server.clone("template1") as url:
        yield url


@pytest.fixture(scope="module")
def module_db(own_url: str) -> Iterator[Database]:
    with Database.from_url(own_url) as db:
        yield db


@pytest.fixture(scope="module")
def notes(own_url: str) -> Iterator[Notes]:
    with psycopg.connect(own_url, autocommit=True) as connection:
        connection.execute(
            "create table public.notes (noted_at timestamptz, note_id bigint primary key, "
            "author text not null)"
        )
        yield Notes(connection)


def read_all(db: Database, limit: int) -> Iterator[Page[Note]]:
    cursor = None
    while True:
        page = list_notes(db, limit=limit, cursor=cursor)
        yield page
        cursor = page.next
        if cursor is None:
            return


@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    before=st.dictionaries(st.integers(1, 40), st.integers(0, 3), max_size=25),
    meanwhile=st.lists(
        st.lists(st.tuples(st.booleans(), st.integers(1, 40), st.integers(0, 3)), max_size=4),
        max_size=12,
    ),
    limit=st.integers(1, 7),
)
def test_rows_that_stay_appear_once_while_others_come_and_go(
    module_db: Database,
    notes: Notes,
    before: dict[int, int],
    meanwhile: list[list[tuple[bool, int, int]]],
    limit: int,
) -> None:
    notes.clear()
    for note_id, moment in before.items():
        notes.add(note_id, moment)
    touched = {note_id for changes in meanwhile for _, note_id, _ in changes}
    changes = iter(meanwhile)
    found: list[int] = []
    for page in read_all(module_db, limit):
        found += [note.note_id for note in page]
        for is_added, note_id, moment in next(changes, []):
            (notes.add(note_id, moment) if is_added else notes.remove(note_id))

    staying = [note_id for note_id in found if note_id not in touched]
    assert sorted(staying) == sorted(before.keys() - touched)
    assert staying == sorted(staying, key=lambda each: (before[each], each), reverse=True)


def test_the_last_page_says_so_and_a_full_one_asks_no_further(
    module_db: Database, notes: Notes
) -> None:
    notes.clear()
    for note_id in range(1, 5):
        notes.add(note_id, 0)

    first = list_notes(module_db, limit=2)
    second = list_notes(module_db, limit=2, cursor=first.next)

    assert ([each.note_id for each in first], [each.note_id for each in second]) == ([4, 3], [2, 1])
    assert first.next is not None
    assert second.next is None
    assert len(list_notes(module_db, limit=3)) == 3
    assert list_notes(module_db, "nobody") == Page([], None)
    assert not list_notes(module_db, "nobody")


def test_a_window_may_move_between_pages_and_must_not_end_before_it_begins(
    module_db: Database, notes: Notes
) -> None:
    notes.clear()
    for note_id in range(1, 5):
        notes.add(note_id, note_id)
    second = timedelta(seconds=1)

    first = list_notes(module_db, since=START + 2 * second, limit=1)
    rest = list_notes(
        module_db, since=START + 3 * second, until=START + 9 * second, cursor=first.next
    )

    assert [each.note_id for each in (*first, *rest)] == [4, 3]
    with pytest.raises(
        ParameterError,
        match=r"^probe\.list_notes: since is after until; it must be the earlier one$",
    ):
        list_notes(module_db, since=START + second, until=START)


@pytest.mark.parametrize("limit", [0, -1, 1001, 2**40])
def test_a_limit_out_of_range_is_refused(module_db: Database, limit: int) -> None:
    with pytest.raises(ParameterError, match=r"^probe\.list_notes: limit must be 1 to 1000$"):
        list_notes(module_db, limit=limit)


def cursors(real: str) -> Iterator[str]:
    """Yield texts that are not cursors, and cursors that were altered."""
    content = urlsafe_b64decode(real + "=" * (-len(real) % 4))
    yield from ("", "x", "=", "1", "null", "\0", "é", "A" * 5000, real[:-1], real + "A", real[1:])
    yield from (f"{real[:5]}!{real[5:]}", f"{real}\n", f" {real}", f"\u0410{real}")
    yield urlsafe_b64encode(content[:8] + json.dumps(["2026-11-01", "5"]).encode()).decode()
    yield urlsafe_b64encode(bytes(8) + content[8:]).decode()
    for place in range(len(content)):
        altered = bytearray(content)
        altered[place] ^= 1
        yield urlsafe_b64encode(bytes(altered)).decode()


def test_a_cursor_that_was_altered_or_made_up_is_refused(module_db: Database, notes: Notes) -> None:
    notes.clear()
    for note_id in range(1, 5):
        notes.add(note_id, 0)
    real = list_notes(module_db, limit=1).next or ""

    for cursor in cursors(real):
        with pytest.raises(
            ParameterError, match=r"^probe\.list_notes: cursor is not one of "
        ) as no:
            list_notes(module_db, cursor=cursor)
        assert no.value.__context__ is None


def test_a_cursor_of_another_list_or_with_another_argument_is_refused(
    module_db: Database, notes: Notes
) -> None:
    notes.clear()
    for note_id in range(1, 5):
        notes.add(note_id, 0)
    real = list_notes(module_db, "asha", limit=1).next

    assert len(list_notes(module_db, "asha", cursor=real)) == 3
    for call in (
        lambda: list_others(module_db, cursor=real),
        lambda: list_notes(module_db, "ravi", cursor=real),
        lambda: list_notes(module_db, cursor=real),
    ):
        with pytest.raises(ParameterError, match="cursor is not one of this list"):
            call()


def test_a_page_that_cannot_be_paged_is_refused_when_it_is_declared() -> None:
    @dataclass(frozen=True, slots=True)
    class Price:
        ratio: float

    bad = probes("""
-- name: list_prices
select ratio
from public.prices
where ratio > coalesce(:last_ratio, 0) and :last_name is null
order by ratio
limit :limit;

-- name: list_first
select ratio from public.prices order by ratio limit :limit;
""")

    @bad
    def list_prices(*, cursor: str | None = None, limit: Limit = 100) -> Page[Price]: ...

    @bad
    def list_first(*, limit: Limit = 100) -> Page[Price]: ...

    with pytest.raises(DeclarationError) as refused:
        bad.complete()

    text = str(refused.value)
    assert ":last_ratio is not a column of the row with a type that a cursor can hold" in text
    assert ":last_name is not a column of the row" in text
    assert "a Page takes cursor: str | None, and limit: Limit" in text
    assert "the SQL has no :last_<column>" in text


def test_an_array_is_refused_as_part_of_a_position() -> None:
    @dataclass(frozen=True, slots=True)
    class Film:
        tags: list[str]

    bad = probes("""
-- name: list_films
select tags from public.films where tags > :last_tags order by tags limit :limit;
""")

    @bad
    def list_films(*, cursor: str | None = None, limit: Limit = 100) -> Page[Film]: ...

    with pytest.raises(DeclarationError, match=":last_tags is not a column of the row with a type"):
        bad.complete()


@pytest.mark.parametrize("kind", ["int", "text"])
def test_a_page_that_ends_with_a_null_in_its_order_is_an_error(
    module_db: Database, kind: str
) -> None:
    """A cursor would hold the text of None, and the next page would be wrong or fail."""

    film = make_dataclass("Film", [("maker", {"int": int | None, "text": str | None}[kind])])
    one = probes(f"""
-- name: list_films
select maker
from (values (cast(null as {kind})), (cast('7' as {kind}))) as films (maker)
where maker > :last_maker --? cursor
order by maker desc
limit :limit;
""")

    @one
    def list_films(*, cursor: str | None = None, limit: Limit = 100) -> Page[film]: ...

    one.complete()

    assert len(list_films(module_db, limit=2)) == 2
    with pytest.raises(ResultError, match="list_films: maker is null in the last row of a page"):
        list_films(module_db, limit=1)


def test_positions_of_every_type_are_read_back_exactly(module_db: Database) -> None:
    @dataclass(frozen=True, slots=True)
    class Row:
        price: Decimal
        number: int

    one = probes("""
-- name: list_prices
select price, number
from (values (1.10, 1), (1.1, 2), (0.3333333333333333333333333, 3)) as found (price, number)
where
    (price, number)
    < (coalesce(cast(:last_price as numeric), 9), coalesce(cast(:last_number as int), 9))
order by price desc, number desc
limit :limit;
""")

    @one
    def list_prices(*, cursor: str | None = None, limit: Limit = 100) -> Page[Row]: ...

    one.complete()
    found: list[int] = []
    cursor = None
    for _ in range(3):
        page = list_prices(module_db, limit=1, cursor=cursor)
        cursor = page.next
        found += [row.number for row in page]

    assert found == [2, 1, 3]
    assert cursor is None
