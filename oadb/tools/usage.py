"""The error of a command that was called wrongly."""

from oadb.errors import Error


class UsageError(Error):
    """A command was called wrongly, and did nothing: exit code 2."""
