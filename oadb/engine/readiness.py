"""What ``ping`` and ``ready`` answer: whether the database answers, and fits this service."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Ping:
    """The answer of the database to one round trip; true if it answered.

    Attributes:
        seconds: Of the round trip, with the wait for a connection.
        reason: Why there was no answer; empty if there was.
    """

    answered: bool
    seconds: float
    reason: str = ""

    def __bool__(self) -> bool:
        """Say whether the database answered."""
        return self.answered


@dataclass(frozen=True, slots=True)
class ReadyFinding:
    """One thing that a service needs of its database.

    Attributes:
        subject: ``connection``, ``migrations``, ``keys``, ``role``, or what a package checks.
        text: What was found.
        advice: What to do about it; empty if it is ok.
    """

    ok: bool
    subject: str
    text: str
    advice: str = ""

    def __str__(self) -> str:
        """Return the finding as one line."""
        return f"{'ok  ' if self.ok else 'FAIL'} {self.subject}: {'; '.join(self._parts)}"

    @property
    def _parts(self) -> list[str]:
        return [part for part in (self.text, self.advice) if part]


@dataclass(frozen=True, slots=True)
class Readiness:
    """Whether a service can work with its database; true if all findings are ok."""

    findings: tuple[ReadyFinding, ...]
    seconds: float

    def __bool__(self) -> bool:
        """Say whether all findings are ok."""
        return all(finding.ok for finding in self.findings)
