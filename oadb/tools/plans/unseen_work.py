"""What PostgreSQL runs for a statement that writes, and that no plan shows.

Triggers; the lookup of a row that a foreign key refers to; and the search for the rows that refer
to one that is deleted or gets another key, which reads a whole table if no index serves it.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from typing import Literal

from oadb.engine.binding.queries import queries
from oadb.engine.executors import Runner

query = queries(__name__)

WriteEvent = Literal["insert", "update", "delete", "truncate"]


@dataclass(frozen=True, slots=True)
class FiredTrigger:
    """A trigger that fires in an ordinary session; one of a partition is one of its table.

    Attributes:
        schema_name: That of its table.
        table_name: As ``schema.name``, without quotes.
        timing: ``before``, ``after``, ``instead of`` or, if deferred, ``at commit``.
        columns: Of ``update of``; none if an update of any column fires it.
        is_conditional: Whether it has a condition, its ``when``.
        function_name: As ``schema.name``.
        quoted_table: The table as SQL names it.
        routine: The function as SQL names it, with its arguments.
    """

    schema_name: str
    table_name: str
    name: str
    timing: str
    events: list[str]
    is_for_each_row: bool
    columns: list[str]
    is_conditional: bool
    function_name: str
    quoted_table: str
    routine: str


@dataclass(frozen=True, slots=True)
class CheckedKey:
    """A foreign key: what it asks of each side.

    Attributes:
        schema_name: That of the table that refers to another.
        table_name: This table, as ``schema.name``, without quotes.
        quoted: As SQL names it: ``constraint notes_order_fkey on desk.notes``.
        target: The table that it refers to; ``target_columns`` are in the order of ``columns``.
        set_columns: Its columns, and those that they are generated from.
        on_delete, on_update: ``no action``, ``restrict``, ``cascade``, ``set null`` or
            ``set default``.
        target_index: Where a new reference is looked up, with a lock of its row for key share.
        index_name: Where the rows that refer to one are looked up; None: the table is read whole.
        rows: Of the table that refers, with its partitions, as statistics say.
        comment: That of the constraint; '' without one.
        quoted_table, quoted_target: The tables as SQL names them.
        has_default: Whether a column has a value where an insert names none.
    """

    schema_name: str
    table_name: str
    name: str
    quoted: str
    columns: list[str]
    target: str
    target_columns: list[str]
    set_columns: list[str]
    on_delete: str
    on_update: str
    target_index: str
    index_name: str | None
    rows: float
    comment: str
    quoted_table: str
    quoted_target: str
    has_default: bool


@dataclass(frozen=True, slots=True)
class CalledFunction:
    """A function, as ``schema.name``, and the language of its body."""

    name: str
    language: str


@query
def _list_triggers() -> list[FiredTrigger]: ...


@query
def _list_keys() -> list[CheckedKey]: ...


@query
def list_functions(names: list[str]) -> list[CalledFunction]: ...


query.complete()


@dataclass(frozen=True, slots=True)
class UnseenWork:
    """The triggers and foreign keys of a database, by tables as ``schema.name``.

    Attributes:
        keys: Those of a table that refers to others.
        references: Those that refer to a table.
    """

    triggers: Mapping[str, Sequence[FiredTrigger]]
    keys: Mapping[str, Sequence[CheckedKey]]
    references: Mapping[str, Sequence[CheckedKey]]

    def without(self, schemas: AbstractSet[str]) -> "UnseenWork":
        """Return what is left without the tables of some schemas."""
        return _work(
            (each for found in self.triggers.values() for each in found),
            (each for found in self.keys.values() for each in found),
            schemas,
        )

    def fired(
        self, table: str, event: WriteEvent, columns: AbstractSet[str] | None = None
    ) -> Iterator[FiredTrigger]:
        """Yield the triggers that may fire when a table is written, by name.

        Args:
            columns: those that an update sets; None if that is not known.
        """
        for each in self.triggers.get(table, ()):
            is_of_all = event != "update" or not each.columns
            if event in each.events and (is_of_all or _has_any(columns, each.columns)):
                yield each

    def looked_up(
        self, table: str, event: WriteEvent, columns: AbstractSet[str] | None = None
    ) -> Iterator[CheckedKey]:
        """Yield the foreign keys whose target is looked up: for an update, if it changes them.

        Args:
            columns: as for ``fired``.
        """
        for each in self.keys.get(table, ()):
            if event == "insert" or (event == "update" and _has_any(columns, each.set_columns)):
                yield each

    def searched(
        self, table: str, event: WriteEvent, columns: AbstractSet[str] | None = None
    ) -> Iterator[CheckedKey]:
        """Yield those whose rows are searched: for an update, if it changes what they refer to.

        Args:
            columns: as for ``fired``.
        """
        for each in self.references.get(table, ()):
            if event == "delete" or (event == "update" and _has_any(columns, each.target_columns)):
                yield each


def _has_any(columns: AbstractSet[str] | None, wanted: Sequence[str]) -> bool:
    return columns is None or not columns.isdisjoint(wanted)


def read(db: Runner) -> UnseenWork:
    """Read the triggers and foreign keys of all schemas.

    Raises:
        UnavailableError: no connection to the server.
    """
    return _work(_list_triggers(db), _list_keys(db), frozenset())


def _work(
    triggers: Iterable[FiredTrigger], keys: Iterable[CheckedKey], left_out: AbstractSet[str]
) -> UnseenWork:
    by_table = defaultdict[str, list[FiredTrigger]](list)
    of_table, to_table = (defaultdict[str, list[CheckedKey]](list) for _ in range(2))
    for trigger in triggers:
        if trigger.schema_name not in left_out:
            by_table[trigger.table_name].append(trigger)
    for key in keys:
        if key.schema_name not in left_out:
            of_table[key.table_name].append(key)
            to_table[key.target].append(key)
    return UnseenWork(dict(by_table), dict(of_table), dict(to_table))
