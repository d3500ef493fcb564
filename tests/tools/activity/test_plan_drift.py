"""Plans on a live database are compared with their locks where tables are large."""

from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from oadb import Database
from oadb.engine import dsn
from oadb.engine.binding.packages import find
from oadb.tools.activity import plan_drift
from oadb.tools.activity.plan_drift import DriftReport
from oadb.tools.plans import plan_lock
from tests.conftest import configured

pytestmark = pytest.mark.long("imports every module with queries")

OADB = [find("oadb")]
EMAIL = "users.find_by_email"


@pytest.fixture(scope="module")
def db(url: str) -> Iterator[Database]:
    with Database(configured(url)) as db:
        yield db


@pytest.fixture(scope="module")
def _large(url: str) -> None:
    """Have the planner take the table of users for a large one."""
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(
            "insert into oadb.users (username, email) "
            "select 'user' || n, 'user' || n || '@example.in' from generate_series(1, 500) as n"
        )
        connection.execute("analyze oadb.users")


def compared(
    db: Database, url: str, least: int = plan_drift.LEAST_ROWS, role: str = ""
) -> DriftReport:
    target = dsn.parse(url)
    if role:
        target = dsn.Dsn({**target.keywords, "options": f"-crole={role}"})
    return plan_drift.compare(db, target, OADB, [EMAIL, "no.such"], least=least)


@pytest.mark.usefixtures("_large")
def test_a_plan_that_uses_the_index_of_its_lock_has_not_drifted(db: Database, url: str) -> None:
    assert compared(db, url, 100) == DriftReport([], 1)


@pytest.mark.usefixtures("_large")
def test_without_its_index_a_plan_has_drifted_where_the_table_is_large(
    db: Database, url: str
) -> None:
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("drop index oadb.users_email_lower_key")
    [found] = compared(db, url, 100).drifts

    assert (found.label, found.live) == (EMAIL, ("Seq Scan oadb.users",))
    lines = str(found).splitlines()
    assert lines[0] == f"drift: {EMAIL} reads by Seq Scan oadb.users; its lock has"
    assert any("Index Scan users_email_lower_key of oadb.users" in line for line in lines)
    assert compared(db, url).drifts == []


def test_a_statement_that_the_role_may_not_plan_is_not_taken_for_one_without_drift(
    db: Database, url: str
) -> None:
    found = compared(db, url, role="pg_monitor")

    assert (found.compared, found.drifts) == (0, [])
    assert str(found) == (
        f"plans compared with their locks: 0; not made here: 1, such as {EMAIL}: "
        "permission denied for schema oadb"
    )


def test_a_statement_without_a_lock_is_told(
    db: Database, url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def read_nothing(_path: Path) -> dict[str, plan_lock.Block]:
        return {}

    monkeypatch.setattr(plan_lock, "read", read_nothing)

    assert str(compared(db, url)) == (
        f"plans compared with their locks: 0; without a lock: 1, such as {EMAIL}"
    )
