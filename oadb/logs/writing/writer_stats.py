"""State and counters of a log writer."""

from collections.abc import Mapping
from dataclasses import dataclass
from time import monotonic


@dataclass(frozen=True, slots=True)
class LogTableStats:
    """Rows of one table in one process since its start.

    accepted = stored + rejected + queued_rows.
    """

    queued_rows: int
    """Rows not known to be stored, including those of the batch being stored."""
    queued_bytes: int
    most_rows: int
    """The largest number of queued rows so far."""
    most_bytes: int
    oldest_age_seconds: float
    """Age of the oldest queued row; 0.0: there is none."""
    last_success_age_seconds: float | None
    """Seconds since a batch was stored; None: none has been."""
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
    """Why no batch can be stored: the last attempt failed, or one has had no answer for 5 s."""


@dataclass(frozen=True, slots=True)
class LogStats(LogTableStats):
    """All tables together: sums; of ages and maxima of one table the greatest.

    ``last_success_age_seconds`` is that of the table that was stored last, ``last_error`` names its
    table, and ``is_full`` says whether any queue is full.
    """

    tables: Mapping[str, LogTableStats]
    """By the name of the table, such as api_logs."""


def total(tables: Mapping[str, LogTableStats]) -> LogStats:
    """Return the statistics of several tables together."""
    each = tables.values()
    ages = [found for one in each if (found := one.last_success_age_seconds) is not None]
    errors = (f"{name}: {one.last_error}" for name, one in tables.items() if one.last_error)
    return LogStats(
        queued_rows=sum(one.queued_rows for one in each),
        queued_bytes=sum(one.queued_bytes for one in each),
        most_rows=max(one.most_rows for one in each),
        most_bytes=max(one.most_bytes for one in each),
        oldest_age_seconds=max(one.oldest_age_seconds for one in each),
        last_success_age_seconds=min(ages, default=None),
        is_full=any(one.is_full for one in each),
        accepted=sum(one.accepted for one in each),
        stored=sum(one.stored for one in each),
        rejected=sum(one.rejected for one in each),
        dropped=sum(one.dropped for one in each),
        refused=sum(one.refused for one in each),
        batches=sum(one.batches for one in each),
        retries=sum(one.retries for one in each),
        last_error=next(errors, None),
        tables=tables,
    )


@dataclass(slots=True)
class WriterCounts:
    """The counters behind LogTableStats."""

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
    last_success: float | None = None
    """On the monotonic clock, in seconds."""

    def remember_most(self) -> None:
        """Update the maxima: before rows are removed, not when each is added."""
        self.most_rows = max(self.most_rows, self.rows)
        self.most_bytes = max(self.most_bytes, self.bytes)

    def succeed(self, rows: int, rejected: int) -> None:
        """Count a batch of *rows*, of which the table refused *rejected*."""
        self.batches += 1
        self.rejected += rejected
        self.stored += rows - rejected
        self.last_error, self.last_success = None, monotonic()

    def snapshot(
        self, oldest_age_seconds: float, *, is_full: bool, unanswered: str | None
    ) -> LogTableStats:
        """Return the statistics as of now; *unanswered* tells of an attempt without an answer."""
        self.remember_most()
        age = None if self.last_success is None else monotonic() - self.last_success
        return LogTableStats(
            queued_rows=self.rows,
            queued_bytes=self.bytes,
            most_rows=self.most_rows,
            most_bytes=self.most_bytes,
            oldest_age_seconds=oldest_age_seconds,
            last_success_age_seconds=age,
            is_full=is_full,
            accepted=self.stored + self.rejected + self.rows,
            stored=self.stored,
            rejected=self.rejected,
            dropped=self.dropped,
            refused=self.refused,
            batches=self.batches,
            retries=self.retries,
            last_error=unanswered or self.last_error,
        )
