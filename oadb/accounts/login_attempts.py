"""Login attempts: the audit of sign-ins, and lockout.

Failures are counted by account name, including unknown names, and by network. From the fifth
consecutive failure of an account on, and the twentieth of a network, each one doubles the wait
before the next try: 1 s, 2 s, 4 s, up to 15 minutes. No lockout is permanent, because anybody can
cause one: the right password or 15 quiet minutes reset the count of an account, and a network
forgets one failure a minute, even while it is in use.
"""

from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

import psycopg

from oadb.accounts import users
from oadb.accounts.users import User
from oadb.engine.binding.operations import operation
from oadb.engine.binding.queries import queries
from oadb.engine.binding.results import Affected
from oadb.engine.binding.values import UNREADABLE, readable
from oadb.engine.executors import AsyncExecutor
from oadb.engine.transactions import refuse_transaction
from oadb.errors import Error
from oadb.keys import proof
from oadb.security.addresses import network
from oadb.security.secret import Secret
from oadb.validation.rules import Ip

query = queries(__name__)

Method = Literal["password", "oauth", "resume", "code"]
Outcome = Literal["succeeded", "failed", "locked", "unverified", "resumed"]

ACCOUNT_LIMIT, NETWORK_LIMIT = 5, 20
"""The number of consecutive failures from which on each one causes a wait."""

_LONGEST_NAME, _LONGEST_DEVICE, _LONGEST_BROKER = 254, 500, 50


@dataclass(frozen=True, slots=True)
class Attempt:
    """An attempt to sign in, as the audit has it. ``user_id`` is None for an unknown name."""

    attempted_at: datetime
    username: str
    user_id: int | None
    ip: str | None
    device: str | None
    broker: str | None
    method: Method
    outcome: Outcome
    reason: str | None


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


@dataclass(frozen=True, slots=True)
class _Client:
    """The account name and origin of a sign-in, cut to what the audit can store."""

    name: str
    network: str
    ip: str | None
    device: str | None
    broker: str | None


@dataclass(frozen=True, slots=True)
class SignIn:
    """The result of a sign-in: the user, or None; and the wait before the next try."""

    user: User | None
    wait: timedelta


@query
def record(
    username: str,
    ip: str | None,
    device: str | None,
    broker: str | None,
    method: Method,
    outcome: Outcome,
    reason: str | None = None,
) -> Affected: ...


@query
def list_recent(outcome: Outcome | None = None, page_size: int = 100) -> list[Attempt]: ...


@query
def count(within: timedelta, outcome: Outcome | None = None) -> int: ...


@query
def delete_before(age: timedelta, batch: int = 1000) -> Affected: ...


@query
def _count_try(
    account: str,
    network: str,
    account_limit: int = ACCOUNT_LIMIT,
    network_limit: int = NETWORK_LIMIT,
) -> Tries: ...


@query
def _revert_try(account: str, network: str, tried_at: datetime) -> Affected: ...


@query
def _reset_account(account: str) -> Affected: ...


@query
def sweep_lockouts(batch: int = 1000) -> Affected: ...


query.complete()


@operation
async def sign_in(
    db: AsyncExecutor,
    username: str,
    password: Secret,
    *,
    ip: Ip,
    device: str | None = None,
    broker: str | None = None,
) -> SignIn:
    """Verify a name and a password, limit guessing, and write the audit.

    The try is counted before the password is verified, so concurrent tries all count. The right
    password reverts the count, as does an error that prevents the verification. During a wait
    nothing is verified, whether or not the name exists. The errors say nothing about the password.

    Args:
        ip: the client's address.
        device: a description, cut to 500 characters.
        broker: cut to 50 characters.

    Returns:
        The user, or None and the wait before the next try.

    Raises:
        ParameterError: an invalid address.
        TransactionError: *db* is a transaction, whose rollback would revert the count of a guess.
        BusyError: all capacity for hashing is in use.
        UnavailableError: the database did not answer.
        OutcomeUnknownError: the connection was lost while something was written.
        KeyRingError: the key ring does not fit the database.
    """
    refuse_transaction(db, "login_attempts.sign_in")
    client = _client(username, ip, device, broker)
    await proof.ring_of(db)
    tries = await _count_try(db, client.name, client.network)
    if tries.tried_at is None:
        await _record(db, client, "locked")
        return SignIn(None, tries.wait)
    try:
        user = await users.verify_password(db, client.name, password)
    except Exception as error:
        with suppress(Error, psycopg.Error):  # a try that stays counted only causes a wait
            async with db.transaction() as tx:
                await _record(tx, client, "unverified", type(error).__name__)
                await _revert_try(tx, client.name, client.network, tries.tried_at)
        raise
    if user is None:
        await _record(db, client, "failed")
        return SignIn(None, tries.wait)
    async with db.transaction() as tx:
        await _record(tx, client, "succeeded")
        # The account before the network, as in all statements: no deadlock.
        await _reset_account(tx, client.name)
        await _revert_try(tx, client.name, client.network, tries.tried_at)
    return SignIn(user, timedelta())


async def _record(
    db: AsyncExecutor, client: _Client, outcome: Outcome, reason: str | None = None
) -> None:
    await record(
        db, client.name, client.ip, client.device, client.broker, "password", outcome, reason
    )


def _client(username: str, ip: str, device: str | None, broker: str | None) -> _Client:
    return _Client(
        readable(username, _LONGEST_NAME) or UNREADABLE,
        network(ip),
        ip,
        readable(device, _LONGEST_DEVICE) if device else None,
        readable(broker, _LONGEST_BROKER) if broker else None,
    )
