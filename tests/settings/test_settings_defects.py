"""What must not happen to settings and pending orders, named after what did happen elsewhere.

As in test_defects.py: the numbers are those of our study, and these tests are the list.
"""

from collections.abc import Generator
from uuid import UUID

import psycopg
import pytest

from oadb import Config, Database, Secret
from oadb.accounts import api_keys, users
from oadb.errors import NoRowError, UnavailableError
from oadb.settings import app_settings, smtp_settings, user_settings
from oadb.trading import pending_orders
from tests.conftest import RING, configured
from tests.support.rig import Observer, threads

CONFIRM = user_settings.declare("defects.confirm_orders", bool, default=True)
ORDER: dict[str, object] = {"symbol": "SBIN", "quantity": 10}
GROUPS = ("trading_mode", "security_settings", "smtp_settings")


@pytest.fixture(scope="module")
def db(url: str) -> Generator[Database]:
    with Database(configured(url)) as db:
        yield db


@pytest.fixture(scope="module")
def other_process(url: str) -> Generator[Database]:
    """Give a database that shares nothing with ``db`` but the server."""
    with Database(configured(url)) as other:
        yield other


@pytest.fixture(scope="module")
def many(url: str) -> Generator[Database]:
    environ = {"DATABASE_URL": url, "DB_POOL_SIZE": "16", "OADB_KEYRING": RING.to_json()}
    with Database(Config.from_env(environ)) as many:
        yield many


def unreachable() -> Database:
    environ = {
        "DATABASE_URL": "postgresql://nobody@127.0.0.1:1/none",
        "DB_POOL_TIMEOUT": "0.2",
        "OADB_KEYRING": RING.to_json(),
    }
    return Database(Config.from_env(environ))


# Defect 4, and what it says of a mode: an error is no answer, and least of all "live" or "auto".
@pytest.mark.long("waits for retries")
def test_an_unreadable_mode_raises(
    oadb_database_url: str,
) -> None:
    nowhere = unreachable()
    for ask in (
        lambda: app_settings.get_trading_mode(nowhere),
        lambda: app_settings.set_trading_mode(nowhere, "live", by=None),
        lambda: api_keys.get_order_mode(nowhere, 1, UUID(int=1)),
        lambda: user_settings.get(nowhere, 1, CONFIRM),
        lambda: pending_orders.create(nowhere, 1, "placeorder", ORDER),
        lambda: pending_orders.approve(nowhere, 1, pending_order_id=1),
    ):
        with pytest.raises(UnavailableError):
            ask()
    Observer(oadb_database_url).rows("delete from oadb.trading_mode")
    with Database(configured(oadb_database_url)) as db, pytest.raises(NoRowError):
        app_settings.get_trading_mode(db)


# Defect 4, the other half: a flag is never unknown.
def test_no_setting_of_the_application_that_decides_can_be_null(url: str) -> None:
    nullable = Observer(url).rows(
        "select table_name, column_name from information_schema.columns "
        "where table_schema = 'oadb' and is_nullable = 'YES' "
        "and table_name in ('trading_mode', 'security_settings') and column_name <> 'set_by'"
    )
    with pytest.raises(psycopg.errors.CheckViolation):
        Observer(url).rows("update oadb.trading_mode set mode = 'auto'")

    assert nullable == []


# Defect 17.
@pytest.mark.parametrize("readers", [8, 16])
def test_concurrent_first_reads_leave_one_row(oadb_database_url: str, readers: int) -> None:
    environ = {
        "DATABASE_URL": oadb_database_url,
        "DB_POOL_SIZE": "16",
        "OADB_KEYRING": RING.to_json(),
    }
    with Database(Config.from_env(environ)) as first, threads(readers) as pool:
        for read in (app_settings.get_trading_mode, app_settings.get_security, smtp_settings.get):
            assert len({*pool.map(lambda _: read(first), range(readers))}) == 1  # noqa: B023  # used within the iteration

    counted = [Observer(oadb_database_url).ask(f"select count(*) from oadb.{g}") for g in GROUPS]
    assert counted == [1, 1, 1]


# Defect 17: what was set is what is read, also after updates moved the row about.
def test_a_mode_reads_back_as_it_was_set(db: Database, url: str) -> None:
    observer = Observer(url)
    for number in range(20):
        mode: app_settings.TradingMode = "live" if number % 2 else "analyze"
        app_settings.set_trading_mode(db, mode, by=None)
        assert app_settings.get_trading_mode(db) == mode
        if number == 10:
            observer.rows("vacuum full oadb.trading_mode")


# Defect 18.
def test_another_process_reads_a_new_mode_at_once(db: Database, other_process: Database) -> None:
    for mode in ("live", "analyze", "live", "analyze"):
        app_settings.set_trading_mode(db, mode, by=None)
        assert app_settings.get_trading_mode(other_process) == mode


# Defect 19.
def test_a_partial_change_of_the_account_leaves_tls_off_and_the_password(db: Database) -> None:
    smtp_settings.update(db, by=None, server="a", use_tls=False, password=Secret("kept"))
    smtp_settings.update(db, by=None, from_address="asha@example.in")
    smtp_settings.update(db, by=None, helo_name="b")

    found = smtp_settings.open(db)
    assert (found.use_tls, found.password, found.helo_name) == (False, Secret("kept"), "b")


# Defect 19: the page with the settings does not need the key that the password is under.
def test_a_lost_key_does_not_hide_the_settings(db: Database, url: str) -> None:
    smtp_settings.update(db, by=None, server="a", password=Secret("kept"))
    without = Config.from_env({"DATABASE_URL": url, "DB_POOL_SIZE": "1"})
    with Database(without) as blind:
        found = smtp_settings.get(blind)

    assert (found.server, found.has_password) == ("a", True)


# Defect 19: "or default" made 0 the default.
def test_0_is_a_threshold(db: Database) -> None:
    app_settings.update_security(
        db, by=None, not_found_threshold=0, bad_key_threshold=0, repeat_offender_limit=0
    )

    found = app_settings.get_security(db)
    assert (found.not_found_threshold, found.bad_key_threshold, found.repeat_offender_limit) == (
        0,
        0,
        0,
    )


# Defect 33.
def test_of_16_concurrent_approvals_one_succeeds(many: Database) -> None:
    asha = users.create(many, "asha", "asha@example.in").user_id
    approve = pending_orders.approve
    for _ in range(20):
        order = pending_orders.create(many, asha, "placeorder", ORDER).pending_order_id
        with threads(16) as pool:
            done = list(pool.map(lambda _: approve(many, asha, pending_order_id=order), range(16)))  # noqa: B023  # used within the iteration
        assert done.count(True) == 1


# Defect 54.
def test_settings_and_orders_belong_to_a_named_user(db: Database) -> None:
    first, second = (
        users.create(db, name, f"{name}@example.in").user_id for name in ("first", "second")
    )
    user_settings.put(db, first, CONFIRM.to(False))
    mine = pending_orders.create(db, second, "placeorder", ORDER)
    pending_orders.create(db, first, "placeorder", ORDER)

    assert user_settings.get(db, second, CONFIRM) is True
    assert pending_orders.list_by_user(db, second).rows == [mine]
    for ask in (
        user_settings.list_by_user,
        pending_orders.list_by_user,
        pending_orders.count_by_status,
    ):
        with pytest.raises(TypeError):
            ask(db)  # type: ignore[call-overload]  # wrong on purpose
