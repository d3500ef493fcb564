"""What PostgreSQL says about a statement without running it: types, nullability, locks."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import psycopg

from oadb.engine.binding import copies
from oadb.engine.binding.declarations import Declaration
from oadb.engine.binding.statements import Statement
from oadb.engine.remembering import Remembered
from oadb.engine.single_connection import SingleConnection
from oadb.tools.contract.description import Column, Connection, Description, describe
from oadb.tools.contract.nullability import never_null
from oadb.tools.contract.padding import may_pad
from oadb.tools.dependencies.uses import StatementUses, TableUse
from oadb.tools.review import catalog_facts
from oadb.tools.review.book_model import LockReview
from oadb.tools.review.catalog_facts import NamedColumn, ShownType

_BLOCKS = {
    "AccessShareLock": ("access share", "only what changes or drops the table"),
    "RowShareLock": ("row share", "only what locks the whole table; its rows are locked"),
    "RowExclusiveLock": ("row exclusive", "building an index, and what locks the whole table"),
    "ShareLock": ("share", "writers"),
    "ShareRowExclusiveLock": ("share row exclusive", "writers"),
    "ExclusiveLock": ("exclusive", "writers, and SELECT FOR UPDATE"),
    "AccessExclusiveLock": ("access exclusive", "everybody"),
}
"""The modes of pg_locks that statements take: their names, and what waits for them."""

_ORDER = [*_BLOCKS]


@dataclass(frozen=True, slots=True)
class ColumnAnswer:
    """A column of a result; *source* is the column of a table that it is, if it is one."""

    name: str
    postgres: str
    source: str
    nullability: str
    why: str


@dataclass(frozen=True, slots=True)
class Answer:
    """What PostgreSQL says about a statement; *parameters* are types by name, in order.

    A *fault* says why it did not say anything.
    """

    parameters: dict[str, ShownType]
    columns: tuple[ColumnAnswer, ...]
    locks: tuple[LockReview, ...]
    fault: str = ""


class StatementAsker:
    """Asks about statements on one connection, to a database that nobody else uses."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._session = SingleConnection(connection)
        self._remembered = Remembered(self._session)

    def ask(self, declared: Declaration) -> Answer:
        """Ask about a statement; of one with variants, about the text with all of its lines."""
        if declared.is_copy:
            return self._ask_copy(declared.statement)
        answer, parameters = self._ask(declared.statement), dict[str, ShownType]()
        for variant in declared.variants.values():
            if not answer.fault and not {*declared.parameters} <= {*parameters}:
                description = describe(self._connection, variant.statement)
                parameters |= self._parameters(variant.statement, description)
        return replace(answer, parameters={**parameters, **answer.parameters})

    def allowed_roles(self, uses: StatementUses) -> list[str]:
        """Return the roles of the server that have every privilege that a statement needs."""
        needs = [
            (use.table, column, command)
            for use in uses.tables
            if not use.by_owner
            for command in sorted(use.commands)
            for column in sorted(_columns(use, command)) or [""]
        ]
        tables, columns, privileges = ([each[part] for each in needs] for part in range(3))
        return catalog_facts.list_allowed_roles(
            self._session, tables, columns, privileges, uses.functions
        )

    def _ask_copy(self, statement: Statement) -> Answer:
        if "stdout" in statement.words:
            return self._ask(copies.copied_query(statement))
        table = copies.copied_table(statement) or "the table"
        return Answer({}, (), (_lock(table, "RowExclusiveLock"),))

    def _ask(self, statement: Statement) -> Answer:
        try:
            description, locks = self._described(statement)
            columns = tuple(self._columns(statement, description))
        except psycopg.Error as error:
            return Answer({}, (), (), error.diag.message_primary or type(error).__name__)
        return Answer(self._parameters(statement, description), columns, locks)

    def _parameters(self, statement: Statement, description: Description) -> dict[str, ShownType]:
        """Return the types of the parameters; the last ones may stand in other variants only."""
        types = self._types(description.parameters)
        pairs = zip(statement.params, description.parameters, strict=False)
        return {name: types[oid] for name, oid in pairs}

    def _described(self, statement: Statement) -> tuple[Description, tuple[LockReview, ...]]:
        """Prepare a statement in a transaction, and look at the locks that this takes."""
        with self._connection.transaction(force_rollback=True):
            description = describe(self._connection, statement)
            held = catalog_facts.list_held_locks(self._session, self._pid)
        strongest: dict[str, str] = {}
        for each in held:
            known = strongest.get(each.relation, each.mode)
            strongest[each.relation] = max(known, each.mode, key=_ORDER.index)
        return description, tuple(_lock(name, mode) for name, mode in strongest.items())

    @cached_property
    def _pid(self) -> int:
        return self._connection.info.backend_pid

    def _types(self, oids: Sequence[int]) -> dict[int, ShownType]:
        found = catalog_facts.list_type_names(self._remembered, sorted({*oids}))
        return {each.type_id: each for each in found}

    def _columns(self, statement: Statement, description: Description) -> Iterator[ColumnAnswer]:
        columns = description.columns
        types = self._types([column.type_id for column in columns])
        known = never_null(self._remembered, self._connection, statement, columns)
        for column, is_never_null in zip(columns, known, strict=True):
            named = self._named(column)
            source = f"{named.table_name}.{named.name}" if named else ""
            why = _why(named, is_never_null, is_padded=may_pad(statement))
            kind = {True: "never null", False: "may be null", None: "not known"}[is_never_null]
            yield ColumnAnswer(column.name, types[column.type_id].shown, source, kind, why)

    def _named(self, column: Column) -> NamedColumn | None:
        if not column.table_id:
            return None
        found = catalog_facts.list_named_columns(self._remembered, [column.table_id])
        return next((each for each in found if each.number == column.number), None)


def _why(named: NamedColumn | None, is_never_null: bool | None, *, is_padded: bool) -> str:
    if named is None:
        return "an expression, of which PostgreSQL does not say it"
    source = f"{named.table_name}.{named.name}"
    if is_never_null is None:
        return f"the plan does not tell whether {source} is padded"
    if is_never_null:
        return f"{source} is not null" + (", and no join pads it" if is_padded else "")
    if named.is_not_null:
        return f"{source} is not null, but a join or a grouping set leaves it out"
    return f"{source} may be null"


def _columns(use: TableUse, command: str) -> frozenset[str]:
    sets = {"select": use.reads, "insert": use.inserts, "update": use.updates}
    return sets.get(command, frozenset())


def _lock(relation: str, mode: str) -> LockReview:
    name, blocks = _BLOCKS[mode]
    return LockReview(relation, name, blocks)
