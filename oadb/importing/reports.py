"""Reports of an import: what happened to the rows of each table, and why rows were left out."""

from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from oadb.importing.openalgo_tables import Row

_SAMPLES, _LONGEST_ID = 3, 20


@dataclass(slots=True)
class _Tally:
    """Remarks about rows: how often each was made, and the ids of the first rows."""

    counts: Counter[str] = field(default_factory=Counter[str])
    samples: dict[str, list[str]] = field(default_factory=dict[str, list[str]])

    def add(self, row_id: object, text: str) -> None:
        self.counts[text] += 1
        samples = self.samples.setdefault(text, [])
        if len(samples) < _SAMPLES:
            samples.append(str(row_id)[:_LONGEST_ID])

    def lines(self, label: str) -> Iterator[str]:
        for text, rows in self.counts.most_common():
            samples = ", ".join(self.samples[text])
            more = ", ..." if rows > len(self.samples[text]) else ""
            yield f"    {rows:,} {label}: {text} (id {samples}{more})"


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
    _left_out: _Tally = field(default_factory=_Tally)
    _notes: _Tally = field(default_factory=_Tally)

    @property
    def left_out(self) -> int:
        """How many rows were not imported."""
        return self._left_out.counts.total()

    def leave_out(self, row_id: object, reason: str) -> None:
        """Count a row that is not imported, with the reason."""
        self._left_out.add(row_id, reason)

    def left_out_ids(self) -> Mapping[str, Sequence[str]]:
        """Return each reason, with the ids of some rows that were left out for it."""
        return self._left_out.samples

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
        yield from self._left_out.lines("left out")
        yield from self._notes.lines("imported")
        yield from (f"    {remark}" for remark in self.remarks)
