"""Inserts rows of which the server may refuse some: finds these by halving, stores the others.

On a Citus cluster rows come to a worker by COPY, and the coordinator passes on what the worker says
of them as an internal error, without its SQLSTATE.
"""

from collections.abc import Callable, Sequence
from typing import TypeVar

import psycopg
from psycopg.errors import CheckViolation

from oadb.engine.executors import Executor
from oadb.engine.failures import is_data_error

T = TypeVar("T")

# The function of the server that reports "no partition of relation found for row". Its SQLSTATE is
# that of a check, and its name, unlike that text, is the same in every language.
_FINDS_PARTITION = "ExecFindPartition"

# The function of Citus that passes on what a worker says.
_PASSES_ON = "ReportCopyError"


def is_of_worker(error: psycopg.Error) -> bool:
    """Say whether a worker of a cluster has refused rows; its text alone says why."""
    return error.sqlstate == "XX000" and error.diag.source_function == _PASSES_ON


def is_partition_missing(error: psycopg.Error) -> bool:
    """Say whether a row has no partition: a fault of the table, not of the row."""
    return isinstance(error, CheckViolation) and error.diag.source_function == _FINDS_PARTITION


def is_row_fault(error: psycopg.Error) -> bool:
    """Say whether a row is at fault, so that storing it again would fail again."""
    return _violates(error) or (is_data_error(error) and not is_partition_missing(error))


def _violates(error: psycopg.Error) -> bool:
    """Say whether a worker names a constraint: it need not be asked again."""
    return is_of_worker(error) and " violates " in (error.diag.message_primary or "")


def insert_skipping_bad_rows(
    tx: Executor,
    rows: Sequence[T],
    store: Callable[[Executor, Sequence[T]], object],
    refuse: Callable[[T, psycopg.Error], object],
    is_at_fault: Callable[[psycopg.Error], bool] = is_row_fault,
) -> None:
    """Store rows with *store*, and pass each that the server refuses to *refuse*.

    Each refused row costs a number of savepoints that grows with the logarithm of the rows.

    Args:
        store: stores several rows, or raises and stores none.
        refuse: called with the row and the error of the server.
        is_at_fault: says of an error whether a row is at fault.

    Raises:
        psycopg.Error: an error for which no row is at fault.
    """
    try:
        with tx.transaction() as nested:
            store(nested, rows)
    except psycopg.Error as error:
        if not is_at_fault(error):
            raise
        fault = error
    else:
        return
    if len(rows) == 1:
        refuse(rows[0], fault)
        return
    half = len(rows) // 2
    insert_skipping_bad_rows(tx, rows[:half], store, refuse, is_at_fault)
    insert_skipping_bad_rows(tx, rows[half:], store, refuse, is_at_fault)
