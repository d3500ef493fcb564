"""Files of tables and indexes that have a size and take no room: what is not written is a hole."""

import os
from pathlib import Path

_SEGMENT = 1 << 30
PAGE = 8192
"""Bytes of a page."""


def extend(first: Path, pages: int) -> None:
    """Let a relation have so many pages, if it has fewer; what it has stays.

    A running server sees the new size at once. Nobody may read or write rows there any more: the
    pages are empty, and there may be 10^8 of them.

    Args:
        first: its first file; the others are beside it.

    Raises:
        OSError: a file cannot be written.
    """
    status = first.stat()
    left, number = pages * PAGE, 0
    while left > 0:
        file = first if number == 0 else first.with_name(f"{first.name}.{number}")
        _grow(file, min(left, _SEGMENT), status)
        left -= _SEGMENT
        number += 1


def _grow(file: Path, size: int, like: os.stat_result) -> None:
    # As the server makes them: for itself alone.
    descriptor = os.open(file, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
    try:
        found = os.fstat(descriptor)
        if found.st_size < size:
            os.ftruncate(descriptor, size)
        if (found.st_uid, found.st_gid) != (like.st_uid, like.st_gid):
            os.fchown(descriptor, like.st_uid, like.st_gid)
    finally:
        os.close(descriptor)
