"""Sixteen threads at once: the cap of sessions, the counter of failures, one-time codes."""

import threading
from collections.abc import Callable, Generator
from contextlib import contextmanager

from pyotp.totp import TOTP

from oadb import Database, Secret
from oadb.accounts import second_factors, sessions, users
from oadb.accounts.lockouts import Tries
from tests.support.accounts import account
from tests.support.lockouts import attempt
from tests.trust.ground import THREADS, Measured, at_once, require

LOGINS, FAILURES, CODES = 25, 50, 200

Consumer = Callable[[], bool]


def cap(db: Database) -> Measured:
    """Sign a user in from 16 threads while another connection counts the sessions it sees."""
    user = users.create(db, "cap", "cap@example.in").user_id
    with _watched(db, user) as most:
        at_once(lambda _: sessions.create(db, account(db, user)), range(THREADS * LOGINS))
    visible = max(most)
    promise = f"session cap 5, {THREADS} threads x {LOGINS} logins: most ever visible"
    require(
        visible <= sessions.MOST_SESSIONS and len(sessions.list_by_user(db, user)) == 5, promise
    )
    return Measured(promise, f"{visible} (in {len(most):,} counts)")


def failures(db: Database) -> Measured:
    """Count failures of one account and one network from 16 threads."""

    def fail(_: int) -> Tries:
        return attempt(
            db, "asha", "192.0.2.1", client_limit=10_000, account_limit=10_000, network_limit=10_000
        )

    at_once(fail, range(THREADS * FAILURES - 1))
    counted = fail(0).failures
    promise = f"failure counter, {THREADS} threads x {FAILURES}: counted"
    require(counted == [THREADS * FAILURES] * 3, promise)
    return Measured(promise, f"{counted[0]} by account, by network and by both")


def codes(db: Database) -> list[Measured]:
    """Show each of 200 one-time codes 16 times at once.

    To ``verify``, which counts tries first and so refuses most, and to ``_accept_step``, which all
    16 reach.
    """
    return [
        _used_once(db, "verify", lambda user, secret: _verifier(db, user, secret)),
        _used_once(db, "accept_step", lambda user, _: _acceptor(db, user)),
    ]


def _used_once(db: Database, way: str, consumer: Callable[[int, Secret], Consumer]) -> Measured:
    """Count the codes that more than one of 16 consumers used."""
    double = used = 0
    for number in range(CODES):
        name = f"code{number}{way}"
        user = users.create(db, name, f"{name}@example.in").user_id
        enrolled = second_factors.enroll(db, user, account="asha")
        require(enrolled, "an enrollment")
        assert enrolled is not None
        consume = consumer(user, enrolled.secret)
        answers = at_once(lambda _: consume(), range(THREADS))  # noqa: B023  # called in this iteration only
        used += answers.count(True) >= 1
        double += answers.count(True) > 1
    promise = f"one-time code, {THREADS} consumers x {CODES} codes, {way}: double uses"
    require(double == 0 and used == CODES, promise)
    return Measured(promise, f"{double} ({used} accepted once)")


def _verifier(db: Database, user: int, secret: Secret) -> Consumer:
    """Return a function that shows the current code."""
    code = Secret(TOTP(secret.reveal()).now())

    # Many tries at once count as guessing, so most are not compared.
    return lambda: second_factors.verify(db, user, code).is_right


def _acceptor(db: Database, user: int) -> Consumer:
    """Return a function that accepts the current step, as after a correct code."""
    found = second_factors._count_try(db, user)
    require(found, "a counted try")
    assert found is not None
    step, created_at = found.clock // 30, found.created_at
    return lambda: second_factors._accept_step(db, user, step, created_at) == 1


@contextmanager
def _watched(db: Database, user: int) -> Generator[list[int]]:
    """Count the user's sessions repeatedly on another connection."""
    seen: list[int] = []
    done = threading.Event()

    def watch() -> None:
        while not done.is_set():
            seen.append(len(sessions.list_by_user(db, user)))

    watcher = threading.Thread(target=watch)
    watcher.start()
    try:
        yield seen
    finally:
        done.set()
        watcher.join()
