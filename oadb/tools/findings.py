"""What a tool says of each thing that it looked at or did, and of what PostgreSQL refused."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass

import psycopg

UNMIGRATED = "is not migrated; run oadb migrate"

# The schema is not there; the table is not there.
_NOT_THERE = frozenset({"3F000", "42P01"})
_NO_RIGHT = "42501"


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was looked at, or done."""

    ok: bool
    subject: str
    text: str

    def __str__(self) -> str:
        """Return it as one line."""
        return f"{'ok  ' if self.ok else 'FAIL'} {self.subject}: {self.text}"


Look = Callable[[], Iterable[Finding]]


def each(looks: Mapping[str, Look]) -> Iterator[Finding]:
    """Yield what each look finds; one that PostgreSQL refuses is a finding, and stops no other."""
    for subject, look in looks.items():
        try:
            yield from look()
        except psycopg.Error as error:
            yield Finding(False, subject, reason(error))


def refusal(error: psycopg.Error, database: str) -> str:
    """Return, on one line, what PostgreSQL refused to do in *database*, and what to do about it."""
    if error.sqlstate in _NOT_THERE:
        return f"{database} {UNMIGRATED}"
    return f"{database}: {reason(error)}"


def reason(error: psycopg.Error) -> str:
    """Return, on one line, why PostgreSQL refused, and what to do about it if that is known."""
    line = " ".join(str(error).split())
    if error.sqlstate in _NOT_THERE:
        return f"{line}; run oadb migrate"
    if error.sqlstate == _NO_RIGHT:
        return f"{line}; connect as a member of oadb_app, for keys of oadb_rotate, or as the owner"
    return line
