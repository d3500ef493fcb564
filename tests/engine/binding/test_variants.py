"""Variants: lines of a statement that are there for some arguments, each combination fixed SQL."""

from collections.abc import Callable, Generator, Iterable, Iterator
from dataclasses import dataclass
from typing import Any, Literal

import pytest
from psycopg.errors import DivisionByZero, UndefinedColumn

from oadb import Affected, Page
from oadb.engine.binding.pages import Limit
from oadb.engine.binding.queries import Queries, Query
from oadb.engine.binding.statements import parse
from oadb.engine.binding.values import UNSET, Unset
from oadb.errors import DeclarationError, ParameterError
from tests.support.rig import Connect, Db, Observer

SQL = """
-- name: list_notes
-- Newest first, or oldest.
select
    note_id,
    author,
    text
from public.note
where
    note_id > :after
    and author = :author               --? author
    and text like :text                --? text
    and not is_hidden                  --? visible
order by
    note_id desc                       --? order = newest
    -- note_id                         --? order = oldest
limit :rows;

-- name: page_notes
select
    note_id,
    author,
    text
from public.note
where
    true
    and author = :author               --? author
    and note_id < :last_note_id        --? cursor and order = newest
    -- and note_id > :last_note_id     --? cursor and order = oldest
order by
    note_id desc                       --? order = newest
    -- note_id                         --? order = oldest
limit :limit;

-- name: update_note
update public.note set
    note_id = note_id
    , author = :author                 --? author
    , text = :text                     --? text
where note_id = :note_id
returning
    note_id,
    author,
    text;
"""

TABLE = """
create table public.note (
    note_id bigint primary key,
    author text,
    text text not null,
    is_hidden boolean not null default false
)
"""


@dataclass(frozen=True, slots=True)
class Note:
    note_id: int
    author: str | None
    text: str


Order = Literal["newest", "oldest"]


def declared(sql: str, *functions: Callable[..., Any]) -> dict[str, Query[..., Any]]:
    query = Queries("notes", parse(sql, "notes", "sql/queries/notes.sql"))
    found = {function.__name__: query(function) for function in functions}
    query.complete()
    return found


def list_notes(
    after: int = 0,
    author: str | None = None,
    text: str | None = None,
    visible: bool = False,
    order: Order = "newest",
    rows: int = 100,
) -> list[Note]: ...


def page_notes(
    author: str | None = None,
    order: Order = "newest",
    cursor: str | None = None,
    limit: Limit = 100,
) -> Page[Note]: ...


def update_note(
    note_id: int, author: str | Unset | None = UNSET, text: str | Unset = UNSET
) -> Note | None: ...


def refused(sql: str, function: Callable[..., Any]) -> str:
    with pytest.raises(DeclarationError) as caught:
        declared(sql, function)
    return str(caught.value)


@pytest.fixture
def db(connect: Connect, observer: Observer) -> Generator[Db]:
    observer.rows(TABLE)
    observer.rows(
        "insert into public.note values (1, 'asha', 'one', false), (2, 'ben', 'two', false), "
        "(3, null, 'three', false), (4, 'asha', 'four', true)"
    )
    yield connect()
    observer.rows("drop table public.note")


def ids(rows: list[Note]) -> list[int]:
    return [row.note_id for row in rows]


QUERY = declared(SQL, list_notes, page_notes, update_note)
LIST, PAGE, UPDATE = QUERY["list_notes"], QUERY["page_notes"], QUERY["update_note"]


# Calls -----------------------------------------------------------------------------------------


def test_a_line_is_there_when_its_argument_is_given(db: Db) -> None:
    assert ids(LIST(db)) == [4, 3, 2, 1]
    assert ids(LIST(db, author="asha")) == [4, 1]
    assert ids(LIST(db, author="asha", text="f%")) == [4]
    assert ids(LIST(db, 1, author="asha", rows=1)) == [4]


def test_a_line_with_a_bool_is_there_when_it_is_true(db: Db) -> None:
    assert ids(LIST(db, visible=True)) == [3, 2, 1]
    assert ids(LIST(db, author="asha", visible=True)) == [1]


def test_a_commented_line_is_there_when_its_value_is_chosen(db: Db) -> None:
    assert ids(LIST(db, order="oldest")) == [1, 2, 3, 4]
    assert ids(LIST(db, order="oldest", visible=True, rows=2)) == [1, 2]


def test_a_list_with_variants_can_be_paged_through(db: Db) -> None:
    for order, expected in ("newest", [4, 1]), ("oldest", [1, 4]):
        first = PAGE(db, "asha", order=order, limit=1)
        second = PAGE(db, "asha", order=order, limit=1, cursor=first.next)

        assert [*ids(first.rows), *ids(second.rows)] == expected
        assert second.next is None


def test_a_cursor_of_another_variant_is_refused(db: Db) -> None:
    cursor = PAGE(db, "asha", limit=1).next

    with pytest.raises(ParameterError, match="cursor is not one of this list"):
        PAGE(db, "asha", order="oldest", cursor=cursor)
    with pytest.raises(ParameterError, match="cursor is not one of this list"):
        PAGE(db, cursor=cursor)


def test_an_update_sets_what_is_given_also_to_null(db: Db, observer: Observer) -> None:
    assert UPDATE(db, 1, text="changed").text == "changed"
    assert UPDATE(db, 2, author=None).author is None
    assert UPDATE(db, 3) == Note(3, None, "three")
    assert observer.rows("select author, text from public.note order by note_id") == [
        ("asha", "changed"),
        (None, "two"),
        (None, "three"),
        ("asha", "four"),
    ]


def test_a_stream_has_variants(db: Db) -> None:
    query = Queries("notes", parse(SQL.partition("-- name: page")[0], "notes", "notes.sql"))

    def list_notes(
        after: int,
        author: str | None = None,
        text: str | None = None,
        visible: bool = False,
        order: Order = "newest",
        rows: int = 10,
    ) -> Iterator[Note]: ...

    stream = query(list_notes)
    query.complete()
    assert ids([*stream(db, 0, "asha", order="oldest")]) == [1, 4]


def test_each_variant_has_its_own_prepared_statement_and_label(db: Db, observer: Observer) -> None:
    with db.transaction() as tx:
        LIST(tx, author="asha", text="f%")
        [(running,)] = observer.rows(
            "select query from pg_stat_activity where query like 'select /* notes.list%'"
        )

    assert running.startswith("select /* notes.list_notes +author +text order=newest */\n")


def test_an_error_of_a_variant_says_the_line_in_the_file(db: Db) -> None:
    sql = SQL.replace("text like :text ", "1 / length(:text) > 1 ").replace(
        "author = :author  ", "author = :author and 1 / length(:author) = 1"
    )
    query = declared(sql.partition("-- name: page")[0], list_notes)["list_notes"]
    with pytest.raises(DivisionByZero) as caught:
        query(db, text="")
    assert str(caught.value).startswith("notes.list_notes +text order=newest: division by zero")


def test_an_undefined_column_of_a_commented_line_is_reported_at_its_line(db: Db) -> None:
    sql = SQL.replace("-- note_id     ", "-- nope        ").partition("-- name: page")[0]
    query = declared(sql, list_notes)["list_notes"]

    assert len(query(db)) == 4
    with pytest.raises(UndefinedColumn, match=r"sql/queries/notes\.sql:16"):
        query(db, order="oldest")


def test_a_text_that_cannot_be_sent_is_named(db: Db) -> None:
    with pytest.raises(ParameterError, match=r"notes\.list_notes .*: text holds a NUL character"):
        LIST(db, text="\0")


# Statements ------------------------------------------------------------------------------------


def test_each_combination_is_a_statement_with_a_name() -> None:
    labels = {variant.label for variant in LIST.variants.values()}

    assert len(labels) == len(LIST.variants) == 16
    assert "notes.list_notes order=newest" in labels
    assert "notes.list_notes +author +text +visible order=oldest" in labels


def test_the_file_as_it_stands_is_the_statement_of_its_uncommented_lines() -> None:
    sql = LIST.statement.sql.decode()

    assert "note_id desc" in sql
    assert "note_id\n" not in sql.partition("order by")[2]
    assert "--?" not in sql


def test_a_variant_has_the_parameters_of_its_lines_and_keeps_the_lines_of_the_file() -> None:
    [plain] = [each for each in LIST.variants.values() if each.label.endswith("s order=newest")]
    full = next(each for each in LIST.variants.values() if "+author +text +visible" in each.label)

    assert list(plain.parameters) == ["after", "rows"]
    assert list(full.parameters) == ["after", "author", "text", "rows"]
    assert plain.statement.sql.count(b"\n") == full.statement.sql.count(b"\n")
    assert b"$3" not in plain.statement.sql


def test_a_literal_that_is_compared_with_no_value_is_there_or_not() -> None:
    def by_order(order: Order | None = None) -> list[int]: ...

    sql = "-- name: by_order\nselect 1 as one where true\nand :order = 'newest' --? order\n;"
    made = declared(sql, by_order)["by_order"].variants.values()

    assert [variant.label for variant in made] == ["notes.by_order", "notes.by_order +order"]


def test_arguments_that_are_not_given_together_make_no_variant(db: Db) -> None:
    sql = SQL.replace("-- Newest first, or oldest.", "-- not together: author, order = oldest")
    query = declared(sql.partition("-- name: page")[0], list_notes)["list_notes"]

    assert len(query.variants) == 12
    assert len(query(db, author="asha")) == 2
    message = r"^notes\.list_notes: author, order = oldest cannot be given together: the statement"
    with pytest.raises(ParameterError, match=message):
        query(db, author="asha", order="oldest")


def test_a_statement_may_allow_more_variants() -> None:
    lines = "".join(f"    and {name} = :{name} --? {name}\n" for name in "abcdefg")
    sql = f"-- name: search\n-- variants: at most 128\nselect 1 as one where true\n{lines};"

    assert len(declared(sql, search)["search"].variants) == 128
    allowed = "-- variants: at most 128"
    message = "it has 128 variants, more than 64; mark fewer lines, or allow more in its comment: "
    assert message + allowed in refused(sql.replace(f"{allowed}\n", ""), search)


def search(
    a: int | None = None,
    b: int | None = None,
    c: int | None = None,
    d: int | None = None,
    e: int | None = None,
    f: int | None = None,
    g: int | None = None,
) -> list[int]: ...


# Mistakes --------------------------------------------------------------------------------------

MISTAKES = {
    "a parameter that is unknown": (
        "--? user",
        "line 5: user is not a parameter; they are after, author, text, visible, order, rows",
    ),
    "a parameter that always has a value": (
        "--? after",
        "line 5: after is never None, so this line would always be there",
    ),
    "a value of a parameter without choices": (
        "--? author = asha",
        "line 5: author is no Literal or bool, so it cannot be compared with asha",
    ),
    "a value that is no choice": (
        "--? order = newst",
        "line 5: order is never newst; it is one of newest, oldest",
    ),
    "a line that is never there": (
        "--? order = newest and order = oldest",
        "line 5: it is in no variant",
    ),
    "a mark twice on one line": ("--? author --? text", "an invalid mark"),
    "a term twice in one mark": ("--? author and author", "an invalid mark"),
    "a mark without a term": ("--?", "an invalid mark"),
    "a mark with a list": ("--? author, text", "an invalid mark"),
    "a mark with an or": ("--? author or text", "an invalid mark"),
    "code before a comment that is marked": (
        "-- or true --? author",
        "code before a comment that is marked",
    ),
}


@pytest.mark.parametrize(("mark", "message"), MISTAKES.values(), ids=[*MISTAKES])
def test_a_mistake_in_a_mark_is_reported_with_its_line(mark: str, message: str) -> None:
    above = "-- name: list_notes\nselect 1 as one\nwhere :after > 0\nand :rows > 0"
    sql = f"{above}\nand 1 = 1 {mark}\n;"

    text = refused(sql, list_notes)
    assert "notes.sql:5" in text or "line 5" in text
    assert message in text


STRUCTURES = {
    "a mark without a line": ("where true\n--? author\n;", "a mark without a line"),
    "a text that spans lines": (
        "where 'a\nb' = :text --? text\n;",
        "a text that spans lines ends on a marked line",
    ),
    "a semicolon before the mark": (
        "where author = :author; --? author",
        "a mark outside of a statement",
    ),
    "a semicolon in a commented line": (
        "where true\n-- and true; --? author\n;",
        "a semicolon on a marked line",
    ),
    "a quote that is not closed in a commented line": (
        "where true\n-- and text = 'a --? author\n;",
        "a quoted text or comment is never closed",
    ),
}


@pytest.mark.parametrize(("rest", "message"), STRUCTURES.values(), ids=[*STRUCTURES])
def test_a_mistake_of_structure_is_reported(rest: str, message: str) -> None:
    with pytest.raises(DeclarationError, match=message):
        parse(f"-- name: list_notes\nselect 1 as one\n{rest}", "notes", "notes.sql")


def test_arguments_that_are_not_together_must_be_marked() -> None:
    head = "-- name: list_notes\n-- not together: {}\nselect 1 as one\nwhere true --? author\n;"

    assert "not together: no line depends on text" in refused(
        head.format("author, text"), list_notes
    )
    assert "write it like this: -- not together: user_id, order = oldest" in refused(
        head.format("author"), list_notes
    )


def test_a_copy_has_no_variants() -> None:
    def copy_in(rows: Iterable[tuple[int, str]]) -> Affected: ...

    sql = "-- name: copy_in\ncopy public.note (note_id, text) --? rows\nfrom stdin;"
    assert "a COPY has no variants" in refused(sql, copy_in)
