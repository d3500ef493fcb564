"""Dry runs: a command does its work in a transaction, which is then rolled back."""

from collections.abc import Generator
from contextlib import contextmanager, suppress

from oadb.engine.database import Database
from oadb.engine.executors import Executor


class _RehearsedError(Exception):
    """Rolls the transaction of a dry run back."""


@contextmanager
def rehearsed(db: Database, dry_run: bool = True) -> Generator[Executor]:
    """Yield *db*; for a dry run a transaction, of which nothing stays.

    Rows that it writes are locked until the block ends, and nobody is notified.
    """
    if not dry_run:
        yield db
        return
    with suppress(_RehearsedError), db.transaction() as tx:
        yield tx
        raise _RehearsedError
