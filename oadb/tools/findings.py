"""Findings, the result lines of tools; and errors of PostgreSQL as one line."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import psycopg

UNMIGRATED = "is not migrated; run oadb migrate"

# The schema or the table does not exist.
_MISSING = frozenset({"3F000", "42P01"})
_INSUFFICIENT_PRIVILEGE = "42501"

# Findings of one check that are shown; a hundred lines about one cause would hide the others.
_MOST = 5


@dataclass(frozen=True, slots=True)
class Finding:
    """The result of a check or a step."""

    ok: bool
    subject: str
    text: str

    def __str__(self) -> str:
        """Return the finding as one line."""
        return f"{'ok  ' if self.ok else 'FAIL'} {self.subject}: {self.text}"


Check = Callable[[], Iterable[Finding]]


def judged(subject: str, faults: Sequence[str], fine: str) -> Iterator[Finding]:
    """Yield a finding for each of the first faults, or the one that says what is *fine*."""
    for fault in faults[:_MOST]:
        yield Finding(False, subject, fault)
    if len(faults) > _MOST:
        yield Finding(False, subject, f"and {len(faults) - _MOST:,} more")
    if not faults:
        yield Finding(True, subject, fine)


def run_checks(
    checks: Mapping[str, Check], explain: Callable[[psycopg.Error], str] | None = None
) -> Iterator[Finding]:
    """Yield the findings of each check; an error of PostgreSQL is one, and the next check runs.

    Args:
        explain: makes a line of an error; by default ``explain_error``.
    """
    for subject, check in checks.items():
        try:
            yield from check()
        except psycopg.Error as error:
            yield Finding(False, subject, (explain or explain_error)(error))


def explain_command_error(error: psycopg.Error, database: str) -> str:
    """Return an error that ended a command in *database* as one line, with what to do about it."""
    if error.sqlstate in _MISSING:
        return f"{database} {UNMIGRATED}"
    return f"{database}: {explain_error(error)}"


def explain_error(error: psycopg.Error) -> str:
    """Return an error of PostgreSQL as one line, with what to do about it if that is known."""
    line = " ".join(str(error).split())
    if error.sqlstate in _MISSING and "oadb migrate" not in line:
        return f"{line}; run oadb migrate"
    if error.sqlstate == _INSUFFICIENT_PRIVILEGE:
        return f"{line}; connect as a member of oadb_app (for keys: oadb_rotate), or as the owner"
    return line
