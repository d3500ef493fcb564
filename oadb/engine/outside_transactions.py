"""Operations that must not run in a transaction, whose rollback would undo them."""

from oadb.engine.executors import AsyncExecutor
from oadb.engine.transactions import AsyncTransaction
from oadb.errors import TransactionError


def refuse_transaction(db: AsyncExecutor, label: str) -> None:
    """Refuse a transaction, for the operation *label*, whose effects must not be rolled back.

    Raises:
        TransactionError: *db* is a transaction.
    """
    if isinstance(db, AsyncTransaction):
        raise TransactionError(
            f"{label}: must not run in a transaction, whose rollback would undo it; "
            "call it with the Database"
        )
