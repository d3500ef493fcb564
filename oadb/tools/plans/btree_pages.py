"""The height of a B-tree, from which the planner takes the cost to descend it.

Of PostgreSQL 18: the first page names the root and its level, and below it there is one page for
each level, without a key; so a search for the least or the greatest value finds none. The server
must have been made without checksums of pages, and must not have read the index before.
"""

import struct
from pathlib import Path

from oadb.tools.plans.sparse_files import PAGE

# btm_root, btm_level, btm_fastroot and btm_fastlevel, behind header, magic number and version.
_META_AT, _META = 24 + 8, struct.Struct("=IIII")

# pd_lsn, pd_checksum, pd_flags, pd_lower, pd_upper, pd_special, pd_pagesize_version, pd_prune_xid.
_HEADER = struct.Struct("=QHHHHHHI")
_LAYOUT = 4

# btpo_prev, btpo_next, btpo_level, btpo_flags, btpo_cycleid.
_SPECIAL = struct.Struct("=IIIHH")
_LEAF, _ROOT = 1, 2

# A pointer to an item, and a tuple that leads to a page and has no key.
_POINTER = struct.Struct("=I")
_IN_USE = 1 << 15
_TUPLE = struct.Struct("=HHHH")
_WITHOUT_KEY = 0x2000


def write_height(file: Path, levels: int) -> None:
    """Let a B-tree without rows have *levels* above its leaves; one with rows stays as it is.

    Args:
        file: its first file; it is extended by a page for each level.
    """
    if file.stat().st_size > PAGE:
        return
    root = levels + 1
    with file.open("r+b") as opened:
        opened.seek(_META_AT)
        opened.write(_META.pack(root, levels, root, levels))
        opened.seek(PAGE)
        for level in range(levels + 1):
            flags = (_LEAF if level == 0 else 0) | (_ROOT if level == levels else 0)
            opened.write(_page(level, flags))


def _page(level: int, flags: int) -> bytes:
    """Return the page of a level; its number is one more, so that of the one below is the level."""
    special = PAGE - _SPECIAL.size
    page = bytearray(PAGE)
    lower, upper = _HEADER.size, special
    if level > 0:
        lower, upper = lower + _POINTER.size, upper - _TUPLE.size
        _POINTER.pack_into(page, _HEADER.size, upper | _IN_USE | _TUPLE.size << 17)
        _TUPLE.pack_into(page, upper, 0, level, 0, _WITHOUT_KEY | _TUPLE.size)
    _HEADER.pack_into(page, 0, 0, 0, 0, lower, upper, special, PAGE | _LAYOUT, 0)
    _SPECIAL.pack_into(page, special, 0, 0, level, flags, 0)
    return bytes(page)
