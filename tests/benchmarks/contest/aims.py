"""What was aimed at: ratios of two entrants of a question."""

from dataclasses import dataclass

from tests.benchmarks.contest import names
from tests.benchmarks.contest.entrants import ASYNCIO, BLOCKING
from tests.benchmarks.contest.questions import ARRAYS, COPY, LOOKUP, ROWS_MANY, TRANSACTION

OURS = (names.OURS, BLOCKING)
OURS_ASYNC = (names.OURS, ASYNCIO)


@dataclass(frozen=True)
class Aim:
    """A ratio, and the most, or the least, that it should be.

    Args:
        above, below: Names of entrants, and how they wait.
    """

    what: str
    question: str
    above: tuple[str, str]
    below: tuple[str, str]
    most: float = 0.0
    least: float = 0.0

    @property
    def said(self) -> str:
        """The aim in words."""
        return f"at most {self.most}" if self.most else f"at least {self.least:g}"

    def holds(self, ratio: float) -> bool:
        """Say whether it is reached."""
        return ratio <= self.most if self.most else ratio >= self.least


AIMS = [
    Aim("a lookup, to pgbench", LOOKUP, OURS, (names.PGBENCH, BLOCKING), most=1.6),
    Aim(
        "a lookup, to one bare psycopg cursor",
        LOOKUP,
        OURS,
        (names.CURSOR, BLOCKING),
        most=0.85,
    ),
    Aim("a lookup, to psycopg's pool", LOOKUP, OURS, (names.POOL, BLOCKING), most=0.45),
    Aim(
        "async, to asyncpg's prepared statement with rows made",
        LOOKUP,
        OURS_ASYNC,
        (names.PREPARED, ASYNCIO),
        most=0.9,
    ),
    Aim(
        "async, times faster than asyncpg's pool",
        LOOKUP,
        (names.ASYNCPG_POOL, ASYNCIO),
        OURS_ASYNC,
        least=3,
    ),
    Aim(
        "a lookup, times faster than the ORM's",
        LOOKUP,
        (names.ORM, BLOCKING),
        OURS,
        least=20,
    ),
    Aim(
        "a transaction of one, to psycopg's pool with its defaults",
        TRANSACTION,
        OURS,
        (names.DEFAULT_POOL, BLOCKING),
        most=0.6,
    ),
    Aim(
        "10,000 rows as dataclasses, to asyncpg's Records",
        ROWS_MANY,
        OURS_ASYNC,
        (names.RECORDS, ASYNCIO),
        most=0.75,
    ),
    Aim(
        "a declared COPY, to psycopg's write_row",
        COPY,
        OURS,
        (names.WRITE_ROW, BLOCKING),
        most=1.1,
    ),
    Aim(
        "10,000 rows by arrays, to COPY",
        ARRAYS,
        OURS,
        (names.COPY_ROWS, BLOCKING),
        most=1.5,
    ),
]
