"""What is measured for observers; without one, nothing here runs.

A connection counts what the server took in its own state, since it was leased; so does a driver
that is timed. What a call waited for is counted in its CallWatch, which is to it as a pool.
"""

from collections.abc import Callable, Sequence
from time import monotonic
from typing import Any

from oadb.engine.driver import AsyncioDriver, BlockingDriver, Driver
from oadb.engine.observing import ObservedQuery, StatementDone
from oadb.engine.pool.connection_pool import Pool
from oadb.engine.row_stream import RowSource
from oadb.engine.telling import Teller


class CallWatch:
    """A pool to one call, which sees what the call gets from it."""

    __slots__ = ("_pool", "attempts", "lease_seconds", "leases", "may_retry", "rows", "served")

    def __init__(self, pool: Pool) -> None:
        self._pool = pool
        self.lease_seconds = pool.lease_seconds
        self.leases = pool.leases
        self.may_retry = pool.may_retry
        self.served = self.waited = 0.0
        self.rows = self.attempts = 0
