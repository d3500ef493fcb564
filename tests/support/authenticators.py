"""An authenticator app, and the state of the second factor that it is for."""

import pyotp

from oadb import Database, Secret
from oadb.accounts import second_factors
from oadb.accounts.second_factors import NewSecondFactor
from tests.support.rig import Observer


class Authenticator:
    """Shows the codes of an enrollment, at a time in seconds since 1970."""

    def __init__(self, clock: int, enrollment: NewSecondFactor) -> None:
        self._totp = pyotp.TOTP(enrollment.secret.reveal())
        self._step = clock // 30

    def code(self, ahead: int = 0) -> Secret:
        return Secret(self._totp.generate_otp(self._step + ahead))

    def wrong(self) -> Secret:
        near = {self._totp.generate_otp(self._step + n) for n in range(-3, 4)}
        return Secret(next(f"{n:06}" for n in range(10) if f"{n:06}" not in near))


def enroll(db: Database, user_id: int) -> NewSecondFactor:
    enrollment = second_factors.enroll(db, user_id, account="asha@example.in")
    assert enrollment is not None
    return enrollment


def failures(observer: Observer, user_id: int) -> int:
    counted = observer.ask("select failures from oadb.second_factors where user_id = %s", user_id)
    return int(counted)


def end_wait(observer: Observer, user_id: int) -> None:
    observer.rows("update oadb.second_factors set unlocks_at = now() where user_id = %s", user_id)
