"""Pages of the strategies of a user: each strategy once, also where many were created at once."""

from typing import Any

import psycopg
import pytest

from oadb import Database
from oadb.errors import ParameterError
from oadb.trading import chartink, strategies
from tests.support.declared import declaration
from tests.support.plans import scanned
from tests.support.rig import Observer
from tests.support.trading import TCS, db, label, mapped, module, new_user, user_id

__all__ = ["db", "module", "user_id"]


def paged(module: Any, db: Database, user_id: int, limit: int) -> list[str]:
    """Return the names on all pages."""
    page = module.list_by_user(db, user_id, limit=limit)
    names = [each.name for each in page]
    while page.next is not None:
        assert len(page) == limit
        page = module.list_by_user(db, user_id, limit=limit, cursor=page.next)
        names += [each.name for each in page]
        assert len(names) <= 20, "more than there are"
    return names


@pytest.mark.parametrize("limit", [1, 2, 3, 7, 8, 1000])
def test_each_strategy_is_on_one_page_newest_first(
    db: Database, module: Any, user_id: int, limit: int
) -> None:
    other = chartink if module is strategies else strategies
    for name in "abcdefg":
        module.create(db, user_id, name)
        other.create(db, user_id, "of the other module")
        module.create(db, new_user(db), "of another user")

    assert paged(module, db, user_id, limit) == list("gfedcba")


@pytest.mark.parametrize("limit", [1, 3])
def test_strategies_created_in_one_transaction_are_on_one_page_each(
    db: Database, module: Any, user_id: int, limit: int
) -> None:
    with db.transaction() as tx:
        made = [module.create(tx, user_id, name).strategy for name in "abcdefg"]

    assert len({each.created_at for each in made}) == 1
    assert sorted(paged(module, db, user_id, limit)) == list("abcdefg")
    assert paged(module, db, user_id, limit) == paged(module, db, user_id, 1000)


def test_strategies_that_come_and_go_between_pages_move_no_other(
    db: Database, module: Any, user_id: int
) -> None:
    made = [module.create(db, user_id, name).strategy.strategy_id for name in "abcdef"]
    first = module.list_by_user(db, user_id, limit=2)
    module.create(db, user_id, "new")
    module.delete(db, user_id, made[4])  # the last of the first page
    module.delete(db, user_id, made[0])
    module.put_mappings(db, user_id, made[2], mapped(module, TCS))
    rest = module.list_by_user(db, user_id, cursor=first.next)

    assert [each.name for each in (*first, *rest)] == ["f", "e", "d", "c", "b"]
    assert rest.next is None


def test_a_cursor_of_another_user_or_module_is_refused(
    db: Database, module: Any, user_id: int
) -> None:
    other = chartink if module is strategies else strategies
    for _ in range(2):
        module.create(db, user_id, "x")
    cursor = module.list_by_user(db, user_id, limit=1).next

    assert len(module.list_by_user(db, user_id, cursor=cursor)) == 1
    for asked, owner in ((module, new_user(db)), (other, user_id)):
        expected = rf"^{label(asked)}\.list_by_user: cursor is not one of this list"
        with pytest.raises(ParameterError, match=expected):
            asked.list_by_user(db, owner, cursor=cursor)


def test_a_page_reads_the_mappings_of_its_strategies_alone(
    db: Database, observer: Observer, url: str, module: Any, user_id: int
) -> None:
    first = module.create(db, user_id, "first").strategy.strategy_id
    observer.rows(
        "insert into oadb.strategies (user_id, strategy_id, name, platform, trading_mode, "
        "definition, is_intraday, time_zone, webhook_hint, token_digest, fingerprint, created_at) "
        "select user_id, gen_random_uuid(), 'bulk', platform, trading_mode, definition, "
        "is_intraday, time_zone, 'x', sha256(n::text::bytea), fingerprint, now() - n * interval "
        "'1 s' from oadb.strategies, generate_series(1, 1000) as n where strategy_id = %s",
        first,
    )
    observer.rows(
        "insert into oadb.strategy_mappings select user_id, strategy_id, 'S' || n, 'NSE', 1, 'MIS' "
        "from oadb.strategies, generate_series(1, 3) as n where user_id = %s",
        user_id,
    )
    observer.rows("analyze oadb.strategies, oadb.strategy_mappings")
    kind = " +chartink" if module is chartink else ""
    statement = declaration(f"strategy_kinds._list_by_user{kind}")
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("set plan_cache_mode = force_generic_plan")
        connection.execute(b"prepare listing as " + statement.wire_sql)
        row = connection.execute(
            f"explain (analyze, format json) execute listing ({user_id}, 11)".encode()
        ).fetchone()
    assert row is not None
    scans = [*scanned(row[0][0]["Plan"])]

    assert [scan["Actual Loops"] for scan in scans if "mappings" in scan["Index Name"]] == [11]
