"""Pages: lists that grow are read in pages, by the position of the last row of the page before.

    page = traffic.list_requests(db, limit=50)
    more = traffic.list_requests(db, limit=50, cursor=page.next)

A query that returns ``Page[Row]`` takes ``cursor`` and ``limit``. Its statement gets ``:limit``,
one more than the caller's, which shows whether there is a next page; and for each column of its
order ``:last_<column>``, the value in the last row of the page before, null on the first page.

A cursor says where a page begins, not what it may hold: whose rows they are is an argument of
their own. It needs no key therefore. Its checksum covers the arguments of its list as well, so that
a cursor that was altered, or belongs to another list, is refused.
"""

from base64 import b64decode, urlsafe_b64encode
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from hashlib import blake2s
from operator import attrgetter
from typing import Annotated, Any, Generic, TypeVar
from uuid import UUID

from oadb.engine.binding.values import Rule
from oadb.errors import ParameterError, ResultError

T = TypeVar("T")

MOST_ROWS = 1000
"""The most rows of a page."""

LAST = "last_"
"""The beginning of the parameters that hold the position of a page."""

# Between the values of a cursor: a character that no text of PostgreSQL holds.
_SEPARATOR = "\0"

_DIGEST_BYTES = 8
_LONGEST_CURSOR = 4096

# Arguments that may differ from page to page: a window may move with the clock.
_MOVABLE = frozenset({"limit", "since", "until"})

# How a value is read back from its text, ``str(value)``.
_FROM_TEXT: dict[type, Callable[[str], Any]] = {
    int: int,
    str: str,
    date: date.fromisoformat,
    datetime: datetime.fromisoformat,
    Decimal: Decimal,
    UUID: UUID,
}


@dataclass(frozen=True, slots=True)
class Page(Generic[T]):
    """A part of a list. ``next`` is the cursor of the next page; None: there are no more rows.

    Rows that are neither inserted nor deleted while a list is paged through appear exactly once.
    """

    rows: list[T]
    next: str | None

    def __iter__(self) -> Iterator[T]:
        """Iterate over the rows of this page."""
        return iter(self.rows)

    def __len__(self) -> int:
        """Return the number of rows of this page."""
        return len(self.rows)


def _checked_limit(value: int) -> int:
    if not 1 <= value <= MOST_ROWS:
        raise ValueError(f"must be 1 to {MOST_ROWS}")
    return value


Limit = Annotated[int, Rule("1 to 1000", _checked_limit)]
"""The most rows of a page: 1 to 1000."""


class Paging:
    """How the pages of one query are made: its cursors, and the position that each stands for.

    Args:
        columns: the columns of the order, with their types.
        names: the parameters of the statement, in order.
    """

    def __init__(self, label: str, columns: dict[str, type], names: Sequence[str]) -> None:
        self._label = label.replace("._", ".")  # the operation, which the caller knows
        self._columns, self._types = [*columns], [*columns.values()]
        self._of_row = attrgetter(*columns) if len(columns) > 1 else _single(*columns)
        self._limit = names.index("limit")
        self._bound = [
            place
            for place, name in enumerate(names)
            if name not in _MOVABLE and not name.startswith(LAST)
        ]

    def position(self, cursor: str | None, params: Sequence[Any]) -> list[Any]:
        """Return the position that a cursor stands for; None stands for the first page.

        Raises:
            ParameterError: not a cursor of this list.
        """
        if cursor is None:
            return [None] * len(self._types)
        texts = self._opened(cursor, params)
        return [_FROM_TEXT[kind](text) for kind, text in zip(self._types, texts, strict=True)]

    def shape(self, _label: str, rows: list[Any], _count: int, params: Sequence[Any]) -> Page[Any]:
        """Return the page of the fetched rows, of which there is one more than asked for.

        Raises:
            ResultError: there is a next page, but a null where it begins.
        """
        wanted = params[self._limit] - 1
        if len(rows) <= wanted:
            return Page(rows, None)
        values = self._of_row(rows[wanted - 1])
        if None in values:
            null = self._columns[values.index(None)]
            raise ResultError(
                f"{self._label}: {null} is null in the last row of a page, and what follows a null "
                "cannot be found; order by coalesce(...), or leave such rows out"
            )
        texts = _SEPARATOR.join(map(str, values))
        cursor = urlsafe_b64encode(self._digest(texts, params) + texts.encode())
        return Page(rows[:wanted], cursor.decode().rstrip("="))

    def _opened(self, cursor: str, params: Sequence[Any]) -> list[str]:
        try:
            padded = cursor[:_LONGEST_CURSOR] + "=" * (-len(cursor) % 4)
            content = b64decode(padded.encode(), altchars=b"-_", validate=True)
            digest, texts = content[:_DIGEST_BYTES], content[_DIGEST_BYTES:].decode()
            if digest == self._digest(texts, params):
                return texts.split(_SEPARATOR)
        except ValueError:  # its text could quote the cursor
            pass
        raise ParameterError(
            f"{self._label}: cursor is not one of this list; pass `next` of a page unchanged, "
            "with the arguments of that page"
        )

    def _digest(self, texts: str, params: Sequence[Any]) -> bytes:
        bound = repr([params[place] for place in self._bound])
        content = f"{self._label}\0{bound}\0{texts}".encode(errors="surrogatepass")
        return blake2s(content, digest_size=_DIGEST_BYTES).digest()


def is_pageable(kind: type) -> bool:
    """Say whether a column of this type can be part of a position."""
    return kind in _FROM_TEXT


def _single(column: str) -> Callable[[Any], tuple[Any]]:
    get = attrgetter(column)
    return lambda row: (get(row),)
