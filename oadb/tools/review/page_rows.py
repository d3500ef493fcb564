"""The cells of the tables on pages, with links to other pages."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from markupsafe import Markup, escape

from oadb.tools.plans.unseen_work import CheckedKey
from oadb.tools.review.book_model import (
    ColumnUse,
    IndexReview,
    LockReview,
    ScaledSize,
    TableColumnReview,
)
from oadb.tools.review.further_effects import FurtherEffect, of_key
from oadb.tools.review.migration_model import MeasuredLock, MeasuredWork
from oadb.tools.review.text_filters import power

Cells = tuple[str, ...]

_FEW = 3
"""Statements that a cell lists; more of them are folded away."""

_UNITS = ("bytes", "kB", "MB", "GB", "TB", "PB")


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


def further_rows(effects: Iterable[FurtherEffect], links: PageLinks) -> Iterator[Cells]:
    """Yield what a statement does through foreign keys, triggers and functions."""
    for each in effects:
        yield links.table(each.table), each.cause, each.effect


def key_rows(keys: Iterable[CheckedKey], links: PageLinks) -> Iterator[Cells]:
    """Yield the foreign keys around a table, with what statements on both sides do by them."""
    for each in keys:
        yield (
            each.name,
            links.table(each.quoted_table),
            links.table(each.quoted_target),
            *of_key(each),
        )


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
        used_by = links.listed(each.used_by) or "no plan of a statement"
        yield each.name, each.definition, used_by, *map(_bytes, each.sizes)


def size_rows(sizes: Iterable[ScaledSize]) -> Iterator[Cells]:
    """Yield the sizes of a table at each scale."""
    for each in sizes:
        rows = "not known" if each.rows is None else f"{each.rows:,}"
        parts = str(each.parts) if each.parts > 1 else ""
        yield f"{each.scale:,} rows", rows, _bytes(each.bytes), _bytes(each.index_bytes), parts


def size_headings(sizes: Iterable[ScaledSize]) -> list[str]:
    """Return the headings of the sizes of an index."""
    return [f"{power(each.scale)} rows" for each in sizes]


def scale_headings(scales: Iterable[int]) -> list[str]:
    """Return the headings of times at scales."""
    return [f"{power(each)} rows" for each in scales]


def measured_rows(locks: Iterable[MeasuredLock], links: PageLinks) -> Iterator[Cells]:
    """Yield the locks of a migration."""
    for each in locks:
        waits = each.waits or "nobody"
        meanwhile = "; ".join(each.meanwhile)
        yield str(each.line), links.table(each.table), each.mode, waits, *each.held, meanwhile


def work_rows(works: Iterable[MeasuredWork]) -> Iterator[Cells]:
    """Yield what a migration does to rows."""
    for each in works:
        yield str(each.line), each.does, *each.takes


def listed(labels: Iterable[str], links: PageLinks) -> Markup:
    """Return links to statements."""
    return links.listed(labels)


def _bytes(size: float) -> str:
    unit = 0
    while size >= 1024 and unit < len(_UNITS) - 1:
        size, unit = size / 1024, unit + 1
    return f"{size:,.{1 if unit and size < 10 else 0}f} {_UNITS[unit]}"
