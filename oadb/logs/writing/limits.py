"""Limits of a log writer: rows, bytes, seconds."""

from dataclasses import dataclass

from oadb.errors import ParameterError


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """Bounds of the queue of each table, and when a batch starts.

    ``max_rows`` (100 to 10 million) and ``max_bytes`` (1 MiB to 64 GiB) bound the rows of one table
    that are not stored yet; there are four tables. A batch starts with ``flush_rows`` rows of a
    table (1 to 10 million), after ``flush_seconds`` (0.001 to 60), or when its queue is full.
    ``offer`` waits until ``wait_seconds`` (0 to 10) after the queue became full, and does not wait
    later: an outage delays a caller once.

    Raises:
        ParameterError: a limit is out of its range.
    """

    max_rows: int = 50_000
    max_bytes: int = 32 * 1024 * 1024
    flush_rows: int = 1000
    flush_seconds: float = 0.25
    wait_seconds: float = 0.05

    def __post_init__(self) -> None:
        """Check the ranges."""
        require("max_rows", self.max_rows, 100, 10_000_000)
        require("max_bytes", self.max_bytes, 2**20, 2**36)
        require("flush_rows", self.flush_rows, 1, 10_000_000)
        require("flush_seconds", self.flush_seconds, 0.001, 60)
        require("wait_seconds", self.wait_seconds, 0, 10)


def require(name: str, value: float, least: float, most: float) -> None:
    """Check that *value* is a number from *least* to *most*.

    Raises:
        ParameterError: it is not.
    """
    if type(value) not in {int, float} or not least <= value <= most:
        raise ParameterError(f"{name} must be a number from {least:,} to {most:,}")
