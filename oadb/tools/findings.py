"""What a tool says of one thing that it looked at or did: one line each."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was looked at, or done."""

    ok: bool
    subject: str
    text: str

    def __str__(self) -> str:
        """Return it as one line."""
        return f"{'ok  ' if self.ok else 'FAIL'} {self.subject}: {self.text}"
