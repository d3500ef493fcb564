"""The pages of a book as HTML: templates with everything in them escaped."""

import json
from collections.abc import Iterable, Iterator
from importlib.resources import files
from itertools import groupby
from typing import cast

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from oadb.tools.review import (
    highlighting,
    page_rows,
    pasteable_sql,
    schema_diagrams,
    text_filters,
)
from oadb.tools.review.book_model import (
    Book,
    ReviewedChange,
    StatementReview,
    TableReview,
    first_sentence,
)
from oadb.tools.review.migration_model import MigrationReview
from oadb.tools.review.page_addresses import page
from oadb.tools.review.page_rows import PageLinks

_ASSETS = ("book.css", "book.js", "theme.js")
_SEARCH_INDEX = "search_index.js"

_STATEMENT_SECTIONS = (
    ("sql", "SQL"),
    ("parameters", "Parameters"),
    ("result", "Result"),
    ("limits", "Guard rails and scope"),
    ("tables", "Tables and locks"),
    ("variants", "Variants"),
    ("plans", "Plans"),
    ("callers", "Callers"),
    ("tests", "Tests"),
    ("history", "History"),
    ("declaration", "Declaration"),
)
_TABLE_SECTIONS = (
    ("columns", "Columns"),
    ("size", "Size and retention"),
    ("diagram", "Around it"),
    ("statements", "Statements"),
    ("indexes", "Indexes"),
    ("constraints", "Constraints"),
    ("triggers", "Triggers"),
    ("access", "Policies and grants"),
    ("definition", "Definition"),
)
_MIGRATION_SECTIONS = (
    ("locks", "Locks and deployment"),
    ("work", "What it reads and writes"),
    ("old", "Old code"),
    ("sql", "SQL"),
    ("rollback", "Rollback"),
    ("history", "History"),
)

Pages = Iterator[tuple[str, str]]
"""Paths in the folder of the book, and the texts of the files."""


def render(book: Book) -> Pages:
    """Yield every file of a book."""
    yield from _BookRenderer(book).render()


class _BookRenderer:
    def __init__(self, book: Book) -> None:
        self._book = book
        self._statements = {each.label: _statement_page(each) for each in book.statements}
        self._tables = {each.name: page("table", each.package, each.name) for each in book.tables}
        self._changes: dict[tuple[str, str, str], list[ReviewedChange]] = {}
        for each in book.changes:
            self._changes.setdefault((each.kind, each.package, each.name), []).append(each)
        self._templates = _templates()

    def render(self) -> Pages:
        book = self._book
        for name in _ASSETS:
            yield (
                name,
                (files("oadb.tools.review") / "templates" / name).read_text(encoding="utf-8"),
            )
        yield _SEARCH_INDEX, self._search_index()
        yield "index.html", self._page("index", "Contents", "")
        if book.base:
            links = [self._address_of(change) for change in book.changes]
            yield "changes.html", self._page("changes", "Changes", "", change_links=links)
        for statement in book.statements:
            yield self._statements[statement.label], self._statement(statement)
        for table in book.tables:
            yield self._tables[table.name], self._table(table)
        for migration in book.migrations:
            address = page("migration", migration.package, migration.id)
            yield address, self._migration(migration)

    def _statement(self, it: StatementReview) -> str:
        name = f"{it.module}.{it.name}"
        changes = self._changes.get(("statement", it.package, name), [])
        absent = {"variants"[: 0 if it.forms else None], "plans"[: 0 if it.plans else None]}
        sections = [each for each in _STATEMENT_SECTIONS if each[0] not in absent]
        return self._page("statement", it.label, "../", it=it, changes=changes, sections=sections)

    def _table(self, it: TableReview) -> str:
        diagram = schema_diagrams.draw(it)
        present = {
            "size": it.kind != "view",
            "diagram": bool(diagram),
            "indexes": bool(it.indexes),
            "constraints": bool(it.constraints),
            "triggers": bool(it.triggers),
        }
        return self._page(
            "table",
            it.name,
            "../",
            it=it,
            diagram=diagram,
            changes=self._changes.get(("table", it.package, it.name), []),
            sections=[each for each in _TABLE_SECTIONS if present.get(each[0], True)],
        )

    def _migration(self, it: MigrationReview) -> str:
        changes = self._changes.get(("migration", it.package, it.id), [])
        # All of a new one is shown below.
        changed = [each for each in changes if each.what != "added"]
        return self._page(
            "migration", it.id, "../", it=it, changes=changed, sections=_MIGRATION_SECTIONS
        )

    def _page(self, template: str, title: str, root: str, **values: object) -> str:
        links = PageLinks(self._statements, self._tables, root)
        return self._templates.get_template(f"{template}.html.j2").render(
            book=self._book,
            title=title,
            root=root,
            links=links,
            address=page,
            **values,
        )

    def _address_of(self, change: ReviewedChange) -> str:
        """Return the page of what changed; empty if it was removed."""
        address = page(change.kind, change.package, change.name)
        return "" if change.what == "removed" else address

    def _search_index(self) -> str:
        """Return the index as a script: a browser reads no other data beside a file."""
        entries = [*_search_entries(self._book)]
        return f"window.OADB_SEARCH = {json.dumps(entries, ensure_ascii=True)};\n"


def _search_entries(book: Book) -> Iterator[tuple[str, str, str, str]]:
    for each in book.statements:
        yield each.label, "statement", each.sentence, _statement_page(each)
    for table in book.tables:
        address = page("table", table.package, table.name)
        yield table.name, table.kind, first_sentence(table.comment), address
        for column in table.columns:
            if column.comment:
                name = f"{table.name}.{column.name}"
                yield name, "column", first_sentence(column.comment), f"{address}#columns"
    for migration in book.migrations:
        address = page("migration", migration.package, migration.id)
        yield migration.id, "migration", first_sentence(migration.comment), address


def _statement_page(it: StatementReview) -> str:
    return page("statement", it.package, f"{it.module}.{it.name}")


def _groupby_place(
    statements: Iterable[StatementReview],
) -> list[tuple[tuple[str, str], list[StatementReview]]]:
    return [
        (place, [*group])
        for place, group in groupby(statements, lambda each: (each.package, each.module))
    ]


def _paste(it: StatementReview) -> str:
    return pasteable_sql.paste(it.sql, it.parameters)


def _templates() -> Environment:
    templates = Environment(
        loader=PackageLoader("oadb.tools.review"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
    )
    # Their types in jinja2 are those of its own filters.
    filters = cast("dict[str, object]", templates.filters)
    filters |= {
        "highlight": highlighting.highlight,
        "prose": text_filters.prose,
        "breakable": text_filters.breakable,
        "count": text_filters.count,
        "side_by_side": text_filters.side_by_side,
        "sentence": first_sentence,
        "groupby_place": _groupby_place,
        "paste": _paste,
        "svg": Markup,
        "rows": page_rows.rows,
        "lock_rows": page_rows.lock_rows,
        "access_rows": page_rows.access_rows,
        "further_rows": page_rows.further_rows,
        "key_rows": page_rows.key_rows,
        "column_rows": page_rows.column_rows,
        "statement_rows": page_rows.statement_rows,
        "index_rows": page_rows.index_rows,
        "size_rows": page_rows.size_rows,
        "measured_rows": page_rows.measured_rows,
        "work_rows": page_rows.work_rows,
        "size_headings": page_rows.size_headings,
        "scale_headings": page_rows.scale_headings,
        "listed": page_rows.listed,
    }
    return templates
