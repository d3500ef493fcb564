"""What each declared statement reads, writes and calls, as PostgreSQL understands it.

A function is made of each statement and of each of its variants, and undone again: PostgreSQL keeps
with it the columns that it reads and writes, and what else it depends on. Views are followed down
to their tables.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import groupby

import psycopg
from psycopg.errors import FeatureNotSupported

from oadb.engine.binding.declarations import Declaration
from oadb.engine.binding.packages import Package
from oadb.engine.binding.queries import queries
from oadb.engine.binding.statements import Statement
from oadb.engine.direct_connection import DirectConnection
from oadb.engine.dsn import EMPTY_PATH, Dsn, connection_keywords, reachable
from oadb.engine.executors import Runner
from oadb.engine.single_connection import SingleConnection
from oadb.tools.contract import comparison
from oadb.tools.contract.description import Connection, describe
from oadb.tools.dependencies import statement_functions
from oadb.tools.dependencies.permission_lists import NotedUse, column_names, noted_in
from oadb.tools.dependencies.uses import (
    AskedStatement,
    NotAsked,
    StatementUses,
    TableUse,
    merged,
)

query = queries(__name__)

# Seconds for each answer: these statements are not run.
_PATIENCE = 15.0

# Statements that are made into functions before what was kept of them is read.
_AT_ONCE = 200


@dataclass(frozen=True, slots=True)
class TypeName:
    """The name of a type, as SQL writes it."""

    type_id: int
    name: str


@dataclass(frozen=True, slots=True)
class KeptBody:
    """What PostgreSQL keeps of a function: its body, and on which objects it depends."""

    name: str
    body: str
    objects: list[str]


@dataclass(frozen=True, slots=True)
class UsedRelation:
    """A table or a view. ``is_invoker``: what it reads is read with the role of who reads it."""

    relation_id: int
    name: str
    columns: list[str]
    is_invoker: bool
    body: str | None
    objects: list[str]


@query
def _list_types(type_ids: list[int]) -> list[TypeName]: ...


@query
def _list_bodies() -> list[KeptBody]: ...


@query
def _list_relations(relation_ids: list[int]) -> list[UsedRelation]: ...


query.complete()


def ask(target: Dsn, packages: Iterable[Package]) -> list[AskedStatement]:
    """Ask a migrated database what each statement of the packages uses; nothing is run or kept.

    Raises:
        DeclarationError: a package does not agree with its SQL.
        psycopg.OperationalError: no connection, or no answer.
    """
    with reachable(target) as dsn:
        return [
            asked
            for package in packages
            for asked in ask_about(
                dsn,
                package.name,
                [each for found in comparison.declarations(package) for each in found],
            )
        ]


def ask_about(dsn: Dsn, package: str, declared: Sequence[Declaration]) -> list[AskedStatement]:
    """Ask about some statements of a package; see ``ask``."""
    forms = [(each, form) for each in declared for form in _forms(each)]
    answers = ask_statements(dsn, package, [form.statement for _, form in forms])
    found = zip(forms, answers, strict=True)
    return [
        AskedStatement(package, each, {form.label: answer for (_, form), answer in group})
        for each, group in groupby(found, lambda pair: pair[0][0])
    ]


def ask_statements(
    dsn: Dsn, package: str, statements: Sequence[Statement]
) -> list[StatementUses | NotAsked]:
    """Ask about statements of a package that need no declarations; see ``ask``."""
    # Names are found as in a service. Statements of oadb find yoyo's tables by their path.
    keywords = connection_keywords(dsn, {} if package == "oadb" else EMPTY_PATH)
    answers = list[StatementUses | NotAsked]()
    with DirectConnection.to(keywords, seconds=_PATIENCE, prepare_threshold=None) as connection:
        asking = _Asking(connection)
        for start in range(0, len(statements), _AT_ONCE):
            answers += asking.answers(statements[start : start + _AT_ONCE])
    return answers


def _forms(declared: Declaration) -> list[Declaration]:
    """Return what is sent for a declaration."""
    return declared.forms if declared.variants else [declared, *declared.forms]


class _Asking:
    """Asks on one connection."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._db: Runner = SingleConnection(connection)
        self._relations: dict[int, UsedRelation] = {}
        self._types: dict[int, str] = {}

    def answers(self, forms: Sequence[Statement]) -> list[StatementUses | NotAsked]:
        faults = dict[int, NotAsked]()
        with self._connection.transaction(force_rollback=True):
            for number, form in enumerate(forms):
                fault = self._make(number, form)
                if fault is not None:
                    faults[number] = fault
            bodies = {each.name: each for each in _list_bodies(self._db)}
        found = {
            number: bodies[statement_functions.name_of(number)]
            for number in range(len(forms))
            if number not in faults
        }
        self._learn({use.relation_id for each in found.values() for use in noted_in(each.body)})
        return [
            faults[number] if number in faults else self._uses(found[number])
            for number in range(len(forms))
        ]

    def _make(self, number: int, form: Statement) -> NotAsked | None:
        try:
            with self._connection.transaction():
                is_copy = statement_functions.is_copy(form)
                ids = () if is_copy else describe(self._connection, form).parameters
                types = self._type_names(ids)
                text = statement_functions.askable(form)
                statement_functions.make(self._connection, number, text, types)
        except psycopg.Error as error:
            if error.sqlstate is None:
                raise
            return _reason(form, error)
        return None

    def _type_names(self, type_ids: Sequence[int]) -> list[str]:
        unknown = sorted({*type_ids} - {*self._types})
        if unknown:
            found = _list_types(self._db, unknown)
            self._types |= {each.type_id: each.name for each in found}
        return [self._types[each] for each in type_ids]

    def _learn(self, relation_ids: set[int]) -> None:
        """Read the relations that are not known yet, and those behind views."""
        while unknown := sorted(relation_ids - {*self._relations}):
            for each in _list_relations(self._db, unknown):
                self._relations[each.relation_id] = each
                relation_ids |= {use.relation_id for use in noted_in(each.body or "")}

    def _uses(self, kept: KeptBody) -> StatementUses | NotAsked:
        tables, objects = list[TableUse](), {*kept.objects}
        for noted in noted_in(kept.body):
            relation = self._relations[noted.relation_id]
            if relation.body is not None and not noted.commands <= {"select"}:
                names = frozenset({relation.name})
                return NotAsked(f"it writes to the view {relation.name}", names)
            tables.append(self._named(noted))
            tables += self._behind(relation, objects)
        return StatementUses(merged(tables), frozenset(objects))

    def _behind(self, view: UsedRelation, objects: set[str]) -> list[TableUse]:
        """Return what a view reads, also through other views; add what else it depends on."""
        found = list[TableUse]()
        objects |= {*view.objects}
        for noted in noted_in(view.body or ""):
            use = self._named(noted)
            found.append(replace(use, through=view.name, by_owner=not view.is_invoker))
            found += self._behind(self._relations[noted.relation_id], objects)
        return found

    def _named(self, noted: NotedUse) -> TableUse:
        relation = self._relations[noted.relation_id]
        sets = (noted.reads, noted.inserts, noted.updates)
        reads, inserts, updates = (column_names(each, relation.columns) for each in sets)
        return TableUse(relation.name, noted.commands, reads, inserts, updates)


def _reason(form: Statement, error: psycopg.Error) -> NotAsked:
    words = form.words
    text = error.diag.message_primary or str(error)
    if isinstance(error, FeatureNotSupported):
        text = f"{words[0]} is no query, so PostgreSQL does not tell what it uses"
    code = [part.text for part in form.parts if part.kind not in {"space", "comment"}]
    names = zip(code, code[1:], code[2:], strict=False)
    return NotAsked(text, frozenset(f"{a}.{c}".lower() for a, dot, c in names if dot == "."))
