"""Pending orders: orders that wait for a person.

pending -> approved -> sent | failed, or pending -> rejected. Whoever gets True from ``approve``
sends the order, and nobody else; then ``record_answer`` says what the broker made of it. An order
that stays approved belonged to a process that died: ask the broker before it is sent once more.
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

# The end of a name, as the check of the table has it: apikey, x-api-key, openalgo_apikey.
_SECRET = re.compile(r"api[-_ ]?key\Z", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class PendingOrder:
    """An order, and what became of it. ``decided_by``, None once it was decided: the platform."""

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
    """How many orders of a user are in a state."""

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
    """Let an order wait, as it was asked for: a JSON object of at most 64 KiB.

    It comes back as it is, to the last digit. Raises ParameterError for what would not (see
    ``require_document``), and where a name at whatever depth is that of an API key: take it out.
    May raise ForeignKeyViolation (no such user) and CheckViolation.
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
    """Return the orders of a user in a state: as ``list_recent``, newest first.

    Raises ParameterError for a status that is none.
    """
    if status not in get_args(Status):
        raise ParameterError(f"pending_orders.list_by_status: status must be one of {_STATUSES}")
    return await _list_by_status(db, user_id, status, before, page_size)


@operation
async def approve(db: AsyncExecutor, user_id: int, pending_order_id: int) -> bool:
    """Approve an order of one's own; True once, whoever asks how often and at once.

    False: there is no such order of this user, or it was decided before. Raises TransactionError
    in a transaction, which could take the approval back after the order was sent.
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
    """Reject an order that waits; False: there is none, or it was decided before.

    *decided_by* is a user, not only the owner; None: the platform. Under an identity
    (``db.as_user``) it is that user, or the database refuses, with InsufficientPrivilege. *reason*
    has at most 500 characters.
    """
    changed = await announcements.write(
        db, _change(user_id, pending_order_id), _reject, user_id, pending_order_id, decided_by,
        reason,
    )  # fmt: skip
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
    """Say what the broker made of an approved order; False: it has an answer, or is not approved.

    *broker_order_id* and *broker_status* have at most 255 characters, *reason* 500.
    """
    if status not in get_args(Outcome):
        raise ParameterError("pending_orders.record_answer: status must be sent or failed")
    changed = await announcements.write(
        db, _change(user_id, pending_order_id), _record_answer, user_id, pending_order_id, status,
        broker_order_id, broker_status, reason,
    )  # fmt: skip
    return changed > 0


@operation
async def delete(db: AsyncExecutor, user_id: int, pending_order_id: int) -> bool:
    """Delete an order that was rejected, sent or failed; False for any other."""
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
