"""Login attempts: the audit of sign-ins, and lockout.

Failures are counted by account name, also of nobody, and by network. From the fifth failure of an
account in a row on, and the twentieth of a network, each one doubles the wait before the next try:
1 s, 2 s, 4 s, up to 15 minutes. Nobody is locked out for ever, because that would let anybody lock
out anybody: an account's count ends with the right password or a quiet quarter of an hour, and a
network forgets one failure a minute, also while it is in use.
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
from oadb.security.addresses import address, network
from oadb.security.secret import Secret

query = queries(__name__)

Method = Literal["password", "oauth", "resume", "code"]
Outcome = Literal["succeeded", "failed", "locked", "unverified", "resumed"]

ACCOUNT_LIMIT, NETWORK_LIMIT = 5, 20
"""Failures in a row from which on there is a wait."""

_LONGEST_NAME, _LONGEST_DEVICE, _LONGEST_BROKER = 254, 500, 50


@dataclass(frozen=True, slots=True)
class Attempt:
    """A sign-in that was tried."""

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
    """Tries in a row, this one included, and the wait before the next one.

    None where the account or the network has to wait: then this one was not counted for either.
    """

    tried_at: datetime | None
    account_failures: int | None
    network_failures: int | None
    wait: timedelta


@dataclass(frozen=True, slots=True)
class _Visitor:
    """Who asks to be let in, and from where, as the audit can hold it."""

    name: str
    network: str
    ip: str | None
    device: str | None
    broker: str | None


@dataclass(frozen=True, slots=True)
class SignIn:
    """What became of a sign-in: the user, or None and how long to wait before the next try."""

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
def _take_back(account: str, network: str, tried_at: datetime) -> Affected: ...


@query
def _forgive(account: str) -> Affected: ...


@query
def sweep_lockouts(batch: int = 1000) -> Affected: ...


query.complete()


@operation
async def sign_in(
    db: AsyncExecutor,
    username: str,
    password: Secret,
    *,
    ip: str,
    device: str | None = None,
    broker: str | None = None,
) -> SignIn:
    """Verify a name and a password, slow down who guesses, and write the audit.

    A try is counted before the password is looked at, so that many at once all count; the right
    password takes it back, and so does an error that kept it from being verified. While there is
    a wait nothing is verified, whether or not the name exists. Raises ParameterError for an
    address that is none, TransactionError in a transaction, whose rollback would take back a guess,
    KeyRingError, BusyError, UnavailableError and OutcomeUnknownError: none of them says anything
    about the password.
    """
    refuse_transaction(db, "login_attempts.sign_in")
    visitor = _visitor(username, ip, device, broker)
    await proof.ring_of(db)
    tries = await _count_try(db, visitor.name, visitor.network)
    if tries.tried_at is None:
        await _record(db, visitor, "locked")
        return SignIn(None, tries.wait)
    try:
        user = await users.verify_password(db, visitor.name, password)
    except Exception as error:
        with suppress(Error, psycopg.Error):  # what stays counted only slows down
            async with db.transaction() as tx:
                await _record(tx, visitor, "unverified", type(error).__name__)
                await _take_back(tx, visitor.name, visitor.network, tries.tried_at)
        raise
    if user is None:
        await _record(db, visitor, "failed")
        return SignIn(None, tries.wait)
    async with db.transaction() as tx:
        await _record(tx, visitor, "succeeded")
        # The account before the network, as everywhere: otherwise two may wait for each other.
        await _forgive(tx, visitor.name)
        await _take_back(tx, visitor.name, visitor.network, tries.tried_at)
    return SignIn(user, timedelta())


async def _record(
    db: AsyncExecutor, visitor: _Visitor, outcome: Outcome, reason: str | None = None
) -> None:
    await record(
        db, visitor.name, visitor.ip, visitor.device, visitor.broker, "password", outcome, reason
    )


def _visitor(username: str, ip: str, device: str | None, broker: str | None) -> _Visitor:
    return _Visitor(
        readable(username, _LONGEST_NAME) or UNREADABLE,
        network("login_attempts.sign_in", ip),
        address("login_attempts.sign_in", ip),
        readable(device, _LONGEST_DEVICE) if device else None,
        readable(broker, _LONGEST_BROKER) if broker else None,
    )
