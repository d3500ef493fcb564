"""Counters of failed sign-ins: read, written and moved into the past."""

from collections.abc import Sequence
from datetime import timedelta

import argon2

from oadb import Database, Secret
from oadb.accounts import lockouts, login_attempts
from oadb.accounts.lockouts import Tries
from oadb.engine.executors import Executor
from oadb.security.passwords import Passwords
from tests.support.rig import Observer

WRONG = Secret("wrong horse")

NEVER = {"client_limit": 1_000_000, "account_limit": 1_000_000, "network_limit": 1_000_000}
"""Limits from which on no test counts."""

AGE = (
    "update oadb.lockouts set failed_at = failed_at - %s, unlocks_at = unlocks_at - %s, "
    "decayed_at = decayed_at - %s where subject = %s"
)
"""What age_lockout runs, on a new connection each time."""


class CountingPasswords(Passwords):
    """Notes which hashes were verified; raises ``error`` instead if there is one."""

    def __init__(self) -> None:
        super().__init__(argon2.profiles.CHEAPEST)
        self.verified: list[Secret | None] = []
        self.error: Exception | None = None

    def verify(self, stored: Secret | None, password: Secret) -> bool:
        if self.error:
            raise self.error
        self.verified.append(stored)
        return super().verify(stored, password)


def attempt(
    db: Executor,
    account: str,
    network: str,
    *,
    wider: Sequence[str] = (),
    digests: Sequence[bytes] = (),
    **limits: int,
) -> Tries:
    """Count a try of a client; *wider* are its wider networks, *digests* of its device token."""
    return lockouts._count_try(
        db, account, network, wider_networks=[*wider], device_digests=[*digests], **limits
    )


def revert(db: Executor, tries: Tries) -> None:
    """Revert a try that was counted."""
    assert tries.tried_at is not None
    lockouts.revert_try(db, tries.kinds, tries.subjects, tries.tried_at, is_signed_in=False)


def failures(tries: Tries, kind: str = "account") -> int | None:
    """Return the failures in one counter of a try; None: it was not counted there."""
    return dict(zip(tries.kinds, tries.failures, strict=True)).get(kind)


def lockout(observer: Observer, subject: str) -> tuple[int, float | None] | None:
    """Return the failures of an account or a network, and its wait in seconds when counted."""
    rows = observer.rows(
        "select failures, extract(epoch from unlocks_at - failed_at)::float from oadb.lockouts "
        "where subject = %s",
        subject,
    )
    return rows[0] if rows else None


def age_lockout(observer: Observer, subject: str, by: timedelta) -> None:
    """Move a counter into the past, as if so much time had passed."""
    observer.rows(AGE, by, by, by, subject)


def pass_time(observer: Observer, by: timedelta) -> None:
    """Move all counters into the past, as if so much time had passed."""
    observer.rows(
        "update oadb.lockouts set failed_at = failed_at - %s, unlocks_at = unlocks_at - %s, "
        "decayed_at = decayed_at - %s",
        by,
        by,
        by,
    )


def failed_before(observer: Observer, kind: str, subject: str, failures: int) -> None:
    """Give an account or a network so many failures, and no wait."""
    observer.rows(
        "insert into oadb.lockouts values (%s, %s, %s, now(), null)", kind, subject, failures
    )


def outcomes(db: Database, username: str) -> list[str]:
    """Return the outcomes of the attempts under a name, oldest first."""
    return [a.outcome for a in login_attempts.list_attempts(db) if a.username == username][::-1]
