"""Plans of declared statements, for any values or for some, as a role and under an identity.

Nothing is run unless ``Planner.plan`` is told to analyze.

    with Planner.to(dsn) as planner:
        for each in statements(users.get):
            planned = planner.plan(each)
            print(planned if isinstance(planned, Unplanned) else planned.tree.indexes)
"""

from collections.abc import Generator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass
from functools import partial
from typing import Literal, Self

import psycopg
from psycopg import sql
from psycopg.pq import TransactionStatus

from oadb.engine import failures
from oadb.engine.acting import acting_as, in_block
from oadb.engine.binding import explaining
from oadb.engine.binding.declarations import Declaration
from oadb.engine.binding.explaining import PlanMode
from oadb.engine.config import Config
from oadb.engine.database import Database
from oadb.engine.direct_connection import DirectConnection
from oadb.engine.dsn import Dsn, connection_keywords, reachable
from oadb.tools import lock_holders
from oadb.tools.plans import explain_answers, own_session, plan_tree, planned_relations
from oadb.tools.plans.explain_answers import TimedTrigger
from oadb.tools.plans.plan_tree import PlanNode
from oadb.tools.usage import UsageError

Connection = psycopg.Connection[tuple[object, ...]]

_NAME = "oadb_planned"

# One that was refused when it was executed is left behind; a planner's session is its own.
_PREPARE = f"deallocate all; prepare {_NAME} as "

Limits = tuple[float, float]
"""Seconds that a statement may take, and that it may wait for a lock."""

# PostgreSQL plans these alone.
_PLANNED = frozenset({"select", "with", "values", "table", "insert", "update", "delete", "merge"})

# Seconds to plan a statement; the function of Citus that plans what names distributed tables.
_PATIENCE, _PLANS_A_CLUSTER = 15.0, "CreateDistributedPlannedStmt"

Reason = Literal["copy", "utility", "privilege", "missing", "refused"]
"""Why there is no plan: a COPY; another statement that PostgreSQL does not plan, such as CALL; the
role may not; a table, column, function, type or extension is not there; anything else."""

_REASONS: dict[str, Reason] = {
    "42501": "privilege",
    "42P01": "missing",
    "42703": "missing",
    "42704": "missing",
    "42883": "missing",
    "3F000": "missing",
}


@dataclass(frozen=True, slots=True)
class Planned:
    """The plan of a statement; ``is_generic`` says whether it is that for any values.

    Attributes:
        planning_ms, execution_ms: In milliseconds; None unless it was run.
        triggers: What it fired when it was run.
    """

    label: str
    tree: PlanNode
    is_generic: bool
    planning_ms: float | None = None
    execution_ms: float | None = None
    triggers: tuple[TimedTrigger, ...] = ()


@dataclass(frozen=True, slots=True)
class Unplanned:
    """A statement that has no plan here, and why."""

    label: str
    reason: Reason
    text: str

    def __str__(self) -> str:
        """Return it as one line."""
        return f"{self.label}: {self.text}"


def statements(declared: Declaration) -> list[Declaration]:
    """Return what is sent, each with a label: a declaration or its variants; that for many rows."""
    return [*([] if declared.variants else [declared]), *declared.forms]


class Planner:
    """Plans statements on one connection, one after another."""

    def __init__(self, connection: Connection, owners: Mapping[str, str]) -> None:
        self._connection, self._owners = connection, owners
        self._actor: tuple[str | None, int | None] = None, None

    @classmethod
    @contextmanager
    def to(cls, dsn: Dsn, *, role: str | None = None) -> Generator[Self]:
        """Give a planner for a database, of a role that the one of the address may become.

        Raises:
            ConfigError: a pooler is between.
            UnavailableError, psycopg.OperationalError: no connection to the server.
        """
        with reachable(dsn) as target:
            with Database(Config(dsn=target)) as db:
                owners = planned_relations.owners(db)
            keywords = connection_keywords(target, None if role is None else {"role": role})
            with DirectConnection.to(
                keywords, seconds=_PATIENCE, prepare_threshold=None
            ) as connection:
                own_session.require(connection, target)
                yield cls(connection, owners)

    def become(self, role: str | None, user_id: int | None) -> None:
        """Plan from now on as a role, and as under the identity of a user, outside of transactions.

        Args:
            role: None for that with which the planner began.
            user_id: whose identity the policies of row-level security are to see.

        Raises:
            psycopg.Error: there is no such role, or it may not be taken.
        """
        if (role, user_id) == self._actor:
            return
        taken = sql.SQL("reset role") if role is None else sql.Identifier(role)
        self._connection.execute(
            sql.SQL("{}; set oadb.user_id = {}").format(
                taken if role is None else sql.SQL("set role {}").format(taken),
                sql.Literal("" if user_id is None else str(user_id)),
            )
        )
        self._actor = role, user_id

    @contextmanager
    def acting(
        self,
        *,
        role: str | None = None,
        user_id: int | None = None,
        is_read: bool = False,
        limits: Limits | None = None,
    ) -> Generator[None]:
        """Plan in the block as a role, and under the identity of a user; undone at its end.

        Args:
            is_read: whether nothing may be written, not even by a statement that is analyzed.
            limits: how long each statement may take, and wait for a lock.

        Raises:
            ParameterError: an invalid user_id.
            psycopg.Error: there is no such role, or it may not be taken, or an identity would be no
                wall: InsufficientPrivilege says what to do.
        """
        with self._connection.transaction(force_rollback=True):
            self._set_up(role, user_id, limits, is_read=is_read)
            yield

    def _set_up(
        self, role: str | None, user_id: int | None, limits: Limits | None, *, is_read: bool
    ) -> None:
        if is_read:
            self._connection.execute("set transaction read only")
        if limits is not None:
            longest, wait = (round(seconds * 1000) for seconds in limits)
            self._connection.execute(
                f"set local statement_timeout = {longest}; set local lock_timeout = {wait}".encode()
            )
        if role is not None:
            self._connection.execute(sql.SQL("set local role {}").format(sql.Identifier(role)))
        for setup in () if user_id is None else in_block(acting_as(user_id, None)):
            with psycopg.RawCursor(self._connection) as cursor:
                cursor.execute(setup.sql, [value and value.decode() for value in setup.params])

    def plan(
        self,
        statement: Declaration,
        values: Mapping[str, str | None] | None = None,
        *,
        for_any: bool = False,
        analyze: bool = False,
    ) -> Planned | Unplanned:
        """Return the plan of a statement, as ``statements`` returns it.

        Args:
            values: of its parameters, by name, as texts that PostgreSQL reads; those that are not
                given are null. Without values it is the plan for any, with all partitions.
            for_any: with values, whether to plan for any all the same: the plan says how many
                partitions these leave out.
            analyze: whether to run it, and to measure; its caller undoes what it writes.

        Raises:
            UsageError: a value that is not one of the type of its parameter, which the text names.
            psycopg.Error: the connection was lost, the server does not answer, a lock is not free,
                or the statement failed when it was run.
        """
        mode: PlanMode = "generic" if for_any or values is None else "custom"
        try:
            with self._contained():
                (found,) = self._planned(statement, values, mode, analyze=analyze)
        except psycopg.Error as error:
            if error.sqlstate in {None, lock_holders.LOCKED}:
                raise
            unplannable = _unplannable(statement)  # such cannot be prepared
            if analyze and unplannable is None:
                raise failures.scrubbed(error, statement.label, statement.place_at) from None
            return unplannable or _refused(statement, error, mode)
        return found

    def plan_both(
        self, statement: Declaration, values: Mapping[str, str | None]
    ) -> tuple[Planned | Unplanned, Planned | Unplanned]:
        """Return the plan for any values and the one for these, as ``plan`` does, in less time.

        Raises:
            As ``plan``.
        """
        try:
            with self._contained():
                for_any, custom = self._planned(statement, values, "generic", "custom")
        except (psycopg.Error, UsageError):  # of one of them, or of both
            return self.plan(statement, values, for_any=True), self.plan(statement, values)
        return for_any, custom

    def _contained(self) -> AbstractContextManager[object]:
        """Return what keeps an error from ending the transaction of ``acting``."""
        if self._connection.info.transaction_status == TransactionStatus.IDLE:
            return nullcontext()
        return self._connection.transaction(force_rollback=True)

    def _planned(
        self,
        statement: Declaration,
        values: Mapping[str, str | None] | None,
        *modes: PlanMode,
        analyze: bool = False,
    ) -> list[Planned]:
        """Return the plans of a statement, in one round trip: of texts without parameters."""
        literals = [
            sql.Literal((values or {}).get(name)).as_string(self._connection)
            for name in statement.statement.params
        ]
        explain = partial(
            explaining.explain_prepared, _NAME, literals, prunes=values is not None, analyze=analyze
        )
        text = "\n; ".join([f"{_PREPARE}{statement.wire_sql.decode()}", *map(explain, modes)])
        with psycopg.Cursor(self._connection) as cursor:
            try:
                cursor.execute(text.encode())
            except psycopg.DataError as error:
                name = explain_answers.misfit(statement, literals, text, error)
                if name is None:
                    raise
                raise UsageError(
                    f"{statement.label}: {name} is {statement.parameters[name]}: "
                    f"{error.diag.message_primary}"
                ) from None
            found = [*explain_answers.answers(cursor)]
        return [
            Planned(
                statement.label,
                plan_tree.read(each.get("Plan", {}), self._owners),
                mode == "generic",
                each.get("Planning Time"),
                each.get("Execution Time"),
                (*explain_answers.triggers(each),),
            )
            for mode, each in zip(modes, found, strict=True)
        ]


def _unplannable(declared: Declaration) -> Unplanned | None:
    word = declared.statement.words[0]
    if declared.is_copy:
        return Unplanned(declared.label, "copy", "a COPY has no plan; plan the query in it")
    if word not in _PLANNED:
        return Unplanned(declared.label, "utility", f"PostgreSQL makes no plan for {word}")
    return None


def _refused(declared: Declaration, error: psycopg.Error, mode: PlanMode) -> Unplanned:
    if mode == "generic" and error.diag.source_function == _PLANS_A_CLUSTER:
        text = "a cluster makes no plan of it for any values; give some"
        return Unplanned(declared.label, "refused", text)
    reason = _REASONS.get(error.sqlstate or "", "refused")
    return Unplanned(declared.label, reason, error.diag.message_primary or str(error))
