"""The statistics of reads: which server ran how many, and how far each replica is."""

from dataclasses import dataclass

from oadb.engine.pool.pool_stats import PoolStats


@dataclass(frozen=True, slots=True)
class ReplicaStats:
    """A replica, and its pool.

    Attributes:
        host: As DATABASE_URL_READ names it, without user and password.
        is_standby: Whether it is one; None: it has not answered yet.
        out: Why it runs no reads now; empty if it does.
        lag_seconds: How far it was behind when it was asked last, at most; None: it is not known.
        reads: How many it has run.
    """

    host: str
    is_standby: bool | None
    out: str
    lag_seconds: float | None
    reads: int
    pool: PoolStats


@dataclass(frozen=True, slots=True)
class ReadStats:
    """Reads over ``db.reads()`` since the Database was made.

    Attributes:
        primary_reads: How many the primary ran instead of a replica, because all were out or none
            had replayed in time what the read had to see.
        behind: How often a read left a replica that had not.
    """

    replicas: tuple[ReplicaStats, ...]
    primary_reads: int
    behind: int
