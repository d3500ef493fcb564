"""How many pages an index fills."""

import math
from collections.abc import Sequence

_PAGE = 8192 - 40
_POINTER, _HEADER = 4, 8

# How full pages are after rows were added at the end, and in any order.
_AT_THE_END, _ANYWHERE = 0.9, 0.68

# A tuple of a B-tree that stands for several rows holds at most so many bytes, and so many each.
_LONGEST_POSTING, _ROW_ID = 812, 6

_HASH_ENTRY, _GIN_ROW = 20, 40


def index_pages(
    method: str,
    rows: float,
    widths: Sequence[int],
    *,
    repeats: float,
    in_order: bool,
    given: float | None,
) -> int:
    """Return how many pages an index fills, the one with its own data among them.

    Args:
        rows: how many are in it.
        widths: the bytes of each of its columns.
        repeats: how many rows have the same key.
        in_order: whether rows come in the order of the index.
        given: bytes for each row, if a file says so.
    """
    if method == "brin":
        return 3 + math.ceil(rows / 1e8)
    if given is not None:
        return 2 + math.ceil(rows * given / 8192)
    if method == "gin":
        return 2 + math.ceil(rows * _GIN_ROW / 8192)
    if method == "hash":
        return 2 + math.ceil(rows * _HASH_ENTRY / _PAGE / _ANYWHERE)
    entry: float = _HEADER + math.ceil(sum(widths) / 8) * 8 + _POINTER
    together = min(repeats, (_LONGEST_POSTING - entry) / _ROW_ID)
    if method == "btree" and together >= 2:
        entry = (entry + _ROW_ID * together) / together
    full = _AT_THE_END if in_order and method == "btree" else _ANYWHERE
    leaves = math.ceil(rows * entry / (_PAGE * full))
    return 1 + leaves + math.ceil(leaves * (_HEADER + sum(widths) + _POINTER) / (_PAGE * _ANYWHERE))
