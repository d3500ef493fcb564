"""Imports the rows of a table, and follows what changes in them: each run compares every row.

A row that is new in OpenAlgo is created. Of a row that oadb has, what changed in OpenAlgo alone is
taken from there; what changed in oadb stays; and what changed in both stays until somebody chooses.
"""

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Protocol

import psycopg

from oadb.engine.constraint_errors import constraint_of
from oadb.engine.executors import Executor
from oadb.engine.failures import is_data_error
from oadb.errors import ParameterError, RowError
from oadb.importing import ledger
from oadb.importing.columns import whole
from oadb.importing.comparing import Comparison, Counterpart, Outcome, State, Verdict
from oadb.importing.ledger import Digests, Recorded
from oadb.importing.openalgo_tables import Row
from oadb.importing.reports import TableReport
from oadb.security.keyring import KeyRing


class Subject(Protocol):
    """What the rows of a table are in oadb. Each method may raise a RowError with the reason."""

    identity: str
    """The field whose value distinguishes a row from a later one of the same id."""

    def read(self, row: Row, /) -> State:
        """Return the values of a row in OpenAlgo."""
        ...

    def create(self, tx: Executor, row: Row, report: TableReport, /) -> bool:
        """Import a row; False if oadb has it."""
        ...

    def find(
        self, tx: Executor, row: Row, there: State, target: str | None, /
    ) -> Counterpart | None:
        """Return what oadb has of a row; *target* is what the ledger says of it."""
        ...

    def follow(
        self, tx: Executor, row: Row, there: State, here: Counterpart, names: frozenset[str], /
    ) -> str:
        """Take the fields *names* from OpenAlgo; return the target of the row afterwards."""
        ...


@dataclass(frozen=True, slots=True)
class Choices:
    """What a person chose for rows, each as table:id.

    ``take`` are rows whose differing fields become those of OpenAlgo, ``keep`` those whose fields
    stay as in oadb.
    """

    take: frozenset[str] = frozenset()
    keep: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Merge:
    """Merges the rows of a table."""

    installation: str
    table: str
    subject: Subject
    ring: KeyRing | None
    choices: Choices
    entries: Mapping[int, Recorded]
    """What the ledger knows of the table, by the id of a row."""
    seen: set[int] = field(default_factory=set[int])

    def row(self, db: Executor, row: Row, report: TableReport) -> None:
        """Merge a row in a transaction of its own, and count it."""
        row_id = row.get("id")
        try:
            self.seen.add(whole(row, "id"))
            with db.transaction() as tx:
                is_new = self._merge(tx, row, report)
        except psycopg.Error as error:
            if not is_data_error(error):
                raise
            refusing = constraint_of(error) or "the table in oadb"
            self._refuse(report, row_id, f"{refusing} refuses it")
        except (RowError, ParameterError) as fault:
            self._refuse(report, row_id, str(fault))
        else:
            report.count(is_new=is_new)

    def _refuse(self, report: TableReport, row_id: object, reason: str) -> None:
        """Report a row that is not imported, or not compared: oadb then keeps what it has."""
        if row_id in self.entries:
            report.leave_open(row_id, f"the row: {reason}")
            report.count(is_new=False)
        else:
            report.leave_out(row_id, reason)

    def report_gone(self, report: TableReport) -> None:
        """Report rows that were imported, and are not in OpenAlgo any longer."""
        for row_id in sorted(self.entries.keys() - self.seen):
            report.miss(row_id, "the row")

    def _merge(self, tx: Executor, row: Row, report: TableReport) -> bool:
        there, row_id = self.subject.read(row), whole(row, "id")
        place = (self.installation, self.table, row_id)
        digests = Digests(self.ring, place, self.subject.identity)
        entry = self.entries.get(row_id)
        if entry and not self._is_of(entry, digests, there):
            report.miss(row_id, "an earlier row of this id")
            entry = None
        here = None
        if entry is not None:
            here = self.subject.find(tx, row, there, entry.target)
            if here is None and not self._is_restored(digests, entry, there, report):
                return False
        is_new = False
        if here is None:
            is_new = self.subject.create(tx, row, report)
            here = self.subject.find(tx, row, there, None)
        if here is not None:
            self._compare(tx, row, Comparison(digests, entry, there, here), report)
        return is_new

    def _is_of(self, entry: Recorded, digests: Digests, there: State) -> bool:
        """Say whether an entry is of this row, and not of an earlier one of the same id."""
        name = self.subject.identity
        known = entry.there.get(name)
        return name not in there or known is None or known in digests.all_of(name, there[name])

    def _is_restored(
        self, digests: Digests, entry: Recorded, there: State, report: TableReport
    ) -> bool:
        """Say whether a row that was deleted in oadb is to be imported again."""
        if self._key(entry.row_id) in self.choices.take:
            return True
        is_same = all(
            entry.there.get(name) in digests.all_of(name, value) for name, value in there.items()
        )
        if is_same or self._key(entry.row_id) in self.choices.keep:
            report.keep(entry.row_id, "the row, which was deleted")
        else:
            report.leave_open(entry.row_id, "the row, which was deleted in oadb")
        return False

    def _compare(self, tx: Executor, row: Row, compared: Comparison, report: TableReport) -> None:
        row_id = whole(row, "id")
        outcome: dict[str, Outcome] = {
            name: self._chosen(row_id, each) for name, each in compared.verdicts()
        }
        taken = frozenset(name for name, each in outcome.items() if each == "take")
        after = compared
        if taken:
            target = self.subject.follow(tx, row, compared.there, compared.here, taken)
            here = self.subject.find(tx, row, compared.there, target)
            if here is None:
                raise RowError("it disappeared from oadb while it was compared")
            after = Comparison(compared.digests, compared.entry, compared.there, here)
        made, entry = after.entered(outcome), compared.entry
        if made != entry:
            ledger.put(
                tx, self.installation, self.table, row_id, made.target, made.there, made.here
            )
        _report(report, row_id, outcome)

    def _chosen(self, row_id: int, verdict: Verdict) -> Outcome:
        """Apply the choice of a person."""
        if verdict == "same":
            return verdict
        if self._key(row_id) in self.choices.take:
            return "take"
        return "settle" if verdict == "open" and self._key(row_id) in self.choices.keep else verdict

    def _key(self, row_id: int) -> str:
        return f"{self.table}:{row_id}"


def _report(report: TableReport, row_id: int, outcome: Mapping[str, Outcome]) -> None:
    said = {
        "take": report.take, "keep": report.keep, "settle": report.keep, "open": report.leave_open,
    }  # fmt: skip  # a table
    for name, came in outcome.items():
        with suppress(KeyError):
            said[came](row_id, name)
