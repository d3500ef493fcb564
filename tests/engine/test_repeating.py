"""Operations of several statements: they run again if their session ends in the middle."""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest
from psycopg.errors import UniqueViolation

from oadb import AsyncDatabase, Database
from oadb.accounts import login_attempts, sessions, users
from oadb.bans import ip_bans
from oadb.engine.transactions import AsyncTransaction
from oadb.errors import UnavailableError
from oadb.importing import takeover
from oadb.keys import proof
from oadb.logs import latency, rollups, traffic
from oadb.settings import user_settings
from oadb.tools import schema
from oadb.trading import pending_orders, strategies
from oadb.trading.strategies import SymbolMapping
from tests.support.accounts import PASSWORD, account, new_user
from tests.support.rig import Observer
from tests.support.rollup_rows import at, put_traffic

pytestmark = pytest.mark.changes_rows

THEME = user_settings.declare("repeating.theme", str, default="light")
INFY = SymbolMapping("INFY", "NSE", 1, "MIS")
SINCE, UNTIL = datetime(2026, 1, 1, tzinfo=UTC), datetime(2026, 1, 2, tzinfo=UTC)
IP = "203.0.113.7"

KillAt = Callable[[str], list[int]]


@pytest.fixture
def kill_at(monkeypatch: pytest.MonkeyPatch, oadb_database_url: str) -> KillAt:
    """Give a function that has a session end right before it first runs a statement."""
    observer = Observer(oadb_database_url)
    run, commit = AsyncTransaction._run, AsyncTransaction._commit_behind

    def prepare(label: str) -> list[int]:
        killed: list[int] = []

        def kill_before(tx: AsyncTransaction, query: Any) -> None:
            if query.label == label and not killed:
                killed.append(tx._open.connection.info.backend_pid)
                observer.terminate(*killed)

        async def run_it(self: AsyncTransaction, query: Any, params: Any) -> Any:
            kill_before(self, query)
            return await run(self, query, params)

        async def commit_behind_it(self: AsyncTransaction, session: Any, calls: Any) -> None:
            kill_before(self, calls)
            await commit(self, session, calls)

        monkeypatch.setattr(AsyncTransaction, "_run", run_it)
        monkeypatch.setattr(AsyncTransaction, "_commit_behind", commit_behind_it)
        return killed

    return prepare


def put_mappings(db: Database, user_id: int) -> int | None:
    created = strategies.create(db, user_id, "mapped", direction="BOTH").strategy
    return strategies.put_mappings(db, user_id, created.strategy_id, [INFY])


def sign_in(db: Database, user_id: int) -> bool:
    users.set_password(db, user_id, PASSWORD)
    return bool(login_attempts.sign_in(db, account(db, user_id).username, PASSWORD, ip=IP))


def put_twice(db: Database, user_id: int) -> tuple[int, int]:
    put = user_settings.put(db, user_id, THEME.to("dark"))
    return put, user_settings.reset(db, user_id, THEME)


def refresh(db: Database, _: int) -> int:
    return rollups.refresh(db).batches


RECORD = "announcements._record"
OPERATIONS: list[tuple[str, Callable[[Database, int], object], object]] = [
    (RECORD, lambda db, _: users.create(db, "ravi", "ravi@example.in").username, "ravi"),
    (RECORD, lambda db, user: users.update(db, user, first_name="Asha"), True),
    (RECORD, lambda db, user: users.set_username(db, user, "renamed"), True),
    ("sessions._end_all", lambda db, user: users.set_password(db, user, PASSWORD), None),
    (
        "sessions._trim",
        lambda db, user: sessions.create(db, account(db, user), ip=IP).session.user_id > 0,
        True,
    ),
    ("lockouts.revert_try", sign_in, True),
    ("ip_bans._put", lambda db, _: ip_bans.ban(db, IP, "x", duration=None, by=None).offences, 1),
    ("ip_bans._exempt", lambda db, _: ip_bans.exempt(db, IP, "x"), True),
    (
        "takeover._adopt_ban",
        lambda db, _: takeover.adopt_ban(db, IP, "x", None, offences=1, banned_at=None),
        True,
    ),
    (
        RECORD,
        lambda db, user: strategies.create(db, user, "x", direction="BOTH").strategy.name,
        "x",
    ),
    ("strategy_changes._put_mappings", put_mappings, 1),
    (RECORD, lambda db, user: pending_orders.create(db, user, "x", {}).status, "pending"),
    ("user_settings._reset", put_twice, (1, 1)),
    ("rollups._count_traffic", refresh, 1),
    (
        "traffic._summarize",
        lambda db, _: traffic.statistics(db, since=SINCE, until=UNTIL).total.requests,
        0,
    ),
    (
        "latency._summarize",
        lambda db, _: latency.statistics(db, since=SINCE, until=UNTIL).total.total.calls,
        0,
    ),
    ("proof._enroll", lambda db, _: proof.prove(db), None),
    ("schema._list_tables", lambda db, _: len(db.transact(schema.read)) > 0, True),
]


@pytest.mark.usefixtures("cheap_hashing")
@pytest.mark.holds("F6")
@pytest.mark.parametrize(("label", "work", "result"), OPERATIONS)
def test_nobody_notices_a_session_that_ends_in_an_operation(
    db: Database,
    oadb_database_url: str,
    kill_at: KillAt,
    label: str,
    work: Callable[[Database, int], object],
    result: object,
) -> None:
    put_traffic(oadb_database_url, [(at(1), "/", 200, 1.0)])
    user_id = new_user(db)
    killed = kill_at(label)

    assert work(db, user_id) == result
    assert killed, "the statement was never run"


async def test_the_same_holds_for_asyncio(adb: AsyncDatabase, kill_at: KillAt) -> None:
    killed = kill_at(RECORD)

    user = await users.create(adb, "ravi", "ravi@example.in")
    assert killed
    assert await users.get(adb, user.user_id) == user


def test_an_operation_in_a_transaction_is_not_repeated_by_itself(
    db: Database, kill_at: KillAt
) -> None:
    killed = kill_at(RECORD)

    with pytest.raises(UnavailableError, match="nothing was changed"), db.transaction() as tx:
        users.create(tx, "ravi", "ravi@example.in")
    assert killed
    assert users.find_by_username(db, "ravi") is None


def test_a_transaction_repeats_the_operations_in_it(db: Database, kill_at: KillAt) -> None:
    killed = kill_at("sessions._end_all")

    def work(tx: Any) -> int:
        user_id: int = users.create(tx, "ravi", "ravi@example.in").user_id
        sessions.end_all(tx, user_id)
        return user_id

    assert users.get(db, db.transact(work)) is not None
    assert killed


def test_an_operation_that_fails_in_a_transaction_leaves_it_usable(db: Database) -> None:
    users.create(db, "ravi", "ravi@example.in")
    with db.transaction() as tx:
        with pytest.raises(UniqueViolation):
            users.create(tx, "Ravi", "other@example.in")
        users.create(tx, "asha", "asha@example.in")
    assert users.find_by_username(db, "asha") is not None
