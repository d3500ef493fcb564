"""What a transaction and the ones nested in it share: a connection, and what was not sent yet."""

from copy import copy
from dataclasses import dataclass, field
from functools import cache
from typing import Any

import psycopg
from psycopg import generators
from psycopg.pq import TransactionStatus

from oadb.engine.binding.guards import COMMIT, END_READ_ONLY, RESTORE, Isolation
from oadb.engine.combined_calls import CombinedCalls
from oadb.engine.deferred_calls import DeferredCalls
from oadb.engine.failures import PlaceAt, is_lost, must_replace, scrubbed, unavailable
from oadb.engine.pool.commits import COMMIT_POINT
from oadb.engine.pool.connection_pool import Pool
from oadb.engine.questions import set_up_and_ask
from oadb.engine.wire import Begin, SetupStatement
from oadb.errors import TransactionError
from oadb.security.vault import Vault

# One name is enough: in PostgreSQL a savepoint hides an earlier one of the same name.
SAVEPOINT = SetupStatement(b"savepoint oadb", is_repeated=True)
RELEASE = SetupStatement(b"release savepoint oadb")
ROLLBACK = SetupStatement(b"rollback")
ROLLBACK_TO = SetupStatement(b"rollback to savepoint oadb")

_IN_TRANSACTION = TransactionStatus.INTRANS

# End the guards of a statement.
_ENDS = (END_READ_ONLY, RESTORE)


@dataclass(slots=True)
class TransactionSession:
    """The connection that a transaction and the ones nested in it share."""

    pool: Pool
    connection: Any
    prelude: list[SetupStatement]
    isolation: str | None
    # What restricts it to the rows of one user.
    identity: tuple[SetupStatement, ...]
    must_close: bool = False
    # Whether a write was refused because of its number of rows: nothing may be committed.
    is_refused: bool = False
    # Whether a statement ran that is no read.
    has_written: bool = False
    # Whether its end has begun, perhaps in another thread than that of its statements.
    is_ending: bool = False
    # What is sent with its end, or with that of a nested one.
    deferred: DeferredCalls | None = None
    # Channels to notify when it is committed.
    hints: set[str] = field(default_factory=set[str])
    _vault: Vault | None = None

    @property
    def vault(self) -> Vault:
        """The key ring; a proof of it in this transaction can be rolled back with it."""
        if self._vault is None:
            self._vault = copy(self.pool.vault)
        return self._vault

    def defer(self) -> DeferredCalls:
        """Return what takes calls that are sent with the end.

        Raises:
            TransactionError, UnavailableError: as require_leased.
        """
        self.require_leased()
        if self.deferred is None:
            self.deferred, self.has_written = DeferredCalls(), True
        return self.deferred

    def take_deferred(self) -> CombinedCalls | None:
        """Return the calls that were deferred, if there are any; they are sent or given up now."""
        taken, self.deferred = self.deferred, None
        return None if taken is None else taken.combined()

    def forget_savepoint(self) -> None:
        """Forget what was done since a savepoint, to which the server goes back."""
        self._vault = None  # its proof may be rolled back
        self.is_refused = False

    @property
    def failed(self) -> bool:
        """Whether a statement failed, and is not about to be rolled back to a savepoint."""
        if self.prelude and self.prelude[-1] is RELEASE:
            return False
        if self.is_refused:
            return True
        return bool(self.connection.pgconn.transaction_status == TransactionStatus.INERROR)

    def due(self, outer: "TransactionSession | None") -> list[SetupStatement]:
        """Return what must still be sent before the end of a transaction; *outer* is around it.

        With None, for COMMIT and for rolling back to a savepoint: both end the timeouts of a
        statement, and after an error of one they could not be set back.
        """
        if outer is None and self.prelude:
            self.prelude[:] = [each for each in self.prelude if each not in _ENDS]
        return self.prelude

    def end(self, *, asks: bool) -> tuple[Any, ...]:
        """Return the exchange of COMMIT, or one that asks for its position as well."""
        pgconn = self.connection.pgconn
        if asks:
            return (set_up_and_ask(pgconn, [COMMIT], COMMIT_POINT),)
        return generators.execute(pgconn), COMMIT

    def may_commit(self, error: BaseException | None) -> bool:
        """Say whether nothing is left but COMMIT, after a block that raised *error*."""
        connection = self.connection
        return (
            error is None
            and self.deferred is None
            and not (self.prelude or self.is_refused or self.is_ending)
            and connection.pgconn.transaction_status == _IN_TRANSACTION
            and connection.state.interruption is None
            and self.pool.leases.table.get(connection) is not None
        )

    def require_isolation(self, query: Any) -> None:
        """Refuse a query that needs another isolation than this transaction has.

        Raises:
            TransactionError: it does.
        """
        isolation = query.guards.isolation
        if isolation is not None and isolation != self.isolation:
            given = "the server's default" if self.isolation is None else self.isolation
            raise TransactionError(
                f"{query.label}: its isolation is {isolation}, that of this transaction {given}; "
                f'begin one with db.transaction(isolation="{isolation}")'
            )

    @property
    def is_interrupted(self) -> bool:
        """Whether a statement was interrupted, and its answer was not received yet."""
        return self.connection.state.interruption is not None

    def is_over(self, error: BaseException | None) -> bool:
        """Say whether nothing is left to end for a block that raised *error*, which stays.

        Raises:
            TransactionError, UnavailableError: as require_leased, if the block raised nothing.
        """
        if error is None:
            self.require_leased()
        return self.pool.leases.table.get(self.connection) is None

    def failure_of(
        self, error: psycopg.Error, label: str, place_at: PlaceAt | None = None
    ) -> Exception:
        """Return what to raise for an error on the connection, without row data."""
        connection = self.connection
        self.must_close |= must_replace(error, connection)
        if is_lost(error, connection):
            connection.state.disconnect()  # so that nothing of it is committed
            return unavailable(label, overdue=connection.state.overdue)
        return scrubbed(error, label, place_at)

    def require_leased(self) -> None:
        """Refuse a connection that was returned, or belongs to the process that forked this one.

        Raises:
            TransactionError: it was; or the server has no transaction, although BEGIN was sent.
            UnavailableError: the pool took it back, because the deadline of the transaction passed.
        """
        if self.is_ending or self.pool.leases.table.get(self.connection) is None:
            if self.connection.state.overdue:
                raise unavailable("a transaction", overdue=True)
            raise TransactionError("this transaction has ended, or belongs to the parent process")
        if not self.prelude and self.connection.pgconn.transaction_status == TransactionStatus.IDLE:
            raise TransactionError("this transaction was ended by one of its own statements")


@cache
def begin(isolation: Isolation | None, *, read_only: bool) -> Begin:
    """Return a BEGIN with these properties; without an isolation, with the server's default."""
    words = ["begin"]
    if isolation is not None:
        words.append(f"isolation level {isolation}")
    if read_only:
        words.append("read only")
    return Begin(" ".join(words).encode(), is_repeated=True, isolation=isolation)
