"""Transactions that are rolled back, so that a test leaves nothing in its database."""

from collections.abc import Generator
from contextlib import contextmanager, suppress

from oadb import Database, Transaction


class _RollbackError(Exception):
    """Rolls a transaction back."""


@contextmanager
def rolled_back(db: Database | Transaction) -> Generator[Transaction]:
    """Give a transaction in *db* that is rolled back at the end."""
    with suppress(_RollbackError), db.transaction() as tx:
        yield tx
        raise _RollbackError
