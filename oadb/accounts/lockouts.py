"""Lockouts: the wait that failed sign-ins cause.

Failures are counted by account name, including unknown names, and by network. From the fifth
consecutive failure of an account on, and the twentieth of a network, each one doubles the wait
before the next try: 1 s, 2 s, 4 s, up to 15 minutes. No lockout is permanent, because anybody can
cause one: the right password or 15 quiet minutes reset the count of an account, and a network
forgets one failure a minute, even while it is in use.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta

from oadb.accounts.login_attempt_rows import LONGEST_NAME
from oadb.engine.binding.operations import operation
from oadb.engine.binding.queries import queries
from oadb.engine.binding.results import Affected
from oadb.engine.binding.sendable_texts import readable
from oadb.engine.executors import AsyncExecutor
from oadb.validation.argument_rules import Positive

__all__ = ["ACCOUNT_LIMIT", "NETWORK_LIMIT", "delete_expired", "unlock"]

query = queries(__name__)

ACCOUNT_LIMIT, NETWORK_LIMIT = 5, 20
"""The number of consecutive failures from which on each one causes a wait."""


@dataclass(frozen=True, slots=True)
class Tries:
    """The consecutive tries, including this one, and the wait before the next one.

    If the account or the network has to wait, this try was not counted, and all but ``wait`` are
    None.
    """

    tried_at: datetime | None
    account_failures: int | None
    network_failures: int | None
    wait: timedelta


@query
def count_try(
    account: str,
    network: str,
    account_limit: int = ACCOUNT_LIMIT,
    network_limit: int = NETWORK_LIMIT,
) -> Tries: ...


@query
def revert_try(account: str, network: str, tried_at: datetime) -> Affected: ...


@query
def reset_account(account: str) -> Affected: ...


@query
def delete_expired(*, batch: Positive = 1000) -> Affected:
    """Delete at most *batch* counters without a failure for a day; return how many."""
    ...


query.complete()


@operation
async def unlock(db: AsyncExecutor, username: str) -> bool:
    """Forget the failed sign-ins of an account, so that its owner need not wait.

    Returns:
        Whether any were counted.
    """
    return await reset_account(db, readable(username, LONGEST_NAME)) > 0
