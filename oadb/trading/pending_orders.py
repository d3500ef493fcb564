"""Pending orders: orders that wait for a person's approval.

pending -> approved -> sent | failed, or pending -> rejected. Only the caller that gets True from
``approve`` sends the order, and then records the broker's answer with ``record_answer``. An order
that stays approved belonged to a process that died: ask the broker before sending it again.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Literal, cast, get_args

from oadb.changes import announcements
from oadb.changes.announcements import Change
from oadb.engine.binding.operations import operation
from oadb.engine.binding.queries import queries
from oadb.engine.binding.results import Affected
from oadb.engine.executors import AsyncExecutor
from oadb.engine.transactions import refuse_transaction
from oadb.errors import ParameterError
from oadb.validation.documents import require_document

query = queries(__name__)

Status = Literal["pending", "approved", "rejected", "sent", "failed"]
Outcome = Literal["sent", "failed"]

_STATUSES = ", ".join(get_args(Status))

# The end of a field name, as in the check of the table: apikey, x-api-key, openalgo_apikey.
_SECRET = re.compile(r"api[-_ ]?key\Z", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class PendingOrder:
    """An order and its state. ``decided_by`` is None for a decided order: by the platform."""

    user_id: int
    pending_order_id: int
    api_type: str
    order_data: dict[str, object]
    status: Status
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

    status: Status
    orders: int


@query
def _create(user_id: int, api_type: str, order_data: dict[str, object]) -> PendingOrder: ...


@query
def get(user_id: int, pending_order_id: int) -> PendingOrder | None: ...


@query
def list_recent(
    user_id: int, before: int | None = None, page_size: int = 100
) -> list[PendingOrder]: ...


@query
def _list_by_status(
    user_id: int, status: Status, before: int | None, page_size: int
) -> list[PendingOrder]: ...


@query
def count_by_status(user_id: int) -> list[StatusCount]: ...


@query
def _approve(user_id: int, pending_order_id: int) -> Affected: ...


@query
def _reject(
    user_id: int, pending_order_id: int, decided_by: int | None, reason: str | None
) -> Affected: ...


@query
def _record_answer(
    user_id: int,
    pending_order_id: int,
    status: Outcome,
    broker_order_id: str | None,
    broker_status: str | None,
    reason: str | None,
) -> Affected: ...


@query
def _delete(user_id: int, pending_order_id: int) -> Affected: ...


query.complete()


@operation
async def create(
    db: AsyncExecutor, user_id: int, api_type: str, order_data: dict[str, object]
) -> PendingOrder:
    """Store an order for approval.

    Args:
        order_data: the order as it was requested, a JSON object of at most 64 KiB, without API
            keys; it reads back exactly, to the last digit.

    Returns:
        The order as it is stored.

    Raises:
        ParameterError: an unfit object (see ``require_document``), or a field at any depth whose
            name is that of an API key.
        ForeignKeyViolation: no such user (psycopg).
        CheckViolation: a value out of range (psycopg).
    """
    require_document("pending_orders.create: order_data", order_data)
    if any(map(_SECRET.search, _names(order_data))):
        raise ParameterError("pending_orders.create: order_data holds an API key; take it out")
    async with db.transaction() as tx:
        order = await _create(tx, user_id, api_type, order_data)
        await announcements.announce(tx, 1, _change(user_id, order.pending_order_id))
    return order


@operation
async def list_by_status(
    db: AsyncExecutor,
    user_id: int,
    status: Status,
    before: int | None = None,
    page_size: int = 100,
) -> list[PendingOrder]:
    """List the orders of a user in one state; pages as in ``list_recent``.

    Returns:
        The orders, newest first.

    Raises:
        ParameterError: an invalid status.
    """
    if status not in get_args(Status):
        raise ParameterError(f"pending_orders.list_by_status: status must be one of {_STATUSES}")
    return await _list_by_status(db, user_id, status, before, page_size)


@operation
async def approve(db: AsyncExecutor, user_id: int, pending_order_id: int) -> bool:
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
    pending_order_id: int,
    *,
    decided_by: int | None,
    reason: str | None = None,
) -> bool:
    """Reject a pending order.

    Args:
        decided_by: the user who decided, the owner or another; None: the platform.
        reason: at most 500 characters.

    Returns:
        False if the user has no such order or it was already decided.

    Raises:
        InsufficientPrivilege: under an identity (``db.as_user``), *decided_by* is another user
            (psycopg).
        CheckViolation: a reason of more than 500 characters (psycopg).
    """
    change = _change(user_id, pending_order_id)
    changed = await announcements.write(
        db, change, _reject, user_id, pending_order_id, decided_by, reason
    )
    return changed > 0


@operation
async def record_answer(
    db: AsyncExecutor,
    user_id: int,
    pending_order_id: int,
    status: Outcome,
    *,
    broker_order_id: str | None = None,
    broker_status: str | None = None,
    reason: str | None = None,
) -> bool:
    """Record the broker's answer to an approved order.

    Args:
        broker_order_id: at most 255 characters, as *broker_status*.
        reason: at most 500 characters.

    Returns:
        False if the user has no such order, or it is not approved or already has an answer.

    Raises:
        ParameterError: *status* is not "sent" or "failed".
        CheckViolation: a text that is too long (psycopg).
    """
    if status not in get_args(Outcome):
        raise ParameterError("pending_orders.record_answer: status must be sent or failed")
    changed = await announcements.write(
        db,
        _change(user_id, pending_order_id),
        _record_answer,
        user_id,
        pending_order_id,
        status,
        broker_order_id,
        broker_status,
        reason,
    )
    return changed > 0


@operation
async def delete(db: AsyncExecutor, user_id: int, pending_order_id: int) -> bool:
    """Delete an order that was rejected, sent or failed.

    Returns:
        False if the user has no such order, or it is pending or approved.
    """
    change = _change(user_id, pending_order_id)
    return await announcements.write(db, change, _delete, user_id, pending_order_id) > 0


def _names(value: object) -> Iterator[str]:
    """Yield the names of all fields in a document."""
    waiting = [value]
    while waiting:
        found = waiting.pop()
        if isinstance(found, dict):
            fields = cast("dict[str, object]", found)
            yield from fields
            waiting.extend(fields.values())
        elif isinstance(found, list):
            waiting.extend(cast("list[object]", found))


def _change(user_id: int, pending_order_id: int) -> Change:
    return Change("pending_orders", user_id, str(pending_order_id))
