"""What changed, as Markdown for the description of a pull request."""

import re
from collections.abc import Iterable, Iterator
from difflib import unified_diff

from oadb.tools.review.book_model import Book, ReviewedChange, StatementReview, TableReview
from oadb.tools.review.migration_model import MigrationReview

_WHATS = ("added", "changed", "removed")
_MOST_LINES = 60
"""Lines of a difference that are shown; the book has all of them."""


def render(book: Book) -> str:
    """Return the summary of a book with a base."""
    lines = [f"## Database review since {_code(book.base)}", ""]
    if not book.changes:
        return "\n".join([*lines, "No statement, table or migration changed.", ""])
    lines += ["| | added | changed | removed |", "| --- | --- | --- | --- |"]
    for kind in dict.fromkeys(each.kind for each in book.changes):
        own = [each for each in book.changes if each.kind == kind]
        counts = (str(sum(each.what == what for each in own)) for what in _WHATS)
        lines.append(f"| {kind}s | {' | '.join(counts)} |")
    lines += ["", *_together(book)]
    migrations = {(each.package, each.id): each for each in book.migrations}
    tables = {(each.package, each.name): each for each in book.tables}
    reviews = {(each.package, f"{each.module}.{each.name}"): each for each in book.statements}
    for change in book.changes:
        lines += ["", f"### {change.kind} {_code(change.name)}: {change.what}", ""]
        if change.kind == "statement":
            lines += _facts(reviews.get((change.package, change.name)))
        if change.kind == "migration":
            lines += _effects(migrations.get((change.package, change.name)))
        if change.kind == "table":
            lines += _unused(tables.get((change.package, change.name)))
        lines += _differences(change)
    return "\n".join([*lines, ""])


def _together(book: Book) -> Iterator[str]:
    """Yield whether old and new code run side by side."""
    base = _code(book.base)
    if book.is_refused:
        yield f"**Refused beside {base}:** a statement would fail or do something else."
    elif book.disagreements:
        yield f"Safe beside {base} if the migrations are run before the new code starts."
    else:
        yield f"Safe beside {base}: old and new code run side by side."
    if book.disagreements:
        yield ""
        yield from (f"- {_code(each.text)}" for each in book.disagreements)


def _effects(review: MigrationReview | None) -> Iterator[str]:
    """Yield what a migration locks, and for how long where the largest tables are largest."""
    if review is None or review.measured is None:
        return
    measured = review.measured
    if measured.failure:
        yield f"- It does not run: {_code(measured.failure)}"
        yield ""
        return
    for each in measured.locks:
        waits = f"{each.waits} wait" if each.waits else "nobody waits"
        yield (
            f"- Line {each.line}: {each.mode} lock on {_code(each.table)}, with "
            f"{measured.scales[0]:,} rows: {each.held[0]}; {waits}"
        )
    yield from (f"- Its comment does not name: {_code(each)}" for each in review.unsaid)
    if not measured.locks:
        yield "- It locks no table that was there before."
    undone = "runs" if not measured.undoing_failure else f"fails: {_code(measured.undoing_failure)}"
    lost = f", without what was in {', '.join(map(_code, measured.dropped))}"
    yield f"- Its rollback {undone}{lost if measured.dropped else ''}"
    yield ""


def _unused(review: TableReview | None) -> Iterator[str]:
    """Yield the indexes of a table, but for those of rules, that no plan uses."""
    indexes = () if review is None else review.indexes
    names = [each.name for each in indexes if each.is_unused]
    yield from (f"- No plan of a statement uses {_code(name)}" for name in names)
    if names:
        yield ""


def _facts(review: StatementReview | None) -> Iterator[str]:
    """Yield what a reviewer asks of a statement first."""
    if review is None:
        return
    locks = ", ".join(f"{_code(each.relation)} {each.mode}" for each in review.locks)
    yield f"- {_code(f'{review.path}:{review.line}')}, {'reads' if review.is_read else 'writes'}"
    yield f"- Locks: {locks or 'none'}"
    if review.growth:
        yield f"- Grows as {review.growth}"
    if review.scope:
        yield f"- Scope: {_code(review.scope)}"
    callers = [f"{each.path}:{each.line}" for each in review.uses.callers]
    yield f"- Callers: {', '.join(map(_code, callers)) or 'none in its package'}"
    yield f"- Tests that reach it: {review.uses.test_count}"
    yield ""


def _differences(change: ReviewedChange) -> Iterator[str]:
    for title, old, new in change.parts:
        found = [*unified_diff(old.splitlines(), new.splitlines(), lineterm="", n=2)][2:]
        shown = found[:_MOST_LINES]
        if len(found) > len(shown):
            shown.append(f"... {len(found) - len(shown)} lines more")
        fence = _fence("\n".join(shown))
        summary = f"<details><summary>{title}</summary>"
        yield from (summary, "", f"{fence}diff", *shown, fence, "", "</details>", "")


def _fence(text: str) -> str:
    """Return a fence that the text cannot end."""
    return "`" * max(3, _longest_run(text) + 1)


def _code(text: str) -> str:
    """Return a text that Markdown shows as it is: in backticks that it cannot end."""
    plain = " ".join(text.split())
    marks = "`" * (_longest_run(plain) + 1)
    space = " " if "`" in plain else ""
    return f"{marks}{space}{plain}{space}{marks}"


def _longest_run(text: str) -> int:
    runs: Iterable[str] = re.findall("`+", text)
    return max(map(len, runs), default=0)
