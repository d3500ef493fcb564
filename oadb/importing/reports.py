"""What becomes of the rows of a table, for a person who decides whether to go on."""

from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from oadb.importing.sources import Row

_SAMPLES, _LONGEST_ID = 3, 20


@dataclass(slots=True)
class _Tally:
    """What was said of rows: how often, and of which first."""

    counts: Counter[str] = field(default_factory=Counter[str])
    samples: dict[str, list[str]] = field(default_factory=dict[str, list[str]])

    def add(self, row_id: object, said: str) -> None:
        self.counts[said] += 1
        samples = self.samples.setdefault(said, [])
        if len(samples) < _SAMPLES:
            samples.append(str(row_id)[:_LONGEST_ID])

    def lines(self, label: str) -> Iterator[str]:
        for said, rows in self.counts.most_common():
            samples = ", ".join(self.samples[said])
            more = ", ..." if rows > len(self.samples[said]) else ""
            yield f"    {rows:,} {label}: {said} (id {samples}{more})"


@dataclass(slots=True)
class TableReport:
    """The rows of one table of OpenAlgo's; no value of a row is in it.

    ``found`` is how many were looked at, ``written`` how many are now here that were not, ``there``
    how many were before.
    """

    table: str
    found: int = 0
    written: int = 0
    there: int = 0
    remarks: list[str] = field(default_factory=list[str])
    _left_out: _Tally = field(default_factory=_Tally)
    _notes: _Tally = field(default_factory=_Tally)

    @property
    def left_out(self) -> int:
        """How many rows were not brought over, for a reason that is told."""
        return self._left_out.counts.total()

    def leave_out(self, row_id: object, reason: str) -> None:
        """Tell why a row is not brought over."""
        self._left_out.add(row_id, reason)

    def left_out_ids(self) -> Mapping[str, Sequence[str]]:
        """Return the ids of some of the rows that each reason is told of."""
        return self._left_out.samples

    def note(self, row_id: object, said: str) -> None:
        """Tell what is to be known of a row that is brought over."""
        self._notes.add(row_id, said)

    def count(self, *, is_new: bool) -> None:
        """Note that a row is here now, and whether it was not before."""
        if is_new:
            self.written += 1
        else:
            self.there += 1

    def compare(self, row: Row, known: Collection[str]) -> None:
        """Tell how the columns of a table differ from those that are known."""
        missing, new = sorted({*known} - row.keys()), sorted(row.keys() - {*known})
        if missing:
            self.remarks.append(f"it lacks the columns {', '.join(missing)}")
        if new:
            self.remarks.append(f"it has columns that are not read: {', '.join(new)}")

    def lines(self, done: str) -> Iterator[str]:
        """Yield it as a person reads it; *done* says that rows are, or would be, written."""
        yield (
            f"{self.table:<16} {self.found:>9,} found {self.written:>9,} {done} "
            f"{self.there:>9,} there already {self.left_out:>9,} left out"
        )
        yield from self._left_out.lines("left out")
        yield from self._notes.lines("brought over")
        yield from (f"    {remark}" for remark in self.remarks)
