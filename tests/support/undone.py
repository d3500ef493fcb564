"""A transaction that is undone at its end."""

from collections.abc import Generator
from contextlib import contextmanager, suppress

from oadb import Database, Transaction


class _UndoError(Exception):
    """Ends the transaction of a test."""


@contextmanager
def undone(database: Database) -> Generator[Transaction]:
    """Give a transaction of which nothing stays."""
    with suppress(_UndoError), database.transaction() as transaction:
        yield transaction
        raise _UndoError
