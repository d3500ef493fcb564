"""The tables around a table, drawn as SVG: those that it refers to, and those that refer to it."""

from collections.abc import Iterable
from html import escape

from oadb.tools.plans.unseen_work import CheckedKey
from oadb.tools.review.book_model import TableReview

_WIDTH, _HEIGHT, _GAP = 216, 44, 14
_SPACE = 92
"""Between the columns of the drawing; arrows cross it."""
_MOST = 12
"""Neighbours on one side that are drawn."""


def draw(table: TableReview) -> str:
    """Return the drawing; empty if no foreign key leads to the table or away from it."""
    keys = table.foreign_keys
    left = _neighbours((key for key in keys if key.quoted_target == table.name), table.name)
    right = _neighbours((key for key in keys if key.quoted_target != table.name), table.name)
    if not left and not right:
        return ""
    rows = max(len(left), len(right), 1)
    height = rows * (_HEIGHT + _GAP) + _GAP
    middle = _WIDTH + _SPACE if left else 0
    width = middle + _WIDTH + (_SPACE + _WIDTH if right else 0)
    top = (height - _HEIGHT) // 2
    parts = [_box(middle, top, table.name, "", is_own=True)]
    for number, (name, detail) in enumerate(left):
        y = _y(number, len(left), height)
        parts += [_box(0, y, name, detail), _arrow(_WIDTH, y, middle, top)]
    for number, (name, detail) in enumerate(right):
        x, y = middle + _WIDTH + _SPACE, _y(number, len(right), height)
        parts += [_box(x, y, name, detail), _arrow(middle + _WIDTH, top, x, y)]
    label = escape(f"Foreign keys around {table.name}", quote=True)
    return (
        f'<svg class="diagram" role="img" aria-label="{label}" width="{width}" height="{height}" '
        f'viewBox="0 0 {width} {height}">{"".join(parts)}</svg>'
    )


def _neighbours(keys: Iterable[CheckedKey], table: str) -> list[tuple[str, str]]:
    """Return the tables on the other ends of foreign keys with the columns, not too many."""
    found = [
        (
            key.quoted_target if key.quoted_table == table else key.quoted_table,
            ", ".join(key.columns),
        )
        for key in keys
    ]
    if len(found) <= _MOST:
        return found
    return [*found[: _MOST - 1], (f"{len(found) - _MOST + 1} more", "not drawn")]


def _y(number: int, count: int, height: int) -> int:
    used = count * (_HEIGHT + _GAP) - _GAP
    return (height - used) // 2 + number * (_HEIGHT + _GAP)


def _arrow(x: int, y: int, to_x: int, to_y: int) -> str:
    """Return the way from a table that refers to the one that it refers to."""
    y, to_y, bend = y + _HEIGHT // 2, to_y + _HEIGHT // 2, (to_x - x) // 2
    end = to_x - 7
    return (
        f'<path class="edge" d="M{x} {y}C{x + bend} {y} {to_x - bend} {to_y} {end} {to_y}"/>'
        f'<path class="tip" d="M{to_x} {to_y}l-8 -4v8z"/>'
    )


def _box(x: int, y: int, name: str, detail: str, *, is_own: bool = False) -> str:
    kind = "box own" if is_own else "box"
    lines = [(20, "name", name), (35, "d", detail)] if detail else [(27, "name", name)]
    texts = "".join(
        f'<text x="{x + 12}" y="{y + down}" class="{style}">{escape(_short(text, 30))}</text>'
        for down, style, text in lines
    )
    return (
        f'<g><title>{escape(f"{name} {detail}".strip())}</title><rect class="{kind}" x="{x}" '
        f'y="{y}" width="{_WIDTH}" height="{_HEIGHT}" rx="8"/>{texts}</g>'
    )


def _short(text: str, most: int) -> str:
    return text if len(text) <= most else f"{text[: most - 1]}…"
