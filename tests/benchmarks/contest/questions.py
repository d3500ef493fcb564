"""What is asked of every library."""

from dataclasses import dataclass

from tests.benchmarks.contest.trades import ADDED, COPIED, HUNDRED, MANY, TRADES

LOOKUP, TRANSACTION, UPDATE = "lookup", "transaction", "update"
ROWS_100, ROWS_MANY, COPY, ARRAYS = "rows-100", "rows-many", "copy", "arrays"


@dataclass(frozen=True)
class Question:
    """A piece of work.

    Args:
        calls: How many calls a round has of each library.
        rounds: How many rounds are measured.
        said: What a call does, in a sentence.
    """

    key: str
    title: str
    calls: int
    rounds: int
    said: str


QUESTIONS = [
    Question(LOOKUP, "One row by its key", 60, 40, f"One row of {TRADES:,}, eight columns."),
    Question(
        TRANSACTION, "A transaction of one", 50, 40, "The same row, in a transaction of its own."
    ),
    Question(
        UPDATE,
        "One row updated",
        5,
        20,
        "One row of the same table is updated, and committed before the call returns.",
    ),
    Question(ROWS_100, "100 rows", 10, 40, f"{HUNDRED} rows by their key, in its order."),
    Question(ROWS_MANY, "10,000 rows", 1, 20, f"{MANY:,} rows by their key, in its order."),
    Question(COPY, "COPY of 20,000 rows", 1, 15, f"{COPIED:,} rows into an empty table."),
    Question(ARRAYS, "10,000 rows inserted", 1, 12, f"{ADDED:,} rows into an empty table."),
]
