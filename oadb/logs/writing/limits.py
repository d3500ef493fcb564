"""What a writer of logs may take: rows, bytes, seconds."""

from dataclasses import dataclass

from oadb.errors import ParameterError


@dataclass(frozen=True, slots=True)
class Limits:
    """Bounds of the queue, and when a batch begins. Raises ParameterError for what cannot be.

    ``max_rows`` (100 to 10 million) and ``max_bytes`` (1 MiB to 64 GiB) bound what is not stored
    yet. A batch begins with ``flush_rows`` rows (1 to 10 million), after ``flush_seconds`` (0.001
    to 60), or when the queue is full. ``write`` waits ``wait_seconds`` (0 to 10) from the moment
    when the queue became full, and not at all later: an outage costs a caller that once.
    """

    max_rows: int = 50_000
    max_bytes: int = 64 * 1024 * 1024
    flush_rows: int = 1000
    flush_seconds: float = 0.25
    wait_seconds: float = 0.05

    def __post_init__(self) -> None:
        """Refuse what cannot be."""
        require("max_rows", self.max_rows, 100, 10_000_000)
        require("max_bytes", self.max_bytes, 2**20, 2**36)
        require("flush_rows", self.flush_rows, 1, 10_000_000)
        require("flush_seconds", self.flush_seconds, 0.001, 60)
        require("wait_seconds", self.wait_seconds, 0, 10)


def require(name: str, value: float, least: float, most: float) -> None:
    """Raise ParameterError unless *value* is a number from *least* to *most*."""
    if type(value) not in {int, float} or not least <= value <= most:
        raise ParameterError(f"{name} must be a number from {least:,} to {most:,}")
