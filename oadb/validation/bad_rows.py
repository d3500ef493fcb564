"""Inserts rows of which the server may refuse some: finds these by halving, stores the others."""

from collections.abc import Callable, Sequence
from typing import TypeVar

import psycopg

from oadb.engine.executors import Executor
from oadb.engine.failures import is_data_error

T = TypeVar("T")


def insert_skipping_bad_rows(
    tx: Executor,
    rows: Sequence[T],
    store: Callable[[Executor, Sequence[T]], object],
    refuse: Callable[[T, psycopg.Error], object],
) -> None:
    """Store rows with *store*, and pass each that the server refuses to *refuse*.

    Each refused row costs a number of savepoints that grows with the logarithm of the rows.

    Args:
        store: stores several rows, or raises and stores none.
        refuse: called with the row and the error of the server.

    Raises:
        psycopg.Error: an error for which no row is at fault.
    """
    try:
        with tx.transaction() as nested:
            store(nested, rows)
    except psycopg.Error as error:
        if not is_data_error(error):
            raise
        fault = error
    else:
        return
    if len(rows) == 1:
        refuse(rows[0], fault)
        return
    half = len(rows) // 2
    insert_skipping_bad_rows(tx, rows[:half], store, refuse)
    insert_skipping_bad_rows(tx, rows[half:], store, refuse)
