"""Codes of second factors: each is accepted once, and guessing is limited."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from threading import Barrier

import pytest

from oadb import Config, Database, Secret
from oadb.accounts import second_factors
from oadb.accounts.second_factor_rows import FoundFactor
from oadb.accounts.second_factors import CodeCheck, NewSecondFactor
from oadb.errors import KeyRingError, SealError, TransactionError
from oadb.keys import rotation
from oadb.security.keyring import Key, KeyRing
from tests.conftest import RING, configured
from tests.support.accounts import new_user
from tests.support.authenticators import Authenticator, end_wait, enroll, failures
from tests.support.rig import Observer, threads
from tests.support.roots import some_root

pytestmark = pytest.mark.usefixtures("clock")


def test_a_code_is_accepted_once(db: Database, user_id: int, phone: Authenticator) -> None:
    right = CodeCheck(True, timedelta(), was_verified=True)
    wrong = CodeCheck(False, timedelta(), was_verified=True)

    assert second_factors.verify(db, user_id, phone.code()) == right
    assert second_factors.verify(db, user_id, phone.code()) == wrong
    assert bool(right)
    assert not wrong


@pytest.mark.parametrize(
    "typed", ["{} {}", " {}{} ", "{}{}", "{}-{}", "{}\u2013{}\n", "\u200b{}\xa0{}"], ids=ascii
)
def test_a_code_may_be_typed_with_spaces_and_dashes(
    db: Database, user_id: int, phone: Authenticator, typed: str
) -> None:
    code = phone.code().reveal()

    assert second_factors.verify(db, user_id, Secret(typed.format(code[:3], code[3:])))


@pytest.mark.parametrize("typed", ["{}.{}", "{}{}0", "0{}{}", "{1}{0}", "{0}", "{}{}" + " " * 200])
def test_a_code_with_anything_else_is_wrong(
    db: Database, user_id: int, phone: Authenticator, typed: str
) -> None:
    code = phone.code().reveal()
    phone_code = typed.format(code[:3], code[3:])

    assert phone_code != code
    assert not second_factors.verify(db, user_id, Secret(phone_code))


def test_codes_of_the_steps_before_and_after_are_accepted_once_each(
    db: Database, user_id: int, phone: Authenticator
) -> None:
    codes = [phone.code(-1), phone.code(), phone.code(1)]

    assert [bool(second_factors.verify(db, user_id, code)) for code in codes] == [True] * 3
    assert [bool(second_factors.verify(db, user_id, code)) for code in codes] == [False] * 3


def test_after_a_later_code_an_earlier_one_is_refused(
    db: Database, user_id: int, phone: Authenticator
) -> None:
    assert second_factors.verify(db, user_id, phone.code(1))
    assert not second_factors.verify(db, user_id, phone.code())


@pytest.mark.parametrize("ahead", [-4, -3, 3, 4])
def test_a_code_of_another_time_is_refused(
    db: Database, user_id: int, phone: Authenticator, ahead: int
) -> None:
    assert not second_factors.verify(db, user_id, phone.code(ahead))


def test_a_user_without_a_second_factor_has_no_right_code(db: Database) -> None:
    assert second_factors.verify(db, new_user(db), Secret("000000")) == CodeCheck(
        False, timedelta(), was_verified=False
    )


@pytest.mark.parametrize(
    "code",
    [
        "",
        "12345",
        "1234567",
        "abcdef",
        "123 45 67",
        "\uff11\uff12\uff13\uff14\uff15\uff16",
        "\0" * 6,
    ],
    ids=["empty", "short", "long", "letters", "space", "fullwidth", "nul"],
)
def test_a_malformed_code_is_wrong(
    db: Database, observer: Observer, user_id: int, enrollment: NewSecondFactor, code: str
) -> None:
    assert not second_factors.verify(db, user_id, Secret(code))
    assert failures(observer, user_id) == 1
    assert code not in enrollment.secret.reveal() or not code


def test_during_a_wait_not_even_the_right_code_is_verified(
    db: Database, observer: Observer, user_id: int, phone: Authenticator
) -> None:
    observer.rows("update oadb.second_factors set failures = 10 where user_id = %s", user_id)
    wrong = second_factors.verify(db, user_id, phone.wrong())
    waiting = second_factors.verify(db, user_id, phone.code())

    assert (wrong.is_right, wrong.wait, wrong.was_verified) == (False, timedelta(seconds=64), True)
    assert (waiting.is_right, waiting.was_verified) == (False, False)
    assert timedelta(seconds=50) < waiting.wait <= timedelta(seconds=64)
    end_wait(observer, user_id)
    assert second_factors.verify(db, user_id, phone.code())
    assert failures(observer, user_id) == 0


def test_each_wrong_code_from_the_fifth_on_doubles_the_wait_up_to_15_minutes(
    db: Database, observer: Observer, user_id: int, phone: Authenticator
) -> None:
    returned: list[timedelta] = []
    stored: list[timedelta | None] = []
    for _ in range(18):
        returned.append(second_factors.verify(db, user_id, phone.wrong()).wait)
        stored.append(
            observer.ask(
                "select unlocks_at - now() from oadb.second_factors where user_id = %s", user_id
            )
        )
        end_wait(observer, user_id)

    expected = [1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 900, 900, 900, 900]
    assert returned == [timedelta()] * 4 + [timedelta(seconds=each) for each in expected]
    assert stored[:4] == [None] * 4
    for wait, seconds in zip(stored[4:], expected, strict=True):
        assert wait is not None
        assert timedelta(seconds=seconds - 5) < wait <= timedelta(seconds=seconds)


def test_the_wait_that_is_left_is_returned_to_each_try(
    db: Database, observer: Observer, user_id: int, phone: Authenticator
) -> None:
    observer.rows(
        "update oadb.second_factors set unlocks_at = now() + interval '90 s' where user_id = %s",
        user_id,
    )
    first, second = (second_factors.verify(db, user_id, phone.code()) for _ in range(2))

    assert timedelta(seconds=60) < second.wait < first.wait < timedelta(seconds=90)
    assert (first.was_verified, second.was_verified) == (False, False)
    assert failures(observer, user_id) == 0


def meanwhile(monkeypatch: pytest.MonkeyPatch, work: Callable[[], object]) -> None:
    """Do *work* between the counting of a try and the acceptance of its code."""
    matching = second_factors._matching_step

    def then(ring: KeyRing, found: FoundFactor, code: Secret, window: int) -> int | None:
        work()
        return matching(ring, found, code, window)

    monkeypatch.setattr(second_factors, "_matching_step", then)


def test_a_right_code_is_accepted_while_its_secret_is_sealed_again(
    db: Database, user_id: int, phone: Authenticator, monkeypatch: pytest.MonkeyPatch
) -> None:
    meanwhile(monkeypatch, lambda: rotation.rewrap(db, second_factors.SEALED, 1, 1000))

    assert second_factors.verify(db, user_id, phone.code())
    assert not second_factors.verify(db, user_id, phone.code())


def test_a_code_of_a_factor_that_is_replaced_meanwhile_confirms_nothing(
    db: Database, user_id: int, phone: Authenticator, monkeypatch: pytest.MonkeyPatch
) -> None:
    meanwhile(monkeypatch, lambda: enroll(db, user_id))

    assert not second_factors.verify(db, user_id, phone.code())
    factor = second_factors.get(db, user_id)
    assert factor is not None
    assert factor.confirmed_at is None


def test_an_unfit_ring_is_refused_before_anything_is_counted(
    url: str, observer: Observer, user_id: int, phone: Authenticator
) -> None:
    other = KeyRing([Key(1, "primary", datetime.now(UTC), some_root(1))])
    with (
        Database(replace(configured(url), keyring=other)) as stranger,
        pytest.raises(KeyRingError),
    ):
        second_factors.verify(stranger, user_id, phone.code())

    assert failures(observer, user_id) == 0


def test_a_transaction_that_could_revert_the_count_of_a_guess_is_refused(
    db: Database, observer: Observer, user_id: int, phone: Authenticator
) -> None:
    with db.transaction() as tx, pytest.raises(TransactionError, match=r"second_factors\.verify"):
        second_factors.verify(tx, user_id, phone.wrong())

    assert failures(observer, user_id) == 0


def test_a_secret_that_was_copied_to_another_user_is_not_opened(
    db: Database, observer: Observer, user_id: int, phone: Authenticator
) -> None:
    other = new_user(db)
    enroll(db, other)
    observer.rows(
        "update oadb.second_factors set secret = "
        "(select secret from oadb.second_factors where user_id = %s) where user_id = %s",
        user_id,
        other,
    )
    with pytest.raises(SealError):
        second_factors.verify(db, other, phone.code())


@pytest.mark.holds("F33")
def test_the_clock_is_that_of_the_database(db: Database, user_id: int, clock: int) -> None:
    enroll(db, user_id)
    found = second_factors._count_try(db, user_id)

    assert found is not None
    assert clock <= found.clock < clock + 30


def verify_at_once(
    pool: ThreadPoolExecutor, db: Database, user_id: int, codes: list[Secret]
) -> list[bool | None]:
    """Verify all codes at the same moment; None stands for one that was not compared."""
    start = Barrier(len(codes))

    def attempt(code: Secret) -> bool | None:
        start.wait(10)
        checked = second_factors.verify(db, user_id, code)
        return checked.is_right if checked.was_verified else None

    return list(pool.map(attempt, codes))


def test_of_sixteen_concurrent_calls_with_the_same_code_exactly_one_succeeds(
    many: Database, clock: int
) -> None:
    accepted = []
    with threads(16) as pool:
        for _ in range(20):
            user_id = new_user(many)
            phone = Authenticator(clock, enroll(many, user_id))
            given = verify_at_once(pool, many, user_id, [phone.code()] * 16)
            accepted.append(given.count(True))

    assert accepted == [1] * 20


def test_of_sixteen_concurrent_guesses_one_is_verified(
    many: Database, observer: Observer, user_id: int, phone: Authenticator
) -> None:
    """After ten failures, the next one causes a wait of a minute, longer than the test takes."""
    observer.rows("update oadb.second_factors set failures = 10 where user_id = %s", user_id)
    with threads(16) as pool:
        given = verify_at_once(pool, many, user_id, [phone.wrong()] * 16)

    assert given.count(False) == 1
    assert failures(observer, user_id) == 11


@pytest.mark.parametrize(("window", "most"), [(0, 0), (1, 1), (2, 2)])
def test_the_window_of_codes_is_a_setting(
    url: str, user_id: int, phone: Authenticator, window: int, most: int
) -> None:
    environ = {
        "DATABASE_URL": url,
        "OADB_KEYRING": RING.to_json(),
        "OADB_TOTP_WINDOW": str(window),
    }
    with Database(Config.from_env(environ)) as db:
        accepted = [
            ahead for ahead in range(-3, 4) if second_factors.verify(db, user_id, phone.code(ahead))
        ]

    assert accepted == [*range(-most, most + 1)]
