"""What a pool tells of itself."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class PoolStats:
    """A pool at one moment: connections, and counts since it was opened."""

    size: int
    idle: int
    leased: int
    waiting: int
    most: int
    stale_replaced: int
    leaked: int
