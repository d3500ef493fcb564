"""Pending orders: orders that wait for a person's approval.

pending -> approved -> sent | failed, or pending -> rejected. Only the caller that gets True from
``approve`` sends the order, and then records its outcome with ``record_outcome``. An order
that stays approved belonged to a process that died: ask the broker before sending it again.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from oadb.changes import announcements
from oadb.changes.announcements import Change
from oadb.engine.binding.operations import operation
from oadb.engine.binding.pages import Limit, Page
from oadb.engine.binding.queries import queries
from oadb.engine.binding.results import Affected
from oadb.engine.executors import AsyncExecutor
from oadb.engine.outside_transactions import refuse_transaction
from oadb.security.secret_patterns import template
from oadb.trading.order_documents import remark, require_order
from oadb.validation import owners
from oadb.validation.argument_rules import Duration, Positive

__all__ = [
    "OrderOutcome",
    "OrderStatus",
    "PendingOrder",
    "StatusCount",
    "approve",
    "count_by_status",
    "create",
    "delete",
    "delete_old",
    "get",
    "list_by_user",
    "record_outcome",
    "reject",
]

query = queries(__name__)

OrderStatus = Literal["pending", "approved", "rejected", "sent", "failed"]
"""The state of an order; see the picture above."""

OrderOutcome = Literal["sent", "failed"]
"""What the broker answered to an approved order."""

# Characters that the table takes of a reason, and of what the broker said.
_LONGEST_REASON, _LONGEST_ANSWER = 500, 255


@dataclass(frozen=True, slots=True)
class PendingOrder:
    """An order and its state. ``decided_by`` is None for a decided order: by the platform."""

    user_id: int
    pending_order_id: int
    api_type: str
    order_data: dict[str, object]
    status: OrderStatus
    created_at: datetime
    decided_at: datetime | None
    decided_by: int | None
    reason: str | None
    answered_at: datetime | None
    broker_order_id: str | None
    broker_status: str | None


@dataclass(frozen=True, slots=True)
class StatusCount:
    """The number of a user's orders in a state."""

    status: OrderStatus
    orders: int


@query
def _create(user_id: int, api_type: str, order_data: dict[str, object]) -> PendingOrder: ...


@query
def get(user_id: int, *, pending_order_id: int) -> PendingOrder | None:
    """Return an order of a user; None if there is none."""
    ...


@query
def list_by_user(
    user_id: int,
    *,
    status: OrderStatus | None = None,
    cursor: str | None = None,
    limit: Limit = 100,
) -> Page[PendingOrder]:
    """List the orders of a user in any state, or in one; newest first."""
    ...


@query
def count_by_status(user_id: int) -> list[StatusCount]:
    """Count the orders of a user in each state."""
    ...


@query
def _approve(user_id: int, pending_order_id: int) -> Affected: ...


@query
def _reject(
    user_id: int, pending_order_id: int, by: int | None, reason: str | None
) -> Affected: ...


@query
def _record_outcome(
    user_id: int,
    pending_order_id: int,
    outcome: OrderOutcome,
    broker_order_id: str | None,
    broker_status: str | None,
    reason: str | None,
) -> Affected: ...


@query
def delete_old(*, older_than: Duration, batch: Positive = 1000) -> Affected:
    """Delete at most *batch* orders that are older, in any state; return how many.

    Raises:
        LockNotAvailable: another transaction holds one of them; the next call deletes it.
    """
    ...


@query
def _delete(user_id: int, pending_order_id: int) -> Affected: ...


query.complete()


@operation
@owners.required
async def create(
    db: AsyncExecutor, user_id: int, api_type: str, order_data: dict[str, object]
) -> PendingOrder:
    """Store an order for approval.

    Args:
        order_data: the order as it was requested, a JSON object of at most 64 KiB, with the
            fields of ``kept_fields.ORDER_FIELDS`` only; it reads back exactly, to the last digit.

    Returns:
        The order as it is stored.

    Raises:
        ParameterError: an unfit object (see ``require_document``); or, at any depth, a field that
            is not one of an order, a blank symbol, or a text that looks like a secret; or a value
            out of range.
        NoRowError: there is no such user.
    """
    require_order("pending_orders.create: order_data", order_data)

    def change_of(order: PendingOrder) -> Change:
        return _change(user_id, order.pending_order_id)

    return await announcements.create(db, change_of, _create, user_id, api_type, order_data)


@operation
async def approve(db: AsyncExecutor, user_id: int, *, pending_order_id: int) -> bool:
    """Approve a pending order of its owner.

    Returns:
        True for exactly one of all calls, however many run at once; False if the user has no such
        order or it was already decided.

    Raises:
        TransactionError: *db* is a transaction, whose rollback could undo the approval after the
            order was sent.
    """
    refuse_transaction(db, "pending_orders.approve")
    change = _change(user_id, pending_order_id)
    return await announcements.write(db, change, _approve, user_id, pending_order_id) > 0


@operation
async def reject(
    db: AsyncExecutor,
    user_id: int,
    *,
    pending_order_id: int,
    by: int | None,
    reason: str | None = None,
) -> bool:
    """Reject a pending order.

    Args:
        by: the user who decided, the owner or another; None: the platform.
        reason: 1 to 500 characters; stored without secrets.

    Returns:
        False if the user has no such order or it was already decided.

    Raises:
        NoRowError: *by* is not a user, or under an identity (``db.as_user``) another one.
        InsufficientPrivilege: *by* is None under an identity (psycopg).
        ParameterError: a reason not of 1 to 500 characters.
    """
    change = _change(user_id, pending_order_id)
    said = remark(reason, _LONGEST_REASON)
    rejected = await announcements.write(db, change, _reject, user_id, pending_order_id, by, said)
    if not rejected:
        await owners.require_actor(db, "pending_orders.reject", by)
    return rejected > 0


@operation
async def record_outcome(
    db: AsyncExecutor,
    user_id: int,
    *,
    pending_order_id: int,
    outcome: OrderOutcome,
    broker_order_id: str | None = None,
    broker_status: str | None = None,
    reason: str | None = None,
) -> bool:
    """Record what became of an approved order at the broker, once.

    Args:
        broker_order_id: 1 to 255 characters, as *broker_status*; stored without secrets.
        reason: 1 to 500 characters, of which the template is stored: ``order # not found``.

    Returns:
        False if the user has no such order, or it is not approved or already has an outcome.

    Raises:
        ParameterError: a text that is empty or too long.
    """
    changed = await announcements.write(
        db,
        _change(user_id, pending_order_id),
        _record_outcome,
        user_id,
        pending_order_id,
        outcome,
        remark(broker_order_id, _LONGEST_ANSWER),
        remark(broker_status, _LONGEST_ANSWER),
        remark(reason, _LONGEST_REASON, template),
    )
    return changed > 0


@operation
async def delete(db: AsyncExecutor, user_id: int, *, pending_order_id: int) -> bool:
    """Delete an order that was rejected, sent or failed.

    Returns:
        False if the user has no such order, or it is pending or approved.
    """
    change = _change(user_id, pending_order_id)
    return await announcements.write(db, change, _delete, user_id, pending_order_id) > 0


def _change(user_id: int, pending_order_id: int) -> Change:
    return Change("pending_orders", user_id, str(pending_order_id))
