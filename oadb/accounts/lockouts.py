"""Lockouts: the wait that failed sign-ins cause.

Failures are counted by account name, including unknown names, by network, and by both together.
From the limit of a counter on, each failure doubles the wait before the next try: 1 s, 2 s, 4 s, up
to 15 minutes. Each counter forgets failures one by one, so no lockout is permanent.

What others fail at does not slow an owner: where the user has signed in before (``known_clients``),
the counter of the account does not apply. A known network has one with the account; a known device
has one of its own, and no other.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from oadb.accounts import known_clients
from oadb.accounts.due_rows import Swept, delete_due
from oadb.accounts.login_attempt_rows import LONGEST_NAME
from oadb.engine.binding.operations import operation
from oadb.engine.binding.queries import queries
from oadb.engine.binding.results import Affected
from oadb.engine.binding.sendable_texts import readable
from oadb.engine.executors import AsyncExecutor
from oadb.keys import proof
from oadb.security.secret import Secret
from oadb.validation.argument_rules import Positive

__all__ = ["ACCOUNT_LIMIT", "CLIENT_LIMIT", "NETWORK_LIMIT", "delete_expired", "unlock"]

query = queries(__name__)

CLIENT_LIMIT, ACCOUNT_LIMIT, NETWORK_LIMIT = 5, 20, 20
"""The number of failures from which on each one causes a wait.

By account and network together, or by known device, of which one is forgotten in 15 minutes; by
account, one in 3 minutes; by network, one a minute. The /56 and the /48 of an IPv6 address have two
and four times the limit of the /64, and forget two and four times as fast.
"""


@dataclass(frozen=True, slots=True)
class Tries:
    """The counters that count this try, with their failures, and the wait before the next one.

    If one of them has to wait, none counts this try: ``tried_at`` is None, and ``wait`` says how
    long. ``must_account_wait`` is False then if only networks have to. ``device_id`` is the known
    device of a token.
    """

    tried_at: datetime | None
    kinds: list[str]
    subjects: list[str]
    failures: list[int]
    wait: timedelta
    must_account_wait: bool
    device_id: UUID | None


@query
def _count_try(
    account: str,
    network: str,
    *,
    wider_networks: list[str],
    device_digests: list[bytes],
    client_limit: int = CLIENT_LIMIT,
    account_limit: int = ACCOUNT_LIMIT,
    network_limit: int = NETWORK_LIMIT,
) -> Tries: ...


@query
def revert_try(
    kinds: list[str], subjects: list[str], tried_at: datetime, *, is_signed_in: bool
) -> None: ...


@query
def _reset_account(account: str) -> Affected: ...


@query
def _sweep(batch: Positive) -> Swept: ...


query.complete()


@operation
async def delete_expired(db: AsyncExecutor, *, batch: Positive = 1000) -> int:
    """Delete at most *batch* counters without a failure for a day.

    Returns:
        The number deleted.
    """
    return await delete_due(db, _sweep, batch)


@operation
async def unlock(db: AsyncExecutor, username: str) -> bool:
    """Forget the failed sign-ins of an account, so that its owner need not wait.

    Those of networks stay.

    Returns:
        Whether any were counted.
    """
    return await _reset_account(db, readable(username, LONGEST_NAME)) > 0


async def count(
    db: AsyncExecutor, account: str, networks: list[str], device_token: Secret | None
) -> Tries:
    """Count a try of a client, which is in these *networks*, the narrowest first.

    Raises:
        KeyRingError: the key ring does not fit the database.
    """
    ring = await proof.ring_of(db)
    return await _count_try(
        db,
        account,
        networks[0],
        wider_networks=networks[1:],
        device_digests=known_clients.digests(ring, device_token),
    )
