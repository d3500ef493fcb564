"""``ping`` and ``ready``: bounded, typed answers about the database, which never raise."""

from collections.abc import Iterable
from datetime import timedelta
from time import monotonic

import pytest

from oadb import AsyncDatabase, Config, Database
from oadb.engine import readiness
from oadb.engine.executors import AsyncExecutor
from oadb.engine.readiness import ReadyFinding
from oadb.errors import ParameterError, UnavailableError
from tests.faults.proxy import Proxy
from tests.support.rig import config

SHORT = timedelta(seconds=0.3)
NOWHERE = "postgresql://oadb@127.0.0.1:1/oadb"


@pytest.fixture
def checks(monkeypatch: pytest.MonkeyPatch) -> dict[str, readiness.ReadyCheck]:
    """Give the checks of packages, none at first."""
    found: dict[str, readiness.ReadyCheck] = {}
    monkeypatch.setattr(readiness, "_checks", lambda: found)
    return found


def test_a_database_that_answers_is_true_and_says_how_long_it_took(url: str) -> None:
    with Database(config(url)) as db:
        answer = db.ping()

    assert answer
    assert answer.answered
    assert answer.reason == ""
    assert 0 < answer.seconds < 1


async def test_a_database_answers_on_a_loop(url: str) -> None:
    async with AsyncDatabase(config(url)) as db:
        assert await db.ping()


def test_a_database_that_refuses_connections_is_false_with_the_reason() -> None:
    with_nothing = Database(config(NOWHERE))

    answer = with_nothing.ping()
    with_nothing.close()

    assert not answer
    assert "127.0.0.1" in answer.reason
    assert "refused" in answer.reason.lower()
    assert "\n" not in answer.reason


def test_a_silent_server_is_given_up_at_the_deadline_and_its_connection_replaced(
    proxy: Proxy,
) -> None:
    with Database(config(proxy.url, pool_size=1, max_overflow=0)) as db:
        assert db.ping()
        proxy.pause()
        started = monotonic()
        answer = db.ping(deadline=SHORT)

        assert not answer
        assert monotonic() - started < 2
        assert answer.reason == "the database did not answer within 0.3 s"


def test_a_pool_without_a_free_connection_is_false_and_says_so(url: str) -> None:
    with Database(config(url, pool_size=1, max_overflow=0)) as db, db.connection():
        answer = db.ping(deadline=SHORT)

    assert not answer
    assert "1 of 1 connections are in use" in answer.reason


def test_a_closed_database_is_false(url: str) -> None:
    db = Database(config(url))
    db.close()

    assert db.ping().reason == "this database was closed: close() was called"


@pytest.mark.parametrize("deadline", [timedelta(), timedelta(seconds=-1), 1.0])
def test_a_deadline_that_is_none_is_refused(url: str, deadline: timedelta) -> None:
    with Database(config(url)) as db:
        with pytest.raises(ParameterError, match="ping: deadline must be a timedelta above 0"):
            db.ping(deadline=deadline)
        with pytest.raises(ParameterError, match="ready: deadline must be a timedelta above 0"):
            db.ready(deadline=deadline)


def test_a_service_without_checks_is_ready_when_its_database_answers(
    url: str, checks: dict[str, readiness.ReadyCheck]
) -> None:
    with Database(config(url)) as db:
        found = db.ready()

    assert checks == {}
    assert found
    assert [(finding.subject, finding.ok) for finding in found.findings] == [("connection", True)]
    assert "password" not in str(found.findings[0])


def test_nothing_else_is_checked_without_a_connection(
    checks: dict[str, readiness.ReadyCheck],
) -> None:
    checks["stock"] = _unreachable
    db = Database(config(NOWHERE))
    found = db.ready()
    db.close()

    assert not found
    assert [finding.subject for finding in found.findings] == ["connection"]
    assert "DATABASE_URL" in found.findings[0].advice


def test_what_a_check_raises_is_a_finding_and_the_others_run(
    url: str, checks: dict[str, readiness.ReadyCheck]
) -> None:
    checks.update(broken=_broken, slow=_late, away=_unreachable, stock=_stocked)
    with Database(config(url)) as db:
        found = {finding.subject: finding for finding in db.ready().findings}

    assert [*found] == ["connection", "broken", "slow", "away", "stock"]
    assert str(found["broken"]) == (
        "FAIL broken: its check raised ZeroDivisionError: by zero; this is a fault of the check"
    )
    assert str(found["slow"]) == "FAIL slow: not known within 5s; give it more time"
    assert str(found["away"]) == "FAIL away: gone"
    assert str(found["stock"]) == "ok   stock: full"


async def test_checks_run_on_a_loop(url: str, checks: dict[str, readiness.ReadyCheck]) -> None:
    checks["stock"] = _stocked
    async with AsyncDatabase(config(url)) as db:
        assert await db.ready()


async def _stocked(_db: AsyncExecutor, _config: Config) -> Iterable[ReadyFinding]:
    return [ReadyFinding(True, "stock", "full")]


async def _unreachable(_db: AsyncExecutor, _config: Config) -> Iterable[ReadyFinding]:
    raise UnavailableError("gone")


async def _late(_db: AsyncExecutor, _config: Config) -> Iterable[ReadyFinding]:
    raise TimeoutError("not known within 5s")


async def _broken(_db: AsyncExecutor, _config: Config) -> Iterable[ReadyFinding]:
    raise ZeroDivisionError("by zero")
