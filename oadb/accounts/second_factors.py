"""Second factors: one-time codes (TOTP, RFC 6238).

A user enrolls, scans the URI, and proves with a first code to have the generator; only then is it
required for anything. A code is accepted once, and after five wrong ones there is a wait.
"""

import hmac
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from math import ceil
from typing import Literal

from psycopg.errors import ForeignKeyViolation
from pyotp import random_base32
from pyotp.totp import TOTP

from oadb.engine.binding.operations import operation
from oadb.engine.binding.queries import queries
from oadb.engine.binding.results import Affected
from oadb.engine.binding.values import unsendable
from oadb.engine.executors import AsyncExecutor
from oadb.engine.transactions import refuse_transaction
from oadb.errors import BusyError, NoRowError, ParameterError
from oadb.keys import proof, rotation
from oadb.keys.rotation import SealedTable
from oadb.security.keyring import KeyRing
from oadb.security.sealing import SealedColumn
from oadb.security.secret import Secret

query = queries(__name__)

SECRET = SealedColumn("second_factors", "secret")

Purpose = Literal["login", "mcp", "password_reset"]

_STEP = 30
_DIGITS = 6
# Steps before and after the present one whose codes are accepted: RFC 6238, 5.2, advises one for
# the delay of network and typing; we also grant one to a clock that is ahead.
_TOLERANCE = 1


@dataclass(frozen=True, slots=True)
class SecondFactor:
    """That a user has a generator, and what it is asked for."""

    user_id: int
    is_required_for_login: bool
    is_required_for_mcp: bool
    is_required_for_password_reset: bool
    created_at: datetime
    confirmed_at: datetime | None

    def is_required_for(self, purpose: Purpose) -> bool:
        """Say whether a code must be asked for; never before it was confirmed."""
        required = {
            "login": self.is_required_for_login,
            "mcp": self.is_required_for_mcp,
            "password_reset": self.is_required_for_password_reset,
        }
        return self.confirmed_at is not None and required[purpose]


@dataclass(frozen=True, slots=True)
class Enrollment:
    """What a generator needs, shown once: the secret, and the same as a URI for a QR code."""

    secret: Secret
    uri: Secret


@dataclass(frozen=True, slots=True)
class FoundFactor:
    """A second factor as it is stored; ``clock`` is the database's, in seconds since 1970."""

    user_id: int
    secret: bytes = field(repr=False)
    created_at: datetime
    clock: int


@query
def _store_secret(user_id: int, secret: bytes) -> Affected: ...


@query
def _count_try(user_id: int) -> FoundFactor | None: ...


@query
def _get_wait(user_id: int) -> timedelta | None: ...


@query
def get(user_id: int) -> SecondFactor | None: ...


@query
def _accept_step(user_id: int, step: int, created_at: datetime) -> Affected: ...


@query
def set_required(
    user_id: int, for_login: bool, for_mcp: bool, for_password_reset: bool
) -> Affected: ...


@query
def delete(user_id: int) -> Affected: ...


@query
def _reseal(user_ids: list[int], replaced: list[bytes], secrets: list[bytes]) -> Affected: ...


query.complete()

SEALED = SealedTable("second_factors", rotation.columns(SECRET), _reseal)


@operation
@proof.seals
async def enroll(
    db: AsyncExecutor, user_id: int, account: str, issuer: str = "OpenAlgo"
) -> Enrollment | None:
    """Give a user a new generator, to be confirmed with ``verify``.

    *account* and *issuer* are what the generator shows. None if the user has a confirmed one
    already: delete it first, which is a decision. Raises NoRowError if there is no such user, and
    ParameterError for what a URI cannot hold.
    """
    ring, secret = await proof.ring_of(db), Secret(random_base32())
    uri = _uri(secret, account, issuer)
    sealed = SECRET.seal(ring, (user_id,), secret.reveal().encode())
    try:
        async with db.transaction() as tx:
            stored = await _store_secret(tx, user_id, sealed)
    except ForeignKeyViolation as refusal:
        if refusal.diag.constraint_name != "second_factors_user_id_fkey":
            raise
    else:
        return Enrollment(secret, uri) if stored else None
    raise NoRowError(f"second_factors.enroll: there is no user {user_id}")


@operation
async def verify(db: AsyncExecutor, user_id: int, code: Secret) -> bool:
    """Say whether *code* is a code of the user's generator that was not used before.

    The first right one confirms the generator. A try is counted before the code is looked at, so
    that many at once all count; the right code takes them back. Raises BusyError, which says for
    how long, while too many make the user wait; a code given meanwhile is not looked at. Raises
    TransactionError in a transaction, whose rollback would take back a guess.
    """
    refuse_transaction(db, "second_factors.verify")
    ring = await proof.ring_of(db)
    found = await _count_try(db, user_id)
    if found is None:
        await _refuse(db, user_id)
        return False
    step = _matching_step(ring, found, code)
    return step is not None and await _accept_step(db, user_id, step, found.created_at) == 1


async def _refuse(db: AsyncExecutor, user_id: int) -> None:
    """Raise BusyError for who has to wait; who has no generator has not."""
    wait = await _get_wait(db, user_id)
    if wait is not None:
        raise BusyError(
            f"user {user_id} gave too many wrong codes; wait {ceil(wait.total_seconds())} s "
            "and use the next code"
        )


def _uri(secret: Secret, account: str, issuer: str) -> Secret:
    """Return the URI of a generator. A colon ends the issuer in it; there is no way around."""
    if not (_is_text(account) and _is_text(issuer)) or not account or ":" in issuer:
        raise ParameterError(
            "second_factors.enroll: account must be a text, and issuer one without a colon"
        )
    uri = TOTP(secret.reveal()).provisioning_uri(name=account, issuer_name=issuer)
    return Secret(uri)


def _is_text(value: object) -> bool:
    """Look at the type as well: pyotp's own error would come from frames that hold the secret."""
    return isinstance(value, str) and not unsendable(value)


def _matching_step(ring: KeyRing, found: FoundFactor, code: Secret) -> int | None:
    """Return the step whose code this is; the time taken does not tell which."""
    secret = SECRET.open(ring, (found.user_id,), found.secret).decode()
    given = code.reveal().encode(errors="surrogatepass")
    generator = TOTP(secret, digits=_DIGITS, interval=_STEP)
    now = found.clock // _STEP
    matching = [
        step
        for step in range(now - _TOLERANCE, now + _TOLERANCE + 1)
        if hmac.compare_digest(generator.generate_otp(step).encode(), given)
    ]
    return matching[0] if matching else None
