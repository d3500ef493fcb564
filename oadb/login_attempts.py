"""Login attempts: the audit of sign-ins, and lockout. The SQL is in login_attempts.sql.

Failures are counted by account name, also of nobody, and by network. From the fifth failure of an
account in a row on, and the twentieth of a network, each one doubles the wait before the next try:
1 s, 2 s, 4 s, up to 15 minutes. Nobody is locked out for ever, because that would let anybody lock
out anybody.
"""

import re
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

from oadb import users
from oadb.engine.executors import AsyncExecutor
from oadb.engine.operations import operation
from oadb.engine.queries import queries
from oadb.engine.results import Affected
from oadb.security.addresses import address, network
from oadb.security.secret import Secret
from oadb.users import User

query = queries("login_attempts")

Method = Literal["password", "oauth", "resume", "code"]
Outcome = Literal["succeeded", "failed", "locked", "resumed"]

ACCOUNT_LIMIT, NETWORK_LIMIT = 5, 20
"""Failures in a row from which on there is a wait."""

_LONGEST_NAME, _LONGEST_DEVICE, _LONGEST_BROKER = 254, 500, 50

# What a text of PostgreSQL cannot hold; the sign in its place is in no user's name.
_UNSENDABLE, _UNREADABLE = re.compile("[\0\ud800-\udfff]"), "\N{REPLACEMENT CHARACTER}"


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
    """Tries in a row, this one included; None for an account or a network that has to wait."""

    account_failures: int | None
    network_failures: int | None


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
def delete_before(age: timedelta) -> Affected: ...


@query
def count_try(
    account: str,
    network: str,
    account_limit: int = ACCOUNT_LIMIT,
    network_limit: int = NETWORK_LIMIT,
) -> Tries: ...


@query
def get_wait(account: str, network: str) -> timedelta: ...


@query
def forgive(account: str, network: str, network_limit: int = NETWORK_LIMIT) -> Affected: ...


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
    password takes it back. While there is a wait nothing is verified, whether or not the name
    exists. Raises ParameterError for an address that is none, BusyError, UnavailableError and
    OutcomeUnknownError: none of them says anything about the password.
    """
    name = _readable(username, _LONGEST_NAME) or _UNREADABLE
    device = _readable(device, _LONGEST_DEVICE) if device else None
    broker = _readable(broker, _LONGEST_BROKER) if broker else None
    # The lower case of some letters is two.
    who, where = name.lower()[:_LONGEST_NAME], network("login_attempts.sign_in", ip)
    told = address("login_attempts.sign_in", ip)
    tries = await count_try(db, who, where)
    if tries.account_failures is None or tries.network_failures is None:
        await record(db, name, told, device, broker, "password", "locked")
        return SignIn(None, await get_wait(db, who, where))
    user = await users.verify_password(db, name, password)
    if user is None:
        await record(db, name, told, device, broker, "password", "failed")
        return SignIn(None, await get_wait(db, who, where))
    await forgive(db, who, where)
    await record(db, name, told, device, broker, "password", "succeeded")
    return SignIn(user, timedelta())


def _readable(text: str, longest: int) -> str:
    """Return *text* as the audit can hold it: whatever a client sends must not keep it out."""
    return _UNSENDABLE.sub(_UNREADABLE, text[:longest])
