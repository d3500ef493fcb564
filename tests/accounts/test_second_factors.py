"""Second factors: enrolled, confirmed, required and disabled."""

import pyotp
import pytest

from oadb import AsyncDatabase, Database, Secret
from oadb.accounts import second_factors, users
from oadb.accounts.second_factors import NewSecondFactor
from oadb.errors import NoRowError, ParameterError
from tests.support.accounts import new_user
from tests.support.authenticators import Authenticator, enroll, failures
from tests.support.rig import Observer

pytestmark = pytest.mark.usefixtures("clock")


def test_an_authenticator_can_read_the_uri(db: Database, user_id: int) -> None:
    enrollment = second_factors.enroll(
        db, user_id, account="asha+1@example.in", issuer="Open Algo & Co"
    )
    assert enrollment is not None
    parsed = pyotp.parse_uri(enrollment.uri.reveal())

    assert isinstance(parsed, pyotp.TOTP)
    assert (parsed.name, parsed.issuer) == ("asha+1@example.in", "Open Algo & Co")
    assert Secret(parsed.secret) == enrollment.secret
    assert (parsed.digits, parsed.interval) == (6, 30)
    assert enrollment.secret.reveal() not in repr(enrollment)


def test_an_issuer_with_a_colon_is_refused_because_authenticators_would_refuse_the_uri(
    db: Database, user_id: int
) -> None:
    with pytest.raises(ParameterError):
        second_factors.enroll(db, user_id, account="asha", issuer="Open:Algo")

    assert second_factors.get(db, user_id) is None


@pytest.mark.parametrize(
    ("account", "issuer"), [("\ud800", "x"), ("x", "\udfff"), (7, "x"), ("x", None)]
)
def test_an_account_or_issuer_that_a_uri_cannot_hold_is_refused_and_nothing_is_stored(
    db: Database, user_id: int, account: str, issuer: str
) -> None:
    with pytest.raises(ParameterError):
        second_factors.enroll(db, user_id, account=account, issuer=issuer)

    assert second_factors.get(db, user_id) is None


def test_the_database_holds_no_secret(
    observer: Observer, user_id: int, enrollment: NewSecondFactor
) -> None:
    secret = enrollment.secret.reveal()
    ((row,),) = observer.rows(
        "select f::text from oadb.second_factors as f where user_id = %s", user_id
    )

    assert secret not in row
    assert secret.encode().hex() not in row


def test_an_unknown_user_cannot_enroll(db: Database) -> None:
    with pytest.raises(NoRowError, match=rf"second_factors\.enroll: there is no user {2**62}$"):
        second_factors.enroll(db, 2**62, account="asha")


def test_a_transaction_continues_after_an_unknown_user_was_refused(db: Database) -> None:
    with db.transaction() as tx:
        with pytest.raises(NoRowError):
            second_factors.enroll(tx, 2**62, account="asha")
        user_id = new_user(tx)
        assert second_factors.enroll(tx, user_id, account="asha") is not None

    assert second_factors.get(db, user_id) is not None


def test_a_factor_is_required_for_nothing_until_it_is_confirmed(
    db: Database, user_id: int, phone: Authenticator
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
        True,
        False,
        True,
    ]


def test_what_no_code_can_be_required_for_is_an_error_and_not_an_answer(
    db: Database, user_id: int, phone: Authenticator
) -> None:
    second_factors.verify(db, user_id, phone.code())
    factor = second_factors.get(db, user_id)

    assert factor is not None
    for purpose in ("trade", None):
        with pytest.raises(ParameterError, match="must be 'login', 'mcp' or"):
            factor.is_required_for(purpose)  # type: ignore[arg-type]  # that is the error


def test_the_purposes_that_require_a_code_are_replaced_as_a_whole(
    db: Database, user_id: int, phone: Authenticator
) -> None:
    second_factors.verify(db, user_id, phone.code())
    assert second_factors.set_required(
        db, user_id, for_login=False, for_mcp=True, for_password_reset=False
    )
    factor = second_factors.get(db, user_id)

    assert factor is not None
    assert [factor.is_required_for(p) for p in ("login", "mcp", "password_reset")] == [
        False,
        True,
        False,
    ]
    assert not second_factors.set_required(
        db, new_user(db), for_login=True, for_mcp=True, for_password_reset=True
    )


def test_an_unconfirmed_factor_is_replaced_by_enrolling_again(
    db: Database, observer: Observer, clock: int, user_id: int, phone: Authenticator
) -> None:
    second_factors.verify(db, user_id, phone.wrong())
    again = Authenticator(clock, enroll(db, user_id))

    assert failures(observer, user_id) == 0
    assert not second_factors.verify(db, user_id, phone.code())
    assert second_factors.verify(db, user_id, again.code())


def test_a_confirmed_factor_must_be_disabled_before_enrolling_again(
    db: Database, user_id: int, phone: Authenticator
) -> None:
    second_factors.verify(db, user_id, phone.code())

    assert second_factors.enroll(db, user_id, account="asha") is None
    assert second_factors.verify(db, user_id, phone.code(1))
    assert second_factors.disable(db, user_id) is True
    assert second_factors.disable(db, user_id) is False
    assert second_factors.get(db, user_id) is None
    assert second_factors.enroll(db, user_id, account="asha") is not None


async def test_second_factors_work_for_asyncio(adb: AsyncDatabase, clock: int) -> None:
    asha = await users.create(adb, "asha", "asha@example.in")
    enrollment = await second_factors.enroll(adb, asha.user_id, account="asha")
    assert enrollment is not None
    code = Authenticator(clock, enrollment).code()

    assert await second_factors.verify(adb, asha.user_id, code)
    assert not await second_factors.verify(adb, asha.user_id, code)
