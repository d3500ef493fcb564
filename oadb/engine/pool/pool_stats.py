"""The statistics of a pool."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class PoolStats:
    """The connections of a pool now, and counts since it was opened.

    ``waiting`` are callers without a connection, ``most`` is the limit of connections.
    ``stale_replaced`` counts dead and expired connections, ``overdue`` those that were disconnected
    because a deadline passed, ``leaked`` those never returned, ``lost`` those that an interrupted
    caller left between being idle and being leased.
    """

    size: int
    idle: int
    leased: int
    waiting: int
    most: int
    stale_replaced: int
    overdue: int
    leaked: int
    lost: int
