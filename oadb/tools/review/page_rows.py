"""The cells of the tables on pages, with links to other pages."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from markupsafe import Markup, escape

from oadb.tools.review.book_model import (
    ColumnUse,
    IndexReview,
    LockReview,
    TableColumnReview,
)

Cells = tuple[str, ...]

_FEW = 3
"""Statements that a cell lists; more of them are folded away."""


@dataclass(frozen=True, slots=True)
class PageLinks:
    """The addresses of the pages of statements, by label, and of tables, by name."""

    statements: Mapping[str, str]
    tables: Mapping[str, str]
    root: str

    def statement(self, label: str) -> Markup:
        """Return a link to a statement; of one without a page, its label."""
        return self._link(self.statements.get(label), label)

    def table(self, name: str) -> Markup:
        """Return a link to a table; of one without a page, its name."""
        return self._link(self.tables.get(name), name)

    def listed(self, labels: Iterable[str]) -> Markup:
        """Return links to statements, folded away if they are many."""
        links = [self.statement(label) for label in labels]
        joined = Markup(", ").join(links)
        if len(links) <= _FEW:
            return joined
        folded = '<details class="more"><summary>{} statements</summary>{}</details>'
        return Markup(folded).format(len(links), joined)  # noqa: S704  # a text of this module

    def _link(self, address: str | None, text: str) -> Markup:
        if address is None:
            return escape(text)
        return Markup('<a href="{}">{}</a>').format(self.root + address, text)


def rows(items: Iterable[object], *names: str) -> Iterator[Cells]:
    """Yield some attributes of each item."""
    for each in items:
        yield tuple(str(getattr(each, name)) for name in names)


def lock_rows(locks: Iterable[LockReview], links: PageLinks) -> Iterator[Cells]:
    """Yield the locks of a statement."""
    for each in locks:
        yield links.table(each.relation), each.mode, each.blocks


def access_rows(accesses: Iterable[ColumnUse], links: PageLinks) -> Iterator[Cells]:
    """Yield the tables of a statement, with the columns that it reads and writes."""
    found: dict[str, list[ColumnUse]] = {}
    for each in accesses:
        found.setdefault(each.table, []).append(each)
    for table, uses in found.items():
        read = ", ".join(use.column or "rows" for use in uses if not use.is_written)
        written = ", ".join(use.column or "rows" for use in uses if use.is_written)
        yield links.table(table), read, written


def column_rows(columns: Iterable[TableColumnReview], links: PageLinks) -> Iterator[Cells]:
    """Yield the columns of a table."""
    for each in columns:
        users = links.listed(each.readers), links.listed(each.writers)
        yield each.name, each.definition, each.comment, *users


def statement_rows(statements: Iterable[tuple[str, str]], links: PageLinks) -> Iterator[Cells]:
    """Yield the statements on a table, with what they do."""
    for label, what in statements:
        yield links.statement(label), what


def index_rows(indexes: Iterable[IndexReview], links: PageLinks) -> Iterator[Cells]:
    """Yield the indexes of a table, with the statements that use them."""
    for each in indexes:
        yield each.name, each.definition, links.listed(each.used_by) or "no plan of a statement"
