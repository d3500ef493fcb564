"""The review book of a small package, from its files to its pages."""

import re
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import pytest

from oadb.tools.review import book_building, book_pages, change_summary
from oadb.tools.review.book_model import Book, IndexReview, StatementReview, TableReview
from oadb.tools.review.migration_model import ReleaseDisagreement
from tests.support import hostile_package
from tests.support.command_line import oadb
from tests.support.declared import OADB

pytestmark = pytest.mark.long("starts a server and plans at three sizes")


class Elements(HTMLParser):
    """The elements of a page that could run or load something, and all links."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.scripts: list[str | None] = []
        self.odd: list[str] = []
        self.links: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        if tag == "script":
            self.scripts.append(given.get("src"))
        is_marked = tag == "i" and given.get("class") in {"c", "k", "s", "v"}
        if (tag in {"img", "iframe", "object", "b", "i"} and not is_marked) or any(
            n.startswith("on") for n in given
        ):
            self.odd.append(tag)
        self.links += [value for name, value in attrs if name in {"href", "src"} and value]


def statement(book: Book, name: str) -> StatementReview:
    return next(each for each in book.statements if each.name == name)


def table(book: Book) -> TableReview:
    (found,) = book.tables
    return found


def test_nothing_that_is_named_or_said_becomes_markup(pages: Path) -> None:
    for path in pages.rglob("*.html"):
        found = Elements(path.read_text())

        assert found.odd == [], path
        assert [each and each.rpartition("/")[2] for each in found.scripts] == [
            "theme.js", "search_index.js", "book.js",
        ]  # fmt: skip  # a list


def test_every_link_leads_to_a_page_and_none_out_of_the_folder(pages: Path) -> None:
    for path in pages.rglob("*.html"):
        for link in Elements(path.read_text()).links:
            target, _, part = link.partition("#")
            if link == "data:,":
                continue
            file = (path.parent / target).resolve() if target else path
            assert file.is_relative_to(pages.resolve()), link
            assert file.is_file(), f"{path}: {link}"
            assert not part or f'id="{part}"' in file.read_text(), f"{path}: {link}"


def test_a_statement_has_its_sentence_parameters_result_and_guards(book: Book) -> None:
    got = statement(book, "get")

    assert got.sentence == "By its key."
    assert [(each.name, each.postgres) for each in got.parameters] == [("row_id", "bigint")]
    assert [(each.name, each.nullability) for each in got.columns] == [
        ("row_id", "never null"),
        ("amount", "may be null"),
    ]
    assert got.guards == ("timeout: 500 ms",)
    assert (got.is_read, got.cardinality) == (True, "at most one row")


def test_a_statement_says_what_it_locks_reads_and_writes(book: Book) -> None:
    added = statement(book, "_add")

    assert [each.mode for each in added.locks] == ["row exclusive"]
    assert ("amount", True) in [(each.column, each.is_written) for each in added.accesses or ()]
    assert added.scope == "all users (a ledger has none)"


def test_a_statement_has_its_callers_tests_and_history(book: Book) -> None:
    added = statement(book, "_add")

    assert [(each.path, each.within) for each in added.uses.callers] == [
        ("src/ledger_of_tests/entries.py", "add")
    ]
    assert [(each.path, each.through) for each in added.uses.tests] == [
        ("tests/test_entries.py", ("entries.add",))
    ]
    assert [each.subject for each in added.history or ()] == [f"Begin {hostile_package.MARKUP}"]


def test_plans_are_drawn_with_their_indexes_and_their_growth(book: Book) -> None:
    (plan,) = statement(book, "get").plans

    assert (plan.growth, plan.indexes) == ("O(log n)", ("rows_pkey",))
    assert {scale for each in plan.pictures for scale in each.scales} == {10**9, 10**6, 10**4}
    assert plan.curve.startswith("<svg")
    assert len(statement(book, "list_by_amount").plans) == 2


def test_a_table_says_who_reads_and_writes_its_columns_and_what_uses_its_indexes(
    book: Book,
) -> None:
    found = table(book)
    amount = next(each for each in found.columns if each.name == "amount")

    assert (amount.readers, amount.writers) == (
        ("entries.get", "entries.list_by_amount"),
        ("entries._add",),
    )
    used = {each.name.partition(" ")[0].rpartition(".")[2]: each.used_by for each in found.indexes}
    assert "entries.get" in used["rows_pkey"]
    assert "entries.list_by_amount" in used["rows_amount_idx"]


def test_a_migration_has_its_parts(book: Book) -> None:
    first, second = book.migrations

    assert first.comment == f"Makes the table. {hostile_package.MARKUP}"
    assert second.lock == "access exclusive on rows, for milliseconds."
    assert second.deploy == "before the code."


def test_a_migration_says_what_it_locks_for_how_long_and_that_its_rollback_runs(
    book: Book, pages: Path
) -> None:
    first, second = (each.measured for each in book.migrations)
    assert first is not None
    assert second is not None

    assert first.locks == ()
    assert [(each.line, each.table, each.mode, each.waits) for each in second.locks] == [
        (9, hostile_package.TABLE, "access exclusive", "reads and writes")
    ]
    assert (second.scales, second.locks[0].held) == ((10**9, 10**6, 10**4), ("an instant",) * 3)
    assert (second.lock_timeout, second.undoing_failure) == ("4s", "")
    assert book.migrations[1].unsaid == [f"access exclusive on {hostile_package.TABLE}"]
    text = next((pages / "migrations").glob("*0002*")).read_text()
    assert "It was tried, and runs" in text
    assert "Its comment does not name: access exclusive on" in text


def test_a_table_has_its_size_at_each_scale_and_what_bounds_it(book: Book) -> None:
    found = table(book)

    assert [(each.scale, each.rows) for each in found.sizes] == [
        (10**9, 10**9),
        (10**6, 10**6),
        (10**4, 10**4),
    ]
    assert found.sizes[0].bytes > 1000 * found.sizes[1].bytes * 0.9 > found.sizes[1].bytes
    assert all(each.sizes[0] > each.sizes[2] for each in found.indexes)
    assert (found.retention, found.deleters) == ("", ())


def test_with_a_base_the_book_has_what_changed_alone(changed_book: Book) -> None:
    found = {
        (each.kind, each.what): [part[0] for part in each.parts] for each in changed_book.changes
    }

    assert found == {
        ("statement", "changed"): ["SQL"],
        ("migration", "added"): ["SQL", "Rollback"],
        ("table", "changed"): ["Definition"],
    }
    assert [each.name for each in changed_book.statements] == ["get"]
    assert [each.id for each in changed_book.migrations] == ["0002_add_note"]


def test_what_changed_is_shown_side_by_side(changed_book: Book) -> None:
    page = dict(book_pages.render(changed_book))["changes.html"]

    assert re.search(r'class="row changed".*where row_id = :row_id</pre>.*amount is not null', page)
    assert "add column note text" in page


def test_the_summary_shows_the_difference_in_a_fence(changed_book: Book) -> None:
    summary = change_summary.render(changed_book)

    assert "| statements | 0 | 1 | 0 |" in summary
    assert "Safe beside `HEAD`: old and new code run side by side." in summary
    assert 'lock on `ledger_of_tests."<b>Rows</b> & ""co"""`, with 1,000,000,000 rows' in summary
    assert "- No plan of a statement uses" not in summary
    assert "+where row_id = :row_id and amount is not null" in summary


def test_the_summary_names_indexes_of_a_changed_table_that_no_plan_uses(
    changed_book: Book,
) -> None:
    index = IndexReview("lost_idx", "CREATE INDEX lost_idx ON ledger (a)", ())
    rule = IndexReview("ruled_idx", "CREATE UNIQUE INDEX ruled_idx ON ledger (a)", ())
    tables = (replace(table(changed_book), indexes=(index, rule)),)

    summary = change_summary.render(replace(changed_book, tables=tables))

    assert summary.count("- No plan of a statement uses ") == 1
    assert "- No plan of a statement uses `lost_idx`" in summary


def test_what_breaks_old_code_is_refused_on_the_page_and_in_the_summary(
    changed_book: Book,
) -> None:
    assert (changed_book.disagreements, changed_book.migrations[0].breaks) == ((), ())
    told = ReleaseDisagreement("0002_add_note", "old code, after it: <b> is gone", is_refused=True)
    migration = replace(changed_book.migrations[0], breaks=(told,))
    book = replace(changed_book, disagreements=(told,), migrations=(migration,))

    pages = dict(book_pages.render(book))
    page = next(text for name, text in pages.items() if "0002_add_note" in name)

    assert "**Refused beside `HEAD`:**" in change_summary.render(book)
    assert "- `old code, after it: <b> is gone`" in change_summary.render(book)
    assert "<li>old code, after it: &lt;b&gt; is gone</li>" in page
    assert "Refused: a statement of HEAD" in pages["changes.html"]


def test_the_command_writes_the_book_and_its_summary(
    changed_book: Book, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(book_building, "build", lambda _packages, _base: changed_book)
    folder = tmp_path / "book"

    done = oadb("review", "--html", str(folder), "--base", "HEAD")

    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("## Database review since `HEAD`")
    assert (folder / "summary.md").read_text() in done.stdout
    assert (folder / "index.html").is_file()


@pytest.mark.slow
def test_two_books_of_one_revision_are_the_same_to_the_byte(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = list[dict[str, str]]()
    for number in range(2):
        monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / f"cache {number}"))  # migrated anew
        found.append(dict(book_pages.render(book_building.build([OADB]))))

    assert [name for name in found[0] if found[0][name] != found[1][name]] == []
    assert found[0].keys() == found[1].keys()


@pytest.mark.usefixtures("in_ledger")
@pytest.mark.parametrize("base", ["no-such-revision", "--all", ""])
def test_a_base_that_is_none_is_one_line(tmp_path: Path, base: str) -> None:
    done = oadb("review", "--html", str(tmp_path / "book"), f"--base={base}")

    assert (done.returncode, done.stdout) == (2, "")
    assert f"{base} is not a revision of " in done.stderr
    assert not (tmp_path / "book").exists()
