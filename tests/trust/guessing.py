"""Times of wrong guesses: whether one that is nearly right takes another time."""

from collections.abc import Callable

from oadb import Database, Secret
from oadb.accounts import api_keys, sessions
from oadb.keys import proof
from oadb.security import tokens
from tests.support.accounts import account, issue, new_user
from tests.trust.ground import Measured, require
from tests.trust.timing import auc, once

PAIRS = 2000
_CHECKSUM = 6


def guesses(db: Database) -> list[Measured]:
    """Measure how well the time distinguishes a token with one wrong digit from another one."""
    proof.prove(db)
    user_id = new_user(db)
    key = issue(db, user_id).token
    session = sessions.create(db, account(db, user_id)).token
    return [
        _measured("api_keys.verify", lambda token: api_keys.verify(db, token), key),
        _measured("sessions.verify", lambda token: sessions.verify(db, token), session),
    ]


def _measured(name: str, verify: Callable[[Secret], object], token: Secret) -> Measured:
    guessed = _with_one_wrong_digit(token), _with_all_digits_wrong(token)
    times: tuple[list[float], list[float]] = ([], [])
    for number in range(PAIRS):
        for place in (0, 1) if number % 2 else (1, 0):
            times[place].append(once(lambda: verify(guessed[place])))  # noqa: B023  # called in this iteration only
    found = auc(*times)
    promise = f"{name}: a token with one wrong digit against another, {PAIRS} pairs: AUC"
    require(abs(found - 0.5) <= 0.05, f"{promise} {found:.3f}")
    return Measured(promise, f"{found:.3f} (0.5: indistinguishable; at most 0.55)")


def _with_one_wrong_digit(token: Secret) -> Secret:
    body = token.reveal()[:-_CHECKSUM]
    return _checked(body[:-1] + ("0" if body[-1] != "0" else "1"))


def _with_all_digits_wrong(token: Secret) -> Secret:
    prefix, _, digits = token.reveal()[:-_CHECKSUM].partition("_")
    return _checked(prefix + "_" + "".join("0" if digit != "0" else "1" for digit in digits))


def _checked(body: str) -> Secret:
    return Secret(body + tokens._checksum(body))
