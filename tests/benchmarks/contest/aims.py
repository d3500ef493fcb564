"""What was aimed at: ratios of two entrants of a question."""

from dataclasses import dataclass

from tests.benchmarks.contest import by_asyncpg, by_oadb, by_pgbench, by_psycopg, by_sqlalchemy
from tests.benchmarks.contest.entrants import ASYNCIO, BLOCKING
from tests.benchmarks.contest.questions import ARRAYS, COPY, LOOKUP, ROWS_MANY, TRANSACTION

OURS = (by_oadb.OURS, BLOCKING)
OURS_ASYNC = (by_oadb.OURS, ASYNCIO)


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
    Aim("a lookup, to pgbench", LOOKUP, OURS, (by_pgbench.PGBENCH, BLOCKING), most=1.6),
    Aim(
        "a lookup, to one bare psycopg cursor",
        LOOKUP,
        OURS,
        (by_psycopg.CURSOR, BLOCKING),
        most=0.85,
    ),
    Aim("a lookup, to psycopg's pool", LOOKUP, OURS, (by_psycopg.POOL, BLOCKING), most=0.45),
    Aim(
        "async, to asyncpg's prepared statement with rows made",
        LOOKUP,
        OURS_ASYNC,
        (by_asyncpg.PREPARED, ASYNCIO),
        most=0.9,
    ),
    Aim(
        "async, times faster than asyncpg's pool",
        LOOKUP,
        (by_asyncpg.POOL, ASYNCIO),
        OURS_ASYNC,
        least=3,
    ),
    Aim(
        "a lookup, times faster than the ORM's",
        LOOKUP,
        (by_sqlalchemy.ORM, BLOCKING),
        OURS,
        least=20,
    ),
    Aim(
        "a transaction of one, to psycopg's pool with its defaults",
        TRANSACTION,
        OURS,
        (by_psycopg.DEFAULT, BLOCKING),
        most=0.6,
    ),
    Aim(
        "10,000 rows as dataclasses, to asyncpg's Records",
        ROWS_MANY,
        OURS_ASYNC,
        (by_asyncpg.RECORDS, ASYNCIO),
        most=0.75,
    ),
    Aim(
        "a declared COPY, to psycopg's write_row",
        COPY,
        OURS,
        (by_psycopg.WRITE_ROW, BLOCKING),
        most=1.1,
    ),
    Aim(
        "10,000 rows by arrays, to COPY",
        ARRAYS,
        OURS,
        (by_psycopg.COPIED, BLOCKING),
        most=1.5,
    ),
]
