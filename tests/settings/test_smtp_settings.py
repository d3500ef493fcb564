"""The account that mail is sent from: partial changes, and a password that does not show itself."""

from dataclasses import replace
from itertools import product
from typing import Any

import pytest
from psycopg.errors import CheckViolation

from oadb import AsyncDatabase, Config, Database, Secret
from oadb.accounts import users
from oadb.changes.announcements import Change
from oadb.errors import NoRowError, ParameterError, SealError
from oadb.keys import proof, rotation
from oadb.keys.rotation import RewrapBatch
from oadb.security.sealing import SealedColumn
from oadb.settings import app_settings, smtp_settings
from oadb.settings.smtp_settings import SmtpAccount, SmtpSettings
from tests.conftest import RING
from tests.support.notifications import heard
from tests.support.rig import Observer, threads
from tests.support.rollback import rolled_back

pytestmark = pytest.mark.changes_rows

ME = 1
PASSWORD = Secret("what the mail server asks for")
WHOLE = SmtpAccount(
    "mail.example.in", 587, "asha", "asha@example.in", "host.example.in", False, True, PASSWORD
)


@pytest.fixture
def db(db: Database) -> Database:
    """Give a database of this test alone, with the user ME."""
    assert users.create(db, "asha", "asha@example.in").user_id == ME
    return db


# The fields with which the password is sealed.
BOUND = {"server": "mail.example.net", "port": 25, "username": "ben", "use_tls": True}


def fill(db: Database) -> None:
    assert smtp_settings.update(
        db,
        by=ME,
        server="mail.example.in",
        port=587,
        username="asha",
        from_address="asha@example.in",
        helo_name="host.example.in",
        use_tls=False,
        password=PASSWORD,
    )


def audit(db: Database) -> list[tuple[str, str | None, str | None]]:
    found = app_settings.list_changes(db)
    assert {each.group_name for each in found} <= {"smtp_settings"}
    return sorted((each.field, each.old_value, each.new_value) for each in found)


def test_a_fresh_database_has_no_account(db: Database) -> None:
    assert smtp_settings.get(db) == SmtpSettings(None, None, None, None, None, True, False)
    assert smtp_settings.open(db).password is None


def test_an_account_comes_back_as_it_was_given(db: Database) -> None:
    fill(db)

    assert smtp_settings.open(db) == WHOLE
    assert smtp_settings.get(db).has_password
    assert PASSWORD.reveal() not in repr(smtp_settings.open(db))


def test_a_partial_change_changes_the_named_fields_only(db: Database) -> None:
    fill(db)
    given: list[tuple[str, Any]] = [
        ("server", "other"),
        ("port", 25),
        ("username", "x"),
        ("from_address", "x@x"),
        ("helo_name", "x"),
        ("use_tls", True),
        ("password", Secret("new")),
        *((name, None) for name in ("server", "port", "username", "password")),
        *((name, None) for name in ("from_address", "helo_name")),
    ]
    found, right = [], []
    for field, value in given:
        named: dict[str, Any] = {field: value}
        if field in BOUND:
            named["password"] = PASSWORD
        kept = named.get("password", PASSWORD) is not None
        right.append((replace(WHOLE, has_password=kept, **named), kept))
        with rolled_back(db) as tx:
            assert smtp_settings.update(tx, by=ME, **named)
            found.append((smtp_settings.open(tx), smtp_settings.get(tx).has_password))

    assert found == right
    assert smtp_settings.open(db) == WHOLE, "each began with this"


def test_the_audit_shows_that_a_password_changed_and_never_its_value(db: Database) -> None:
    fill(db)
    smtp_settings.update(db, by=ME, password=Secret("another"))
    smtp_settings.update(db, by=ME, password=None)
    assert not smtp_settings.update(db, by=ME, password=None), "it was so"

    assert audit(db) == [
        ("from_address", None, "asha@example.in"),
        ("helo_name", None, "host.example.in"),
        ("password", None, "changed"),
        ("password", None, "changed"),
        ("password", None, "cleared"),
        ("port", None, "587"),
        ("server", None, "mail.example.in"),
        ("use_tls", "true", "false"),
        ("username", None, "asha"),
    ]


@pytest.mark.parametrize("field", BOUND)
def test_the_password_is_given_again_where_it_would_go_elsewhere(db: Database, field: str) -> None:
    fill(db)
    changed: dict[str, Any] = {field: BOUND[field]}
    with pytest.raises(ParameterError, match=r"^smtp_settings\.update: the password is bound to"):
        smtp_settings.update(db, by=ME, **changed)

    assert smtp_settings.open(db) == WHOLE
    assert smtp_settings.update(db, by=ME, **changed, password=PASSWORD)
    assert smtp_settings.open(db) == replace(WHOLE, **changed)
    smtp_settings.update(db, by=ME, password=None)
    fresh: dict[str, Any] = {field: getattr(WHOLE, field)}
    assert smtp_settings.update(db, by=ME, **fresh), "without a password everything may change"


def test_tls_cannot_be_cleared(db: Database) -> None:
    fill(db)
    wrong: Any = None
    with pytest.raises(
        ParameterError, match=r"^smtp_settings\.update: use_tls must be bool, not NoneType$"
    ):
        smtp_settings.update(db, by=ME, use_tls=wrong)

    assert smtp_settings.open(db) == WHOLE


def test_invalid_values_of_the_mail_account_are_refused(db: Database) -> None:
    given: list[tuple[str, Any]] = [
        *(("port", port) for port in (0, 65536, -1)),
        *(("server", text) for text in ("", "x" * 256)),
        ("username", "\t"),
        ("helo_name", "a\x07"),
    ]
    for field, value in given:
        wrong: dict[str, Any] = {field: value}
        column = "user_name" if field == "username" else field
        with pytest.raises(CheckViolation) as refused:
            smtp_settings.update(db, by=ME, **wrong)
        assert refused.value.diag.constraint_name == f"smtp_settings_{column}_check", value

    assert audit(db) == []


def test_a_line_break_of_any_kind_is_refused(db: Database) -> None:
    breaks = [
        "a@b\nBcc: c@d",
        "a\r\nRCPT TO:<b@c>",
        "a\r",
        "\na",
        *(f"a{sign}b" for sign in "\x0b\x0c\x1c\x1d\x1e\x85\u2028\u2029"),
    ]
    refused = {}
    for field, text in product(["server", "username", "from_address", "helo_name"], breaks):
        wrong: dict[str, Any] = {field: text}
        try:
            smtp_settings.update(db, by=ME, **wrong)
        except ParameterError as error:
            refused[field, text] = str(error)

    assert refused == {
        (field, text): f"smtp_settings.update: {field} must be a single line"
        for field in ("server", "username", "from_address", "helo_name")
        for text in breaks
    }
    assert audit(db) == []


@pytest.mark.parametrize("by", [0, -1, 777_777_777])
def test_an_actor_who_does_not_exist_cannot_change_the_account(db: Database, by: int) -> None:
    fill(db)
    before = audit(db)
    for given in ({"port": 25}, {"password": Secret("other")}, {"password": None}, {}):
        named: dict[str, Any] = given
        with pytest.raises(NoRowError, match=rf"^smtp_settings\.update: there is no user {by}$"):
            smtp_settings.update(db, by=by, **named)

    assert smtp_settings.open(db) == WHOLE
    assert audit(db) == before


def test_a_password_that_is_not_wrapped_is_refused(db: Database) -> None:
    wrong: Any = "plain"
    with pytest.raises(ParameterError, match=r"password must be Secret \| None, not str; wrap it"):
        smtp_settings.update(db, by=ME, password=wrong)

    assert not smtp_settings.get(db).has_password


def test_any_text_is_a_password(db: Database) -> None:
    for text in ("", "x" * 100_000, "\0", "\ud800", "'; drop table --", "é" * 99):
        smtp_settings.update(db, by=ME, password=Secret(text))

        assert smtp_settings.open(db).password == Secret(text)


def test_a_password_that_does_not_open_breaks_no_page(db: Database, oadb_database_url: str) -> None:
    """Put there for another column, or under another key: who shows the settings needs neither."""
    fill(db)
    elsewhere = SealedColumn("second_factors", "secret").seal(RING, (1,), b"planted")
    Observer(oadb_database_url).rows("update oadb.smtp_settings set password = %s", elsewhere)
    without_ring = Config.from_env({"DATABASE_URL": oadb_database_url, "DB_POOL_SIZE": "1"})

    with Database(without_ring) as blind:
        assert smtp_settings.get(blind).has_password
        assert smtp_settings.update(blind, by=ME, from_address="other@example.in")
    with pytest.raises(SealError):
        smtp_settings.open(db)
    assert smtp_settings.update(db, by=ME, password=PASSWORD)
    assert smtp_settings.open(db).password == PASSWORD


def test_concurrent_changes_of_the_account_lose_nothing(
    db: Database, oadb_database_url: str
) -> None:
    environ = {
        "DATABASE_URL": oadb_database_url,
        "DB_POOL_SIZE": "16",
        "OADB_KEYRING": RING.to_json(),
    }
    proof.prove(db)
    fields = ["server", "username", "from_address", "helo_name"]

    def change(number: int) -> bool:
        named: dict[str, Any] = {fields[number % 4]: f"value{number}"}
        return smtp_settings.update(many, by=ME, **named)

    with Database(Config.from_env(environ)) as many, threads(16) as pool:
        assert all(pool.map(change, range(64)))

    history = app_settings.list_changes(db, limit=1000)
    assert len(history) == 64
    for field in fields:
        mine = [each for each in history if each.field == field][::-1]
        assert [each.old_value for each in mine] == [None, *(e.new_value for e in mine[:-1])]
        assert mine[-1].new_value == getattr(smtp_settings.get(db), field)


def test_a_password_is_sealed_again_unless_it_was_changed_meanwhile(db: Database) -> None:
    fill(db)
    before = smtp_settings._get_sealed(db).password
    assert before is not None
    smtp_settings.update(db, by=ME, password=Secret("newer"))

    assert smtp_settings._reseal(db, [1], [before], [before]) == 0
    assert smtp_settings.open(db).password == Secret("newer")
    assert rotation.rewrap(db, smtp_settings.SEALED, 1, 10) == RewrapBatch(1, 1, [])
    assert rotation.rewrap(db, smtp_settings.SEALED, 1, 10, 1) == RewrapBatch(0, 0, [])
    assert smtp_settings.open(db).password == Secret("newer")


def test_every_change_of_the_account_is_announced(db: Database, oadb_database_url: str) -> None:
    def work() -> None:
        fill(db)
        smtp_settings.update(db, by=ME, port=587)

    assert heard(oadb_database_url, work) == [Change("smtp_settings", None, "")]


@pytest.mark.usefixtures("db")
async def test_the_account_works_with_asyncio(adb: AsyncDatabase) -> None:
    assert await smtp_settings.update(adb, by=ME, password=PASSWORD)
    assert (await smtp_settings.open(adb)).password == PASSWORD
    assert (await smtp_settings.get(adb)).has_password
