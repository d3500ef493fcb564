"""The first page of GIN and BRIN indexes, in which the planner reads what such an index holds.

Of PostgreSQL 18: GinMetaPageData and BrinMetaPageData, behind the header of the page. The server
must have been made without checksums of pages, and must not have read the page before.
"""

import struct
from pathlib import Path

_HEADER = 24

# nTotalPages, nEntryPages, nDataPages and, at a multiple of 8, nEntries.
_GIN_AT, _GIN = _HEADER + 24, struct.Struct("=IIIxxxxq")
_ENTRIES_OF_A_PAGE = 150

# lastRevmapPage; the first of these pages is number 1.
_BRIN_AT, _BRIN = _HEADER + 12, struct.Struct("=I")
_PAGES_OF_A_RANGE, _RANGES_OF_A_PAGE = 128, 1360


def write_gin(file: Path, pages: int, keys: float) -> None:
    """Let the first page of a GIN index say how many pages and different keys there are.

    Args:
        file: the first file of the index.
        pages: all of them; those that do not hold keys hold lists of rows.
    """
    entries = max(1, min(pages - 1, round(keys / _ENTRIES_OF_A_PAGE)))
    _write(file, _GIN_AT, _GIN.pack(pages, entries, max(0, pages - 1 - entries), round(keys)))


def write_brin(file: Path, heap_pages: int) -> None:
    """Let the first page of a BRIN index say how many pages list the ranges of its table.

    Args:
        file: the first file of the index.
        heap_pages: those of the table.
    """
    last = max(1, heap_pages // _PAGES_OF_A_RANGE // _RANGES_OF_A_PAGE + 1)
    _write(file, _BRIN_AT, _BRIN.pack(last))


def _write(file: Path, position: int, content: bytes) -> None:
    with file.open("r+b") as opened:
        opened.seek(position)
        opened.write(content)
