"""State and counters of a log writer."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class LogStats:
    """One writer in one process, since its start. accepted = stored + rejected + queued_rows."""

    queued_rows: int
    """Rows not known to be stored, including those of the batch being stored."""
    queued_bytes: int
    most_rows: int
    """The largest number of queued rows so far."""
    most_bytes: int
    oldest_age_seconds: float
    """Age of the oldest queued row; 0.0: there is none."""
    is_full: bool
    accepted: int
    stored: int
    rejected: int
    """Rows refused by their table, and put in oadb.log_rejects."""
    dropped: int
    """Rows dropped because the queue was full; the next batch records them in oadb.log_drops."""
    refused: int
    """Rows offered after the writer was closed."""
    batches: int
    retries: int
    last_error: str | None
    """Why the last attempt to store a batch failed; None once one has succeeded."""


@dataclass(slots=True)
class WriterCounts:
    """The counters behind LogStats."""

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
        """Update the maxima: before rows are removed, not when each is added."""
        self.most_rows = max(self.most_rows, self.rows)
        self.most_bytes = max(self.most_bytes, self.bytes)

    def snapshot(self, oldest_age_seconds: float, *, is_full: bool) -> LogStats:
        """Return the statistics as of now."""
        self.remember_most()
        accepted = self.stored + self.rejected + self.rows
        return LogStats(
            queued_rows=self.rows,
            queued_bytes=self.bytes,
            most_rows=self.most_rows,
            most_bytes=self.most_bytes,
            oldest_age_seconds=oldest_age_seconds,
            is_full=is_full,
            accepted=accepted,
            stored=self.stored,
            rejected=self.rejected,
            dropped=self.dropped,
            refused=self.refused,
            batches=self.batches,
            retries=self.retries,
            last_error=self.last_error,
        )
