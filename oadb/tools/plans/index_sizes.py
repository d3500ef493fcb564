"""How many pages an index fills."""

import math
from collections.abc import Sequence
from typing import Literal

Order = Literal["end", "anywhere", "runs"]

_PAGE = 8192 - 40
_POINTER, _HEADER = 4, 8

# How full pages are: after rows were added at the end, in any order, or at the ends of a few runs,
# each of which leaves halves of pages behind.
_FULL = {"end": 0.9, "anywhere": 0.68, "runs": 0.53}
_ANYWHERE = _FULL["anywhere"]

# A tuple of a B-tree that stands for several rows holds at most so many bytes, and so many each.
_LONGEST_POSTING, _ROW_ID = 812, 6

_HASH_ENTRY, _GIN_ROW = 20, 40

OWN_PAGES = 2
"""Pages of an index that its rows do not fill: the one with its own data, and the root."""


def btree_levels(pages: int, widths: Sequence[int]) -> int:
    """Return how many levels a B-tree has above its leaves.

    Args:
        pages: all of its pages.
        widths: the bytes of each of its columns.
    """
    # Above the leaves, keys end where they differ from those before.
    key = max(widths[0], sum(widths) / 2)
    entry = _HEADER + math.ceil(key / 8) * 8 + _POINTER
    most, level = _PAGE / entry, 0
    inner = float(pages - 1)
    while inner > 1:
        # The root splits when it is full; the pages below it have split.
        inner = 1 if inner <= most else inner / (most * _ANYWHERE)
        level += 1
    return level


def index_pages(
    method: str,
    rows: float,
    widths: Sequence[int],
    *,
    repeats: float,
    order: Order,
    given: float | None,
) -> int:
    """Return how many pages an index fills, the one with its own data among them.

    Args:
        rows: how many are in it.
        widths: the bytes of each of its columns.
        repeats: how many rows have the same key.
        order: where rows are added.
        given: bytes for each row, if a file says so.
    """
    if method == "brin":
        return 3 + math.ceil(rows / 1e8)
    if given is not None:
        return OWN_PAGES + math.ceil(rows * given / 8192)
    if method == "gin":
        return OWN_PAGES + math.ceil(rows * _GIN_ROW / 8192)
    if method == "hash":
        return OWN_PAGES + math.ceil(rows * _HASH_ENTRY / _PAGE / _ANYWHERE)
    entry: float = _HEADER + math.ceil(sum(widths) / 8) * 8 + _POINTER
    together = min(repeats, (_LONGEST_POSTING - entry) / _ROW_ID)
    if method == "btree" and together > 1:
        entry = (entry + _ROW_ID * together) / together
    full = _FULL[order] if method == "btree" else _ANYWHERE
    leaves = math.ceil(rows * entry / (_PAGE * full))
    return 1 + leaves + math.ceil(leaves * (_HEADER + sum(widths) + _POINTER) / (_PAGE * _ANYWHERE))
