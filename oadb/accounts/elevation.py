"""Elevation: a session after its user has proven again who it is.

    session = sessions.verify(db, token, at_least=2, max_age=timedelta(minutes=10))
    if session is Refusal.TOO_WEAK:            # valid, but not for this: ask for a code
        elevated = elevation.by_code(db, token, code)

An elevated session has a new token, and the old one ends in the same statement, so a thief
of the old one is not elevated with it.
"""

from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID, uuid4

from oadb.accounts import second_factors, sessions, stored_passwords, users
from oadb.accounts.session_rows import TOKEN, NewSession, Session
from oadb.accounts.user_rows import Assurance, SignedInUser
from oadb.changes import announcements
from oadb.changes.announcements import Change
from oadb.engine.binding.operations import operation
from oadb.engine.binding.queries import queries
from oadb.engine.executors import AsyncExecutor
from oadb.engine.outside_transactions import refuse_transaction
from oadb.engine.repeating import transacted
from oadb.errors import NoRowError
from oadb.keys import proof
from oadb.security.refusals import Refusal
from oadb.security.secret import Secret

__all__ = ["Elevation", "by_code", "by_sign_in"]

query = queries(__name__)


@dataclass(frozen=True, slots=True)
class Elevation:
    """The elevated session and its token; None and the wait before the next code if refused."""

    new: NewSession | None
    wait: timedelta

    def __bool__(self) -> bool:
        """Return whether the session was elevated."""
        return self.new is not None


@query
def _replace(
    user_id: int,
    replaced: UUID,
    session_id: UUID,
    token_digest: bytes,
    fingerprint: bytes,
    assurance: Assurance,
) -> Session | None: ...


query.complete()


@operation
@proof.seals
async def by_sign_in(
    db: AsyncExecutor, token: Secret, account: SignedInUser
) -> NewSession | Refusal:
    """Replace a session by one of its user, who has just signed in again.

    Device, address, broker, data and times at which it ends stay; authenticated_at is now, and the
    assurance that of the sign-in.

    Args:
        token: of the session that is replaced, and ends.
        account: the user that ``login_attempts.sign_in`` returned.

    Returns:
        The session and its token; UNKNOWN if the old one is not valid, or of another user.

    Raises:
        NoRowError: the user was deleted, was disabled or has a new password: sign in again.
        KeyRingError: the key ring does not fit the database.
    """
    found = await sessions.verify(db, token)
    if not found or found.user_id != account.user_id:
        return Refusal.UNKNOWN
    ring, user_id, session_id = await proof.ring_of(db), found.user_id, uuid4()
    new = TOKEN.new(user_id)
    stored = TOKEN.store(ring, (user_id, session_id), new)
    row = (user_id, found.session_id, session_id, stored.digest, stored.fingerprint)

    @transacted
    async def work(tx: AsyncExecutor) -> Session | None:
        await sessions.claim(tx, "elevation.by_sign_in", account)
        replaced = await _replace(tx, *row, account.assurance)
        ended = Change("sessions", user_id, str(found.session_id))
        await announcements.announce(tx, replaced is not None, ended)
        return replaced

    session = await work(db)
    return Refusal.UNKNOWN if session is None else NewSession(new, session)


@operation
async def by_code(db: AsyncExecutor, token: Secret, code: Secret) -> Elevation:
    """Replace a session by one of assurance 2, for a code of its user's second factor.

    The code is counted and verified as by ``second_factors.verify``; if it is the first, which
    confirms the factor, all other sessions end.

    Args:
        token: of the session that is replaced, and ends.

    Returns:
        The session and its token; or None, and the wait before the next code: the code is wrong,
        there is no second factor, or the session is not valid.

    Raises:
        TransactionError: *db* is a transaction, whose rollback would revert the count of a guess.
        SealError: the stored secret was tampered with.
        KeyRingError: the key ring does not fit the database.
    """
    refuse_transaction(db, "elevation.by_code")
    found = await sessions.verify(db, token)
    if not found:
        return Elevation(None, timedelta())
    checked = await second_factors.verify(db, found.user_id, code, keep=found.session_id)
    user = await stored_passwords.find_verified(db, found.user_id) if checked else None
    if user is None:
        return Elevation(None, checked.wait)
    try:
        new = await by_sign_in(db, token, users.signed_in(user, assurance=2))
    except NoRowError:  # disabled, or with a new password, since the code was right
        new = Refusal.UNKNOWN
    return Elevation(new or None, timedelta())
