"""What was committed: positions in the write-ahead log, which replicas have replayed or not."""

import re
import threading
from dataclasses import dataclass
from typing import Any, Self, cast

from psycopg import pq

from oadb.engine.wire import SetupStatement
from oadb.errors import ParameterError

_LARGEST = 2**64 - 1
_TEXT = re.compile("([0-9A-F]{1,8})/([0-9A-F]{1,8})", re.ASCII)

# Of a page of the log, the bytes that no record can end in: its longest header.
_HEADER = 40


@dataclass(frozen=True, slots=True, order=True)
class CommitPoint:
    """A position in the log of the primary; a read after it sees what was committed before.

    It may be passed to other services as a text: ``str(point)`` and ``CommitPoint.parse(text)``.
    The later of two is ``max(first, second)``.
    """

    position: int

    def __post_init__(self) -> None:
        given = cast("object", self.position)
        if type(given) is not int or not 0 <= given <= _LARGEST:
            raise ParameterError("CommitPoint: position must be a whole number of 64 bits")

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read the text of a point, such as ``16/B374D848``.

        Raises:
            ParameterError: it is none.
        """
        given = cast("object", text)
        found = _TEXT.fullmatch(given) if isinstance(given, str) else None
        if found is None:
            raise ParameterError("CommitPoint: the text must be like 16/B374D848")
        return cls(int(found[1], 16) << 32 | int(found[2], 16))

    def __str__(self) -> str:
        """Return it as PostgreSQL writes it."""
        return f"{self.position >> 32:X}/{self.position & 0xFFFFFFFF:X}"


def position_of(after: CommitPoint | None) -> int:
    """Return the position of a point, an argument of ``reads``.

    Raises:
        ParameterError: it is none.
    """
    given = cast("object", after)
    if given is None:
        return 0
    if not isinstance(given, CommitPoint):
        raise ParameterError(
            f"reads: after must be a CommitPoint, not {type(given).__name__}; "
            "for a text, CommitPoint.parse(text)"
        )
    return given.position


COMMIT_POINT = SetupStatement(
    b"select pg_current_wal_insert_lsn() - '0/0'::pg_lsn, current_setting('wal_block_size')"
)
"""Asks a primary how far its log goes; what was committed before is in it."""


def point_in(answer: Any) -> int | None:
    """Return the position in an answer to COMMIT_POINT; None if it is an error."""
    if answer.status != pq.ExecStatus.TUPLES_OK:
        return None
    position, page = int(answer.get_value(0, 0)), int(answer.get_value(0, 1))
    # Behind a page that is full, the server names where the next record will be. No replica gets
    # there before that is written.
    behind = position % page
    return position - behind if behind <= _HEADER else position


class Commits:
    """What a Database has committed, for its reads from replicas.

    ``doubts`` counts what may have been committed at an unknown position, because an answer was
    lost; up to ``settled`` of them a later position is known.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self.latest = self.doubts = self.settled = 0

    def record(self, answer: Any) -> None:
        """Record the answer to COMMIT_POINT that came after a commit."""
        position = point_in(answer)
        if position is None:
            self.doubt()
        else:
            self.reach(position)

    def reach(self, position: int) -> None:
        """Record that something was committed at or before a position."""
        with self._lock:
            self.latest = max(self.latest, position)

    def doubt(self) -> None:
        """Record that something may have been committed."""
        with self._lock:
            self.doubts += 1

    def settle(self, doubts: int) -> None:
        """Record that so many doubts are over: the primary was asked after them."""
        with self._lock:
            self.settled = max(self.settled, doubts)
