"""What a transaction and the ones nested in it share: a connection, and what was not sent yet."""

from dataclasses import dataclass, field
from typing import Any, Literal

from psycopg.pq import TransactionStatus

from oadb.engine.binding.guards import RESTORE
from oadb.engine.failures import unavailable
from oadb.engine.pool.connection_pool import Pool
from oadb.engine.wire import SetupStatement
from oadb.errors import TransactionError
from oadb.security.vault import Vault

Isolation = Literal["read committed", "repeatable read", "serializable"]

# One name is enough: in PostgreSQL a savepoint hides an earlier one of the same name.
SAVEPOINT = SetupStatement(b"savepoint oadb")
RELEASE = SetupStatement(b"release savepoint oadb")
ROLLBACK_TO = SetupStatement(b"rollback to savepoint oadb")


@dataclass(slots=True)
class TransactionSession:
    """The connection that a transaction and the ones nested in it share."""

    pool: Pool
    connection: Any
    vault: Vault
    prelude: list[SetupStatement] = field(default_factory=list[SetupStatement])
    must_close: bool = False

    @property
    def failed(self) -> bool:
        """Whether a statement failed, and is not about to be rolled back to a savepoint."""
        if self.prelude and self.prelude[-1] is RELEASE:
            return False
        return bool(self.connection.pgconn.transaction_status == TransactionStatus.INERROR)

    def due(self, outer: "TransactionSession | None") -> list[SetupStatement]:
        """Return what must still be sent before the end of a transaction; *outer* is around it.

        With None, for COMMIT and for rolling back to a savepoint: both end the timeouts of a
        statement, and after an error of one they could not be set back.
        """
        if outer is None:
            self.prelude[:] = [statement for statement in self.prelude if statement is not RESTORE]
        return self.prelude

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
        return self.connection not in self.pool.leases

    def require_leased(self) -> None:
        """Refuse a connection that was returned, or belongs to the process that forked this one.

        Raises:
            TransactionError: it was; or the server has no transaction, although BEGIN was sent.
            UnavailableError: the pool took it back, because the deadline of the transaction passed.
        """
        if self.connection not in self.pool.leases:
            if self.connection.state.overdue:
                raise unavailable("a transaction", overdue=True)
            raise TransactionError("this transaction has ended, or belongs to the parent process")
        if not self.prelude and self.connection.pgconn.transaction_status == TransactionStatus.IDLE:
            raise TransactionError("this transaction was ended by one of its own statements")


def begin(isolation: Isolation | None, *, read_only: bool) -> SetupStatement:
    """Return a BEGIN with these properties; without an isolation, with the server's default."""
    words = ["begin"]
    if isolation is not None:
        words.append(f"isolation level {isolation}")
    if read_only:
        words.append("read only")
    return SetupStatement(" ".join(words).encode())
