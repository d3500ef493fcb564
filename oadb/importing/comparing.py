"""Compares a row of OpenAlgo with what it became in oadb, field by field.

What changed since the last comparison is known from the ledger. A field that changed in one system
alone has a clear winner; one that changed in both, or of which the ledger knows nothing, needs a
choice.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Literal

from oadb.importing.ledger import Digests, Recorded

State = Mapping[str, str]
"""The values of fields, some of them secret, as texts. A field that is absent has none."""

Verdict = Literal["same", "take", "keep", "open"]
"""Take: it changed there alone; keep: here alone; open: it needs a choice."""

Outcome = Literal["same", "take", "keep", "open", "settle"]
"""What a verdict came to; settle: oadb's value was chosen."""

EQUAL, DIFFERENT, UNKNOWN = "=", "!", "?"
"""How a digest of oadb begins in the ledger: values were equal, or differed by choice."""


@dataclass(frozen=True, slots=True)
class Counterpart:
    """A row as it stands in oadb. ``target`` is what an ``Recorded`` says of it.

    ``marks`` has, of fields whose values change without a meaning, what changes with one.
    """

    target: str
    values: State = field(repr=False)
    marks: State = field(repr=False, default_factory=dict[str, str])

    def mark(self, name: str) -> str | None:
        """Return what changes when somebody changes the field."""
        return self.marks.get(name, self.values.get(name))


@dataclass(frozen=True, slots=True)
class Comparison:
    """A row in both systems, and what the ledger knows of it."""

    digests: Digests
    entry: Recorded | None
    there: State = field(repr=False)
    here: Counterpart = field(repr=False)

    def verdicts(self) -> Iterator[tuple[str, Verdict]]:
        """Yield the verdict on each field."""
        known = {} if self.entry is None else self.entry.there
        for name in sorted(self.there.keys() | self.here.values.keys() | known.keys()):
            yield name, self._verdict(name)

    def _verdict(self, name: str) -> Verdict:
        there, here = self.there.get(name), self.here.values.get(name)
        if there == here:
            return "same"
        if self.entry is None or self.entry.here.get(name) == UNKNOWN:
            return "open"
        stored = str(self.entry.here.get(name, EQUAL))
        is_changed_there = not self._is_known(name, there, self.entry.there.get(name))
        is_changed_here = not self._is_known(name, self.here.mark(name), stored[1:] or None)
        if not is_changed_there:
            return "keep" if is_changed_here or stored.startswith(DIFFERENT) else "same"
        return "open" if is_changed_here or stored.startswith(DIFFERENT) else "take"

    def _is_known(self, name: str, value: str | None, digest: object) -> bool:
        if value is None or digest is None:
            return value is digest
        return digest in self.digests.all_of(name, value)

    def entered(self, outcome: Mapping[str, Outcome]) -> Recorded:
        """Return what the ledger should say after these outcomes."""
        entry = Recorded(self.digests.place[2], self.here.target, {}, {})
        for name, came in outcome.items():
            if came in {"take", "settle"} or self._is_newly_equal(name):
                self._enter(entry, name, DIFFERENT if came == "settle" else EQUAL)
            elif self.there.get(name) is self.here.mark(name) is None:
                continue  # it was deleted in both
            elif self.entry is not None:
                _copy(self.entry.there, entry.there, name)
                _copy(self.entry.here, entry.here, name)
            elif came == "open":
                entry.here[name] = UNKNOWN
        return entry

    def _is_newly_equal(self, name: str) -> bool:
        """Say whether values are equal, and the ledger does not say so yet."""
        there, here = self.there.get(name), self.here.values.get(name)
        if there is None or there != here:
            return False
        stored = "" if self.entry is None else str(self.entry.here.get(name, ""))
        known_there = None if self.entry is None else self.entry.there.get(name)
        return not (
            stored.startswith(EQUAL)
            and self._is_known(name, there, known_there)
            and self._is_known(name, self.here.mark(name), stored[1:])
        )

    def _enter(self, entry: Recorded, name: str, how: str) -> None:
        there, here = self.there.get(name), self.here.mark(name)
        if there is not None:
            entry.there[name] = self.digests.all_of(name, there)[0]
        # A field that is absent in both needs no entry; one that is absent here alone has its mark.
        if here is not None or how == DIFFERENT:
            entry.here[name] = how + ("" if here is None else self.digests.all_of(name, here)[0])


def _copy(known: Mapping[str, object], copy: dict[str, object], name: str) -> None:
    if name in known:
        copy[name] = known[name]
