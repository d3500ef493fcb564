"""What a statement does beyond its own text: through foreign keys, triggers and functions.

The catalog names foreign keys and triggers exactly. What a routine writes is read from its text:
the tables that it names with their schemas, and the routines that it calls. What it builds at run
time is not seen.
"""

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

from oadb.tools.dependencies.uses import StatementUses
from oadb.tools.plans.unseen_work import CheckedKey, FiredTrigger
from oadb.tools.review.catalog_facts import RoutineText

_NAME = r'(?:"(?:[^"]|"")+"|\w+)'
_COMMENT = re.compile(r"--[^\n]*|/\*.*?\*/", re.DOTALL)
_WRITES = re.compile(
    r"\b(?:insert\s+into|update(?:\s+only)?|delete\s+from(?:\s+only)?|merge\s+into"
    rf"|truncate(?:\s+table)?)\s+({_NAME}\.{_NAME})",
    re.IGNORECASE,
)
_CALLS = re.compile(rf"({_NAME}\.{_NAME})\s*\(")

_ACTIONS = {
    "cascade": "deletes them",
    "set null": "sets their columns to null",
    "set default": "sets their columns to defaults",
}
"""What a delete does to the rows that refer to its own; otherwise it fails."""

_Written = dict[tuple[str, str], frozenset[str]]
"""The columns that a statement writes, by table and command; none of a delete."""


@dataclass(frozen=True, slots=True)
class FurtherEffect:
    """What a statement does to a table though its text does not say so.

    Attributes:
        table: Empty for a function that is called for no table.
        cause: The foreign key, trigger or function.
    """

    table: str
    cause: str
    effect: str


@dataclass(frozen=True)
class SchemaLinks:
    """Foreign keys, triggers and routines of the schemas of packages.

    Not slotted, because cached_property stores its values in the instance.
    """

    foreign_keys: Sequence[CheckedKey]
    triggers: Sequence[FiredTrigger]
    routines: Sequence[RoutineText]

    def of_statement(self, uses: StatementUses) -> tuple[FurtherEffect, ...]:
        """Return what a statement does further, each once, the keys first."""
        found = dict[FurtherEffect, None]()
        written = _written(uses)
        cascaded = [*self._cascaded(table for table, command in written if command == "delete")]
        for key in self.foreign_keys:
            found |= dict.fromkeys(_referring(key, written))
            found |= dict.fromkeys(_referred(key, written, cascaded))
        everywhere = {**{(table, "delete"): frozenset[str]() for table in cascaded}, **written}
        for trigger in self.triggers:
            if _fires(trigger, everywhere):
                cause = f"trigger {trigger.name}"
                found[FurtherEffect(trigger.quoted_table, cause, self.of_trigger(trigger))] = None
        for signature in uses.functions:
            found[FurtherEffect("", f"function {signature}", self._writing(signature))] = None
        return tuple(found)

    def of_trigger(self, trigger: FiredTrigger) -> str:
        """Return when a trigger runs what, and what that writes."""
        rows = ", for each row" if trigger.is_for_each_row else ""
        columns = f" of {', '.join(trigger.columns)}" if trigger.columns else ""
        when = f"{trigger.timing} {' or '.join(trigger.events)}{columns}{rows}"
        return f"{when}: runs {trigger.routine}, which {self._writing(trigger.routine)}"

    def _cascaded(self, tables: Iterable[str]) -> Iterator[str]:
        """Yield the tables of which rows are deleted with those that they refer to."""
        waiting, seen = [*tables], set[str]()
        for table in waiting:
            if table not in seen:
                seen.add(table)
                keys = (key for key in self.foreign_keys if key.quoted_target == table)
                below = [key.quoted_table for key in keys if key.on_delete == "cascade"]
                waiting += below
                yield from (each for each in below if each not in seen)

    def _writing(self, signature: str) -> str:
        tables = self._written_by(signature)
        return f"writes {', '.join(tables)}" if tables else "writes no table by its text"

    def _written_by(self, signature: str) -> list[str]:
        """Return the tables that a routine writes, and those that it calls."""
        waiting, seen, found = [signature], set[str](), set[str]()
        for each in waiting:
            if each not in seen and each in self._texts:
                seen.add(each)
                text = self._texts[each]
                found.update(_WRITES.findall(text))
                for name in _CALLS.findall(text):
                    waiting += self._signatures.get(name, ())
        return sorted(found)

    @cached_property
    def _texts(self) -> dict[str, str]:
        return {each.signature: _COMMENT.sub(" ", each.body) for each in self.routines}

    @cached_property
    def _signatures(self) -> dict[str, list[str]]:
        found: dict[str, list[str]] = {}
        for each in self.routines:
            found.setdefault(each.name, []).append(each.signature)
        return found


def of_key(key: CheckedKey) -> tuple[str, str]:
    """Return what a new value of a foreign key does, and what a delete of its target does."""
    return (
        f"locks the row of {key.quoted_target} that it refers to: FOR KEY SHARE",
        f"looks for rows of {key.quoted_table} {_by(key)}, and {_then(key)}",
    )


def _by(key: CheckedKey) -> str:
    return f"by {key.index_name}" if key.index_name else "by reading all of it"


def _then(key: CheckedKey) -> str:
    return _ACTIONS.get(key.on_delete, "fails if there are any")


def _written(uses: StatementUses) -> _Written:
    """Return what a statement writes; a lock of rows needs the right to update, and no columns."""
    found: _Written = {}
    for each in uses.tables:
        for command in sorted(each.commands - {"select"}):
            columns = each.inserts if command == "insert" else each.updates
            if columns or command != "update":
                before = found.get((each.table, command), frozenset())
                found[each.table, command] = before | columns
    return found


def _referring(key: CheckedKey, written: _Written) -> Iterator[FurtherEffect]:
    """Yield the lock of a row that a statement refers to."""
    own, table = {*key.columns}, key.quoted_table
    inserted, updated = written.get((table, "insert")), written.get((table, "update"))
    inserts = inserted is not None and (key.has_default or own & inserted)
    if inserts or (updated is not None and {*key.set_columns} & updated):
        yield FurtherEffect(key.quoted_target, f"foreign key {key.name}", of_key(key)[0])


def _referred(
    key: CheckedKey, written: _Written, cascaded: Iterable[str]
) -> Iterator[FurtherEffect]:
    """Yield the search for rows that refer to what a statement deletes, or gives another key."""
    if (key.quoted_target, "delete") in written or key.quoted_target in cascaded:
        yield FurtherEffect(key.quoted_table, f"foreign key {key.name}", of_key(key)[1])
    elif {*key.target_columns} & written.get((key.quoted_target, "update"), frozenset()):
        effect = f"looks for rows {_by(key)} that refer to the old key"
        yield FurtherEffect(key.quoted_table, f"foreign key {key.name}", effect)


def _fires(trigger: FiredTrigger, written: _Written) -> bool:
    for command in trigger.events:
        updates = written.get((trigger.quoted_table, command))
        if updates is not None and (
            command != "update" or not trigger.columns or updates & {*trigger.columns}
        ):
            return True
    return False
