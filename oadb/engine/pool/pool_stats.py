"""The statistics of a pool."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class PoolStats:
    """The connections of a pool now, and counts since it was opened.

    ``waiting`` are callers without a connection, ``most`` is the limit of connections.
    ``stale_replaced`` counts dead and expired connections, ``overdue`` those that were disconnected
    because a deadline passed, ``leaked`` those never returned, ``lost`` those that an interrupted
    caller left between being idle and being leased.

    ``notes_queued`` are writes that nobody waits for, such as that a session was seen, and that are
    not known to be written; ``notes_failed`` counts attempts to write one that failed,
    ``notes_dropped`` those that were not taken, because too many were queued.
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
    notes_queued: int
    notes_failed: int
    notes_dropped: int
