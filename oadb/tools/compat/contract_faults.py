"""The lines of the contract check, of any release, as faults of statements."""

import re
from collections.abc import Iterable

from oadb.tools.compat.release_statement import StatementFault

_LINE = re.compile(
    r"(?P<where>\S+ and \S+:\d+): (?P<label>[\w.]+(?: [+\w][\w=+]*)*)"
    r"(?: \(and \d+ of its variants\))?: (?P<text>.+)",
    re.DOTALL,
)
# A class that expects null where there is none any more goes on.
_HARMLESS = "but is never null"

_ADVICE = (
    "expand first: keep what the old code uses until no process of it runs: see "
    "docs/online-changes.md"
)


def parse(line: str) -> StatementFault:
    """Return the fault that a line tells; one without a label if it is about no statement."""
    found = _LINE.fullmatch(line)
    if found is None:
        return StatementFault("", "", " ".join(line.split()))
    return StatementFault(found["label"], found["where"], found["text"], _ADVICE)


def harmful(faults: Iterable[StatementFault]) -> list[StatementFault]:
    """Return those that a running process would notice."""
    return [each for each in faults if _HARMLESS not in each.text]
