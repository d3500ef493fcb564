"""Counts what redaction leaves out of bodies, so that nothing is lost silently."""

import re
from collections import Counter
from dataclasses import dataclass, field

_SHOWN, _OTHERS = re.compile("[A-Za-z_]{1,24}", re.ASCII), "(other names)"


@dataclass(slots=True)
class HiddenFields:
    """Counts fields that are left out, by name; a name could itself be a secret."""

    counts: Counter[str] = field(default_factory=Counter[str])

    def add(self, name: object) -> None:
        """Count a field; one whose name could be a secret is counted without it."""
        is_shown = isinstance(name, str) and _SHOWN.fullmatch(name) is not None
        self.counts[str(name) if is_shown else _OTHERS] += 1

    def taken(self) -> Counter[str]:
        """Return the counts since the last call."""
        found, self.counts = self.counts, Counter()
        return found
