"""Clocks by which rows of logs are timed, for the statements that store batches."""

from datetime import UTC, datetime

RIGHT = datetime(9999, 12, 31, tzinfo=UTC)
"""For times that are right: the database moves no clock that is ahead of its own."""

OWN = datetime(1970, 1, 1, tzinfo=UTC)
"""What the clock of a writer shows at the moment that the database stores its batch."""
