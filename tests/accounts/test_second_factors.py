"""Second factors: enrolled, confirmed, each code taken once, and guessing slowed down."""

import re
from collections.abc import Callable, Generator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import count
from threading import Barrier

import pyotp
import pytest

from oadb import AsyncDatabase, Config, Database, Secret
from oadb.accounts import second_factors, users
from oadb.accounts.second_factors import Enrollment, FoundFactor
from oadb.engine.executors import Executor
from oadb.errors import (
    BusyError,
    KeyRingError,
    NoRowError,
    ParameterError,
    SealError,
    TransactionError,
)
from oadb.keys import rotation
from oadb.security.keyring import Key, KeyRing
from tests.conftest import RING, configured
from tests.support.rig import Observer, threads

numbers = count(1)


@pytest.fixture(scope="module")
def db(url: str) -> Generator[Database]:
    with Database(configured(url)) as db:
        yield db


@pytest.fixture(scope="module")
def many(url: str) -> Generator[Database]:
    """Give a database with a connection for each of 16 threads."""
    environ = {"DATABASE_URL": url, "DB_POOL_SIZE": "16", "OADB_KEYRING": RING.to_json()}
    with Database(Config.from_env(environ)) as many:
        yield many


@pytest.fixture(autouse=True)
def clock(observer: Observer, monkeypatch: pytest.MonkeyPatch) -> int:
    """Give the database's clock, which stands still: no step may end in the middle of a test."""
    clock = int(observer.ask("select floor(extract(epoch from now()))::bigint"))
    matching = second_factors._matching_step
    monkeypatch.setattr(
        second_factors,
        "_matching_step",
        lambda ring, found, code: matching(ring, replace(found, clock=clock), code),
    )
    return clock


def new_user(db: Executor) -> int:
    number = next(numbers)
    return users.create(db, f"user{number}", f"user{number}@example.in").user_id


@pytest.fixture
def user_id(db: Database) -> int:
    return new_user(db)


def enroll(db: Database, user_id: int) -> Enrollment:
    enrollment = second_factors.enroll(db, user_id, "asha@example.in")
    assert enrollment is not None
    return enrollment


class Generator30:
    """Shows codes as a telephone does, at the moment of the test."""

    def __init__(self, clock: int, enrollment: Enrollment) -> None:
        self._totp = pyotp.TOTP(enrollment.secret.reveal())
        self._step = clock // 30

    def code(self, ahead: int = 0) -> Secret:
        return Secret(self._totp.generate_otp(self._step + ahead))

    def wrong(self) -> Secret:
        near = {self._totp.generate_otp(self._step + n) for n in range(-3, 4)}
        return Secret(next(f"{n:06}" for n in range(10) if f"{n:06}" not in near))


@pytest.fixture
def enrollment(db: Database, user_id: int) -> Enrollment:
    return enroll(db, user_id)


@pytest.fixture
def phone(clock: int, enrollment: Enrollment) -> Generator30:
    return Generator30(clock, enrollment)


def failures(observer: Observer, user_id: int) -> int:
    counted = observer.ask("select failures from oadb.second_factors where user_id = %s", user_id)
    return int(counted)


def let_wait_go_by(observer: Observer, user_id: int) -> None:
    observer.rows("update oadb.second_factors set unlocks_at = now() where user_id = %s", user_id)


# Enrolling ---------------------------------------------------------------------------------------


def test_a_generator_reads_the_uri(db: Database, user_id: int) -> None:
    enrollment = second_factors.enroll(db, user_id, "asha+1@example.in", "Open Algo & Co")
    assert enrollment is not None
    parsed = pyotp.parse_uri(enrollment.uri.reveal())

    assert isinstance(parsed, pyotp.TOTP)
    assert (parsed.name, parsed.issuer) == ("asha+1@example.in", "Open Algo & Co")
    assert Secret(parsed.secret) == enrollment.secret
    assert (parsed.digits, parsed.interval) == (6, 30)
    assert enrollment.secret.reveal() not in repr(enrollment)


def test_an_issuer_with_a_colon_is_refused_because_generators_would_refuse_the_uri(
    db: Database, user_id: int
) -> None:
    with pytest.raises(ParameterError):
        second_factors.enroll(db, user_id, "asha", "Open:Algo")

    assert second_factors.get(db, user_id) is None


@pytest.mark.parametrize(
    ("account", "issuer"), [("\ud800", "x"), ("x", "\udfff"), (7, "x"), ("x", None)]
)
def test_what_no_uri_can_hold_is_refused_before_anything_is_stored(
    db: Database, user_id: int, account: str, issuer: str
) -> None:
    with pytest.raises(ParameterError):
        second_factors.enroll(db, user_id, account, issuer)

    assert second_factors.get(db, user_id) is None


def test_the_database_holds_no_secret(
    observer: Observer, user_id: int, enrollment: Enrollment
) -> None:
    secret = enrollment.secret.reveal()
    ((row,),) = observer.rows(
        "select f::text from oadb.second_factors as f where user_id = %s", user_id
    )

    assert secret not in row
    assert secret.encode().hex() not in row


def test_nobody_cannot_enroll(db: Database) -> None:
    with pytest.raises(NoRowError, match=rf"second_factors\.enroll: there is no user {2**62}$"):
        second_factors.enroll(db, 2**62, "asha")


def test_a_transaction_goes_on_after_nobody_was_enrolled(db: Database) -> None:
    with db.transaction() as tx:
        with pytest.raises(NoRowError):
            second_factors.enroll(tx, 2**62, "asha")
        user_id = new_user(tx)
        assert second_factors.enroll(tx, user_id, "asha") is not None

    assert second_factors.get(db, user_id) is not None


def test_a_generator_is_required_for_nothing_until_it_is_confirmed(
    db: Database, user_id: int, phone: Generator30
) -> None:
    before = second_factors.get(db, user_id)
    assert before is not None
    assert before.confirmed_at is None
    assert not before.is_required_for("login")
    assert second_factors.verify(db, user_id, phone.code())

    after = second_factors.get(db, user_id)
    assert after is not None
    assert after.confirmed_at is not None
    assert [after.is_required_for(p) for p in ("login", "mcp", "password_reset")] == [
        True, False, True,
    ]  # fmt: skip


def test_what_it_is_required_for_is_replaced_as_a_whole(
    db: Database, user_id: int, phone: Generator30
) -> None:
    second_factors.verify(db, user_id, phone.code())
    assert second_factors.set_required(db, user_id, False, True, False) == 1
    factor = second_factors.get(db, user_id)

    assert factor is not None
    assert [factor.is_required_for(p) for p in ("login", "mcp", "password_reset")] == [
        False, True, False,
    ]  # fmt: skip
    assert second_factors.set_required(db, new_user(db), True, True, True) == 0


def test_who_has_not_confirmed_may_enroll_again_and_the_first_secret_is_gone(
    db: Database, observer: Observer, clock: int, user_id: int, phone: Generator30
) -> None:
    second_factors.verify(db, user_id, phone.wrong())
    again = Generator30(clock, enroll(db, user_id))

    assert failures(observer, user_id) == 0
    assert not second_factors.verify(db, user_id, phone.code())
    assert second_factors.verify(db, user_id, again.code())


def test_who_has_confirmed_cannot_enroll_again_until_it_is_deleted(
    db: Database, user_id: int, phone: Generator30
) -> None:
    second_factors.verify(db, user_id, phone.code())

    assert second_factors.enroll(db, user_id, "asha") is None
    assert second_factors.verify(db, user_id, phone.code(1))
    assert second_factors.delete(db, user_id) == 1
    assert second_factors.delete(db, user_id) == 0
    assert second_factors.get(db, user_id) is None
    assert second_factors.enroll(db, user_id, "asha") is not None


# Verifying ---------------------------------------------------------------------------------------


def test_a_code_is_taken_once(db: Database, user_id: int, phone: Generator30) -> None:
    assert second_factors.verify(db, user_id, phone.code())
    assert not second_factors.verify(db, user_id, phone.code())


def test_codes_of_the_steps_before_and_after_are_taken_once_each(
    db: Database, user_id: int, phone: Generator30
) -> None:
    codes = [phone.code(-1), phone.code(), phone.code(1)]

    assert [second_factors.verify(db, user_id, code) for code in codes] == [True] * 3
    assert [second_factors.verify(db, user_id, code) for code in codes] == [False] * 3


def test_after_a_later_code_an_earlier_one_is_refused(
    db: Database, user_id: int, phone: Generator30
) -> None:
    assert second_factors.verify(db, user_id, phone.code(1))
    assert not second_factors.verify(db, user_id, phone.code())


@pytest.mark.parametrize("ahead", [-4, -3, 3, 4])
def test_a_code_of_another_time_is_refused(
    db: Database, user_id: int, phone: Generator30, ahead: int
) -> None:
    assert not second_factors.verify(db, user_id, phone.code(ahead))


def test_who_has_no_generator_has_no_code(db: Database) -> None:
    assert not second_factors.verify(db, new_user(db), Secret("000000"))


@pytest.mark.parametrize(
    "code",
    ["", "12345", "1234567", "abcdef", " 123456", "\uff11\uff12\uff13\uff14\uff15\uff16", "\0" * 6],
    ids=["empty", "short", "long", "letters", "space", "fullwidth", "nul"],
)
def test_what_is_no_code_is_wrong(
    db: Database, observer: Observer, user_id: int, enrollment: Enrollment, code: str
) -> None:
    assert not second_factors.verify(db, user_id, Secret(code))
    assert failures(observer, user_id) == 1
    assert code not in enrollment.secret.reveal() or not code


def test_after_five_wrong_codes_not_even_the_right_one_is_looked_at(
    db: Database, observer: Observer, user_id: int, phone: Generator30
) -> None:
    observer.rows("update oadb.second_factors set failures = 10 where user_id = %s", user_id)
    assert not second_factors.verify(db, user_id, phone.wrong())
    with pytest.raises(BusyError) as busy:
        second_factors.verify(db, user_id, phone.code())
    told = re.search(rf" for user {user_id}; wait (\d+) s ", str(busy.value))

    assert told is not None
    assert 50 < int(told[1]) <= 64
    let_wait_go_by(observer, user_id)
    assert second_factors.verify(db, user_id, phone.code())
    assert failures(observer, user_id) == 0


def test_each_wrong_code_from_the_fifth_on_doubles_the_wait_up_to_15_minutes(
    db: Database, observer: Observer, user_id: int, phone: Generator30
) -> None:
    waits: list[timedelta | None] = []
    for _ in range(18):
        assert not second_factors.verify(db, user_id, phone.wrong())
        waits.append(
            observer.ask(
                "select unlocks_at - now() from oadb.second_factors where user_id = %s", user_id
            )
        )
        let_wait_go_by(observer, user_id)

    expected = [1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 900, 900, 900, 900]
    assert waits[:4] == [None] * 4
    for wait, seconds in zip(waits[4:], expected, strict=True):
        assert wait is not None
        assert timedelta(seconds=seconds - 5) < wait <= timedelta(seconds=seconds)


def test_a_wait_that_is_almost_over_is_not_told_as_none(
    db: Database, observer: Observer, user_id: int, phone: Generator30
) -> None:
    observer.rows(
        "update oadb.second_factors set unlocks_at = now() + interval '1.5 s' where user_id = %s",
        user_id,
    )
    with pytest.raises(BusyError, match=r" wait [12] s "):
        second_factors.verify(db, user_id, phone.code())


def test_a_right_code_is_taken_though_its_secret_is_sealed_again_meanwhile(
    db: Database, user_id: int, phone: Generator30, monkeypatch: pytest.MonkeyPatch
) -> None:
    meanwhile(monkeypatch, lambda: rotation.rewrap(db, second_factors.SEALED, 1, 1000))

    assert second_factors.verify(db, user_id, phone.code())
    assert not second_factors.verify(db, user_id, phone.code())


def test_a_code_of_a_generator_that_is_replaced_meanwhile_confirms_nothing(
    db: Database, user_id: int, phone: Generator30, monkeypatch: pytest.MonkeyPatch
) -> None:
    meanwhile(monkeypatch, lambda: enroll(db, user_id))

    assert not second_factors.verify(db, user_id, phone.code())
    factor = second_factors.get(db, user_id)
    assert factor is not None
    assert factor.confirmed_at is None


def meanwhile(monkeypatch: pytest.MonkeyPatch, work: Callable[[], object]) -> None:
    """Do *work* after a try was counted and before its code is accepted."""
    matching = second_factors._matching_step

    def then(ring: KeyRing, found: FoundFactor, code: Secret) -> int | None:
        work()
        return matching(ring, found, code)

    monkeypatch.setattr(second_factors, "_matching_step", then)


def test_a_ring_that_does_not_fit_is_noticed_before_anything_is_counted(
    url: str, observer: Observer, user_id: int, phone: Generator30
) -> None:
    other = KeyRing([Key(1, "primary", datetime.now(UTC), bytes(range(32)))])
    with (
        Database(replace(configured(url), keyring=other)) as stranger,
        pytest.raises(KeyRingError),
    ):
        second_factors.verify(stranger, user_id, phone.code())

    assert failures(observer, user_id) == 0


def test_a_code_is_not_verified_in_a_transaction_that_could_take_back_a_guess(
    db: Database, observer: Observer, user_id: int, phone: Generator30
) -> None:
    with db.transaction() as tx, pytest.raises(TransactionError, match=r"second_factors\.verify"):
        second_factors.verify(tx, user_id, phone.wrong())

    assert failures(observer, user_id) == 0


def test_a_moved_secret_verifies_nothing(
    db: Database, observer: Observer, user_id: int, phone: Generator30
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


# At once -----------------------------------------------------------------------------------------


def attempts(
    pool: ThreadPoolExecutor, db: Database, user_id: int, codes: list[Secret]
) -> list[bool | None]:
    """Give all codes at the same moment; None stands for BusyError."""
    start = Barrier(len(codes))

    def attempt(code: Secret) -> bool | None:
        start.wait(10)
        try:
            return second_factors.verify(db, user_id, code)
        except BusyError:
            return None

    return list(pool.map(attempt, codes))


def test_of_sixteen_that_give_the_same_code_exactly_one_is_let_in(
    many: Database, clock: int
) -> None:
    let_in = []
    with threads(16) as pool:
        for _ in range(20):
            user_id = new_user(many)
            phone = Generator30(clock, enroll(many, user_id))
            given = attempts(pool, many, user_id, [phone.code()] * 16)
            let_in.append(given.count(True))

    assert let_in == [1] * 20


def test_sixteen_guesses_at_once_get_no_more_looks_than_one_after_the_other(
    many: Database, observer: Observer, user_id: int, phone: Generator30
) -> None:
    """Ten failures before: the next one makes wait for a minute, so that time plays no part."""
    observer.rows("update oadb.second_factors set failures = 10 where user_id = %s", user_id)
    with threads(16) as pool:
        given = attempts(pool, many, user_id, [phone.wrong()] * 16)

    assert given.count(False) == 1
    assert failures(observer, user_id) == 11


def test_the_clock_is_the_database_s(db: Database, user_id: int, clock: int) -> None:
    enroll(db, user_id)
    found = second_factors._count_try(db, user_id)

    assert found is not None
    assert clock <= found.clock < clock + 30


async def test_second_factors_work_for_asyncio(adb: AsyncDatabase, clock: int) -> None:
    asha = await users.create(adb, "asha", "asha@example.in")
    enrollment = await second_factors.enroll(adb, asha.user_id, "asha")
    assert enrollment is not None
    code = Generator30(clock, enrollment).code()

    assert await second_factors.verify(adb, asha.user_id, code)
    assert not await second_factors.verify(adb, asha.user_id, code)
