"""Sixteen threads at once: the cap of sessions, the counter of failures, one-time codes."""

import threading
from collections.abc import Generator
from contextlib import contextmanager

from pyotp.totp import TOTP

from oadb import Database, Secret, login_attempts, second_factors, sessions, users
from oadb.errors import BusyError
from tests.accounts import account
from tests.trust.ground import THREADS, Measured, at_once, require

LOGINS, FAILURES, CODES = 25, 50, 200


def cap(db: Database) -> Measured:
    """Sign one user in from 16 threads while another connection counts what it sees."""
    user = users.create(db, "cap", "cap@example.in").user_id
    with _watched(db, user) as most:
        at_once(lambda _: sessions.create(db, account(db, user)), range(THREADS * LOGINS))
    visible = max(most)
    promise = f"session cap 5, {THREADS} threads x {LOGINS} logins: most ever visible"
    require(visible <= sessions.CAP and len(sessions.list_active(db, user)) == 5, promise)
    return Measured(promise, f"{visible} (in {len(most):,} looks)")


def failures(db: Database) -> Measured:
    """Count failures of one account and one network from 16 threads."""

    def fail(_: int) -> object:
        return login_attempts.count_try(db, "asha", "192.0.2.1", 10_000, 10_000)

    at_once(fail, range(THREADS * FAILURES - 1))
    counted = login_attempts.count_try(db, "asha", "192.0.2.1", 10_000, 10_000)
    promise = f"failure counter, {THREADS} threads x {FAILURES}: counted"
    expected = THREADS * FAILURES
    require((counted.account_failures, counted.network_failures) == (expected, expected), promise)
    return Measured(promise, f"{counted.account_failures} by account and by network")


def codes(db: Database) -> Measured:
    """Show each of 200 one-time codes 16 times at once."""
    double = used = 0
    for number in range(CODES):
        user = users.create(db, f"code{number}", f"code{number}@example.in").user_id
        enrolled = second_factors.enroll(db, user, "asha")
        require(enrolled, "an enrollment")
        assert enrolled is not None
        code = Secret(TOTP(enrolled.secret.reveal()).now())
        answers = at_once(lambda _: _consume(db, user, code), range(THREADS))  # noqa: B023
        used += answers.count(True) >= 1
        double += answers.count(True) > 1
    promise = f"one-time code, {THREADS} consumers x {CODES} codes: double uses"
    require(double == 0 and used == CODES, promise)
    return Measured(promise, f"{double} ({used} accepted once)")


def _consume(db: Database, user: int, code: Secret) -> bool:
    try:
        return second_factors.verify(db, user, code)
    except BusyError:  # so many tries at once are guessing
        return False


@contextmanager
def _watched(db: Database, user: int) -> Generator[list[int]]:
    """Count the user's sessions, again and again, as another connection sees them."""
    seen: list[int] = []
    done = threading.Event()

    def watch() -> None:
        while not done.is_set():
            seen.append(len(sessions.list_active(db, user)))

    watcher = threading.Thread(target=watch)
    watcher.start()
    try:
        yield seen
    finally:
        done.set()
        watcher.join()
