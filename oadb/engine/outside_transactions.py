"""Operations that must not run in a transaction, whose rollback would undo them."""

from oadb.engine.executors import AsyncExecutor
from oadb.errors import TransactionError


def refuse_transaction(db: AsyncExecutor, label: str) -> None:
    """Refuse a transaction, for the operation *label*, whose effects must not be rolled back.

    Raises:
        TransactionError: *db* is a transaction, or that of a batch.
    """
    if db.is_transaction:
        raise TransactionError(
            f"{label}: must not run in a transaction or a batch, whose rollback would undo it; "
            "call it with the Database"
        )
