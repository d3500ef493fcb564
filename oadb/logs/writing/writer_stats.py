"""What a writer of logs is doing and has done."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class LogStats:
    """Of one writer in one process, since it began. accepted = stored + rejected + queued_rows."""

    queued_rows: int
    """Taken and not known to be stored, those of the batch in hand included."""
    queued_bytes: int
    most_rows: int
    """The most that was ever queued."""
    most_bytes: int
    oldest_age: float
    """Seconds since the oldest of them was taken; 0.0 if there is none."""
    is_full: bool
    accepted: int
    stored: int
    rejected: int
    """Parked in oadb.log_rejects."""
    dropped: int
    """Found no room; counted in oadb.log_drops by the next batch that is stored."""
    refused: int
    """Came after the writer was closed."""
    batches: int
    retries: int
    last_error: str | None
    """Why the last attempt at a batch failed; None once one has succeeded."""


@dataclass(slots=True)
class WriterCounts:
    """The same, while it is counted."""

    rows: int = 0
    bytes: int = 0
    most_rows: int = 0
    most_bytes: int = 0
    stored: int = 0
    rejected: int = 0
    dropped: int = 0
    refused: int = 0
    batches: int = 0
    retries: int = 0
    last_error: str | None = None

    def remember_most(self) -> None:
        """Note how much there is: before it becomes less, not with each row."""
        self.most_rows = max(self.most_rows, self.rows)
        self.most_bytes = max(self.most_bytes, self.bytes)

    def shown(self, oldest_age: float, *, is_full: bool) -> LogStats:
        """Return them as they are now."""
        self.remember_most()
        accepted = self.stored + self.rejected + self.rows
        return LogStats(
            self.rows, self.bytes, self.most_rows, self.most_bytes, oldest_age, is_full,
            accepted, self.stored, self.rejected, self.dropped, self.refused, self.batches,
            self.retries, self.last_error,
        )  # fmt: skip
