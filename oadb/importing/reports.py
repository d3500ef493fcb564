"""Reports of an import: what happened to the rows of each table, and why rows were left out."""

from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from oadb.importing.openalgo_tables import Row

_SAMPLES, _KINDS, _LONGEST_ID = 3, 20, 20

_ORDERS = frozenset({"api_keys", "auth", "strategies", "chartink_strategies"})
"""Tables of which every field decides on orders."""


@dataclass(slots=True)
class _Tally:
    """Remarks about rows: the ids of the rows of each."""

    ids: dict[str, list[str]] = field(default_factory=dict[str, list[str]])

    def add(self, row_id: object, text: str) -> None:
        self.ids.setdefault(text, []).append(str(row_id)[:_LONGEST_ID])

    def total(self) -> int:
        return sum(map(len, self.ids.values()))

    def lines(self, label: str) -> Iterator[str]:
        found = sorted(self.ids.items(), key=lambda each: -len(each[1]))
        for text, ids in found[:_KINDS]:
            more = ", ..." if len(ids) > _SAMPLES else ""
            samples = ", ".join(ids[:_SAMPLES])
            yield f"    {len(ids):,} {label}: {text} (id {samples}{more})"
        if len(found) > _KINDS:
            yield f"    {len(found) - _KINDS:,} more lines of this kind; --json has all"


@dataclass(slots=True)
class TableReport:
    """What happened to the rows of one table; it contains no value of a row but ids.

    ``found`` counts the rows read, ``written`` those that are new in oadb, ``existing`` those that
    oadb had already.
    """

    table: str
    found: int = 0
    written: int = 0
    existing: int = 0
    remarks: list[str] = field(default_factory=list[str])
    hidden: Counter[str] = field(default_factory=Counter[str])
    """Fields of bodies that were left out, which may have been secrets: how many, by name."""
    is_complete: bool = True
    """False if rows are missing of which there is no other count."""
    _left_out: _Tally = field(default_factory=_Tally)
    _notes: _Tally = field(default_factory=_Tally)
    _behind: _Tally = field(default_factory=_Tally)
    _taken: _Tally = field(default_factory=_Tally)
    _kept: _Tally = field(default_factory=_Tally)
    _open: _Tally = field(default_factory=_Tally)
    _gone: _Tally = field(default_factory=_Tally)

    @property
    def left_out(self) -> int:
        """How many rows were not imported."""
        return self._left_out.total()

    @property
    def differs(self) -> bool:
        """Whether something was left out, or oadb differs from OpenAlgo after the import."""
        tallies = (self._left_out, self._kept, self._open, self._gone)
        return not self.is_complete or any(tally.ids for tally in tallies)

    def leave_out(self, row_id: object, reason: str) -> None:
        """Count a row that is not imported, with the reason."""
        self._left_out.add(row_id, reason)

    def left_out_ids(self) -> Mapping[str, Sequence[str]]:
        """Return each reason, with the ids of some rows that were left out for it."""
        return self._left_out.ids

    @property
    def would_change(self) -> bool:
        """Whether an import writes something."""
        return self.written > 0 or bool(self._taken.ids)

    def compared(self) -> Mapping[str, Mapping[str, Sequence[str]]]:
        """Return the ids of rows by what was found when comparing them, and by field.

        ``taken``: changed in OpenAlgo and taken from there. ``kept``: changed in oadb and left as
        it is. ``open``: needs a choice, and is left as in oadb. ``gone``: no longer in OpenAlgo.
        """
        return {
            "taken": self._taken.ids,
            "kept": self._kept.ids,
            "open": self._open.ids,
            "gone": self._gone.ids,
        }

    def leave_behind(self, row_id: object, text: str) -> None:
        """Say of a row what it was: it is over, and has no counterpart in oadb."""
        self._behind.add(row_id, text)

    def take(self, row_id: object, name: str) -> None:
        """Count a field that was changed in OpenAlgo, and taken from there."""
        self._taken.add(row_id, name)

    def keep(self, row_id: object, name: str) -> None:
        """Count a field that was changed in oadb, and stays."""
        self._kept.add(row_id, name)

    def leave_open(self, row_id: object, name: str) -> None:
        """Count a field that needs a choice."""
        self._open.add(row_id, name)

    def miss(self, row_id: object, text: str) -> None:
        """Count a row that was imported, and is not in OpenAlgo any longer."""
        self._gone.add(row_id, text)

    def lack(self, remark: str) -> None:
        """Remark that rows are missing."""
        self.is_complete = False
        self.remarks.append(remark)

    def note(self, row_id: object, text: str) -> None:
        """Add what a person should know about a row that is imported."""
        self._notes.add(row_id, text)

    def count(self, *, is_new: bool) -> None:
        """Count a row that is in oadb now; *is_new*: it was not before."""
        if is_new:
            self.written += 1
        else:
            self.existing += 1

    def compare(self, row: Row, known: Collection[str]) -> None:
        """Remark how the columns of a row differ from the known columns of its table."""
        missing, new = sorted({*known} - row.keys()), sorted(row.keys() - {*known})
        if missing:
            self.remarks.append(f"it lacks the columns {', '.join(missing)}")
        if new:
            self.remarks.append(f"it has columns that are not read: {', '.join(new)}")

    def lines(self, done: str) -> Iterator[str]:
        """Yield the lines of the report; *done* is the word for rows written or to be written."""
        yield (
            f"{self.table:<16} {self.found:>9,} found {self.written:>9,} {done} "
            f"{self.existing:>9,} in oadb already {self.left_out:>9,} left out"
        )
        for line in self._differences(done):
            yield f"  ! {line.strip()}" if self.table in _ORDERS or "_mode (" in line else line
        yield from self._left_out.lines("left out")
        yield from self._notes.lines("imported")
        yield from self._behind.lines("over, not imported")
        if self.hidden:
            named = ", ".join(f"{name} {count:,}" for name, count in self.hidden.most_common())
            yield f"    left out of bodies: {named}"
        yield from (f"    {remark}" for remark in self.remarks)

    def figures(self) -> str:
        """Return what a verification found, as one line."""
        differing = sum(tally.total() for tally in (self._open, self._kept, self._taken))
        return (
            f"{self.table:<16} {self.found:>9,} compared {differing:>9,} fields differ "
            f"{self.written + self.left_out:>9,} not in oadb {self._gone.total():>9,} only in oadb"
        )

    def as_json(self) -> dict[str, object]:
        """Return everything of the report, with all ids."""
        return {
            "table": self.table,
            "found": self.found,
            "written": self.written,
            "existing": self.existing,
            "left_out": self._left_out.ids,
            "notes": self._notes.ids,
            "behind": self._behind.ids,
            **self.compared(),
            "hidden": dict(self.hidden.most_common()),
            "remarks": self.remarks,
            "differs": self.differs,
        }

    def _differences(self, done: str) -> Iterator[str]:
        yield from self._open.lines("left as in oadb, needs a choice")
        yield from self._gone.lines("in oadb, but no longer in OpenAlgo")
        yield from self._taken.lines(f"changed in OpenAlgo, {done}")
        yield from self._kept.lines("changed in oadb, left as it is")
