"""Strategies, also for Chartink: created, read, changed, and what is refused."""

import asyncio
from collections.abc import Callable
from datetime import time
from typing import Any
from uuid import uuid4

import pytest
from psycopg.errors import CheckViolation, ForeignKeyViolation, InsufficientPrivilege

from oadb import AsyncDatabase, Database
from oadb.accounts import users
from oadb.changes.announcements import Change
from oadb.errors import ParameterError
from oadb.security.refusals import Refusal
from oadb.trading import chartink, strategies, webhooks
from oadb.trading.chartink import ChartinkMapping
from oadb.trading.strategies import Mapping, Strategy
from tests.support.notifications import heard
from tests.support.rig import Observer, threads
from tests.support.trading import RELIANCE, TCS, TIMES, db, found, mapped, module, new_user, user_id

__all__ = ["db", "module", "user_id"]


# Made and read ----------------------------------------------------------------------------------


def test_a_strategy_is_stored_as_given(db: Database, user_id: int) -> None:
    definition = {"legs": [{"side": "BUY", "size": 1.5}], "note": "é"}
    issued = strategies.create(
        db,
        user_id,
        "Breakout",
        platform="amibroker",
        trading_mode="BOTH",
        definition=definition,
        is_intraday=False,
        **TIMES,
        time_zone="Asia/Dubai",
    )
    made = issued.strategy

    assert (made.name, made.platform, made.trading_mode, made.definition) == (
        "Breakout",
        "amibroker",
        "BOTH",
        definition,
    )
    assert (made.start_time, made.end_time, made.squareoff_time) == tuple(TIMES.values())
    assert (made.time_zone, made.is_intraday, made.is_active) == ("Asia/Dubai", False, True)
    assert made.mappings == ()
    assert strategies.get(db, user_id, made.strategy_id) == made


def test_a_strategy_for_chartink_has_its_platform_and_mode(db: Database, user_id: int) -> None:
    made = chartink.create(db, user_id, "Scan", **TIMES).strategy

    assert (made.platform, made.trading_mode) == ("chartink", "BOTH")
    assert chartink.get(db, user_id, made.strategy_id) == made


def test_a_strategy_is_by_default_active_intraday_and_without_times(
    db: Database, module: Any, user_id: int
) -> None:
    made = module.create(db, user_id, "x").strategy

    assert (made.is_active, made.is_intraday, made.definition) == (True, True, {})
    assert (made.start_time, made.end_time, made.squareoff_time) == (None, None, None)
    assert made.time_zone == "Asia/Kolkata"


def test_a_webhook_leads_to_its_strategy_and_mappings(
    db: Database, module: Any, user_id: int
) -> None:
    issued = module.create(db, user_id, "x", **TIMES)
    strategy_id = issued.strategy.strategy_id
    both = mapped(module, TCS, RELIANCE)

    assert module.put_mappings(db, user_id, strategy_id, both) == 2
    strategy = found(module, db, issued.webhook)
    assert strategy.mappings == tuple(reversed(both)), "in the order of the symbols"
    assert strategy == module.get(db, user_id, strategy_id)
    assert module.list_by_user(db, user_id) == [strategy]


def test_chartink_has_its_own_name_for_a_symbol(db: Database, user_id: int) -> None:
    issued = chartink.create(db, user_id, "x")
    mapping = ChartinkMapping("RELIANCE", "NSE", 10, "MIS")
    chartink.put_mappings(db, user_id, issued.strategy.strategy_id, [mapping])

    (read,) = found(chartink, db, issued.webhook).mappings
    assert (read.chartink_symbol, read) == ("RELIANCE", mapping)


def test_neither_module_reads_strategies_of_the_other(db: Database, user_id: int) -> None:
    made = {module: module.create(db, user_id, "x") for module in (strategies, chartink)}
    for mine, other in ((strategies, chartink), (chartink, strategies)):
        own, foreign = made[mine], made[other]
        assert mine.get(db, user_id, foreign.strategy.strategy_id) is None
        assert mine.find_by_webhook(db, foreign.webhook) is Refusal.UNKNOWN
        assert mine.list_by_user(db, user_id) == [own.strategy]
        assert mine.count_by_user(db, user_id) == 1


def test_strategies_create_refuses_the_platform_chartink(db: Database, user_id: int) -> None:
    with pytest.raises(ParameterError, match=r"use chartink\.create"):
        strategies.create(db, user_id, "x", platform="chartink")


def test_strategies_are_listed_newest_first_with_their_mappings(
    db: Database, module: Any, user_id: int
) -> None:
    made = [module.create(db, user_id, str(n)).strategy.strategy_id for n in range(4)]
    for number, strategy_id in enumerate(made):
        given = [Mapping(f"S{n}", "NSE", number + 1, "MIS") for n in range(number)]
        module.put_mappings(db, user_id, strategy_id, mapped(module, *given))

    listed = module.list_by_user(db, user_id)
    assert [each.name for each in listed] == ["3", "2", "1", "0"]
    assert [[m.quantity for m in each.mappings] for each in listed] == [[4] * 3, [3] * 2, [2], []]
    assert module.count_by_user(db, user_id) == 4


def test_a_user_without_strategies_has_an_empty_list(
    db: Database, module: Any, user_id: int
) -> None:
    assert module.list_by_user(db, user_id) == []
    assert module.count_by_user(db, user_id) == 0
    assert module.get(db, user_id, uuid4()) is None


async def test_strategies_work_with_asyncio(adb: AsyncDatabase) -> None:
    user = (await users.create(adb, "asha", "asha@example.in")).user_id
    issued = await strategies.create(adb, user, "x")
    strategy_id = issued.strategy.strategy_id
    await strategies.put_mappings(adb, user, strategy_id, [TCS])
    states = await asyncio.gather(*(strategies.toggle(adb, user, strategy_id) for _ in range(3)))

    assert sorted(map(bool, states)) == [False, False, True]
    assert await strategies.find_by_webhook(adb, issued.webhook) is Refusal.INACTIVE
    await strategies.set_active(adb, user, strategy_id, is_active=True)
    strategy = await strategies.find_by_webhook(adb, issued.webhook)
    assert isinstance(strategy, Strategy)
    assert strategy.mappings == (TCS,)


# What is refused --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("given", "constraint"),
    [
        ({"name": ""}, "name"),
        ({"name": "x" * 256}, "name"),
        ({"platform": ""}, "platform"),
        ({"platform": "Chartink"}, "platform"),
        ({"platform": "x" * 51}, "platform"),
        ({"trading_mode": "long"}, "trading_mode"),
        ({"trading_mode": ""}, "trading_mode"),
        ({"start_time": time(15), "end_time": time(9)}, "end_time"),
        ({"start_time": time(9), "end_time": time(9)}, "end_time"),
        ({"end_time": time(15), "squareoff_time": time(14, 59, 59)}, "squareoff_time"),
        ({"start_time": time(15), "squareoff_time": time(9)}, "squareoff_time"),
    ],
    ids=repr,
)
def test_invalid_values_of_a_strategy_are_refused(
    db: Database, user_id: int, given: dict[str, Any], constraint: str
) -> None:
    whole = {"name": "x", **given}
    with pytest.raises(CheckViolation) as refused:
        strategies.create(db, user_id, **whole)

    assert refused.value.diag.constraint_name == f"strategies_{constraint}_check"
    assert strategies.list_by_user(db, user_id) == []


@pytest.mark.parametrize(
    "given",
    [
        {"time_zone": "IST"},
        {"time_zone": "COM1"},
        {"time_zone": ""},
        {"time_zone": "../etc/passwd"},
        {"time_zone": "localtime"},
        {"time_zone": "posixrules"},
        {"time_zone": "right/Asia/Kolkata"},
        {"time_zone": "posix/UTC"},
        {"time_zone": "Factory"},
        {"time_zone": None},
        {"definition": {"a": float("nan")}},
        {"definition": {1: 2}},
        {"definition": []},
        {"definition": {"a": "x" * 70_000}},
        {"start_time": "09:15"},
        {"start_time": time.fromisoformat("09:15+05:30")},
        {"is_intraday": None},
        {"is_intraday": 1},
        {"name": None},
        {"name": "a\0"},
    ],
    ids=lambda given: repr(given)[:40],
)
def test_texts_that_postgresql_cannot_hold_are_refused(
    db: Database, module: Any, user_id: int, given: dict[str, Any]
) -> None:
    whole = {"name": "x", **given}
    with pytest.raises(ParameterError):
        module.create(db, user_id, **whole)

    assert module.list_by_user(db, user_id) == []


def test_the_mode_of_a_chartink_strategy_cannot_be_given(
    db: Database, observer: Observer, user_id: int
) -> None:
    chartink.create(db, user_id, "x")

    with pytest.raises(CheckViolation):
        observer.rows(
            "update oadb.strategies set trading_mode = 'LONG' where user_id = %s", user_id
        )
    with pytest.raises(CheckViolation):
        observer.rows("update oadb.strategies set definition = '[]' where user_id = %s", user_id)


def test_an_unknown_user_has_no_strategies(db: Database, module: Any) -> None:
    with pytest.raises(ForeignKeyViolation):
        module.create(db, 2**62, "x")


# Changed ----------------------------------------------------------------------------------------


def test_each_change_is_stored_and_a_missing_strategy_is_reported(
    db: Database, module: Any, user_id: int
) -> None:
    issued = module.create(db, user_id, "old", **TIMES)
    strategy_id, unknown = issued.strategy.strategy_id, uuid4()
    changes: list[Callable[[Any], bool]] = [
        lambda each: module.rename(db, user_id, each, "new"),
        lambda each: module.set_definition(db, user_id, each, {"a": [1]}),
        lambda each: module.set_times(db, user_id, each, time(10), None, None, "UTC"),
        lambda each: module.set_active(db, user_id, each, True),
    ]

    assert [change(strategy_id) for change in changes] == [True] * 4
    assert [change(unknown) for change in changes] == [False] * 4
    now = found(module, db, issued.webhook)
    assert (now.name, now.definition, now.time_zone) == ("new", {"a": [1]}, "UTC")
    assert (now.start_time, now.end_time, now.squareoff_time) == (time(10), None, None)
    assert now.updated_at > issued.strategy.updated_at
    assert now.created_at == issued.strategy.created_at


def test_a_change_that_is_refused_changes_nothing(db: Database, module: Any, user_id: int) -> None:
    made = module.create(db, user_id, "x", **TIMES).strategy
    strategy_id = made.strategy_id
    refused: list[Callable[[], object]] = [
        lambda: module.rename(db, user_id, strategy_id, ""),
        lambda: module.set_definition(db, user_id, strategy_id, {"a": {1, 2}}),
        lambda: module.set_definition(db, user_id, strategy_id, []),
        lambda: module.set_times(db, user_id, strategy_id, time(15), time(9), None),
        lambda: module.set_times(db, user_id, strategy_id, None, None, None, "Nowhere"),
        lambda: module.set_active(db, user_id, strategy_id, None),
    ]
    for change in refused:
        with pytest.raises((ParameterError, CheckViolation)):
            change()

    assert module.get(db, user_id, strategy_id) == made


def test_set_active_may_be_repeated(db: Database, module: Any, user_id: int) -> None:
    issued = module.create(db, user_id, "x")
    strategy_id = issued.strategy.strategy_id
    for is_active in (False, False, True, True):
        assert module.set_active(db, user_id, strategy_id, is_active)
        assert module.get(db, user_id, strategy_id).is_active is is_active


def test_concurrent_toggles_all_count(db: Database, module: Any, user_id: int) -> None:
    strategy_id = module.create(db, user_id, "x").strategy.strategy_id
    with threads(8) as pool:
        states = list(pool.map(lambda _: module.toggle(db, user_id, strategy_id), range(16)))

    assert states.count(True) == states.count(False) == 8
    assert module.get(db, user_id, strategy_id).is_active
    assert module.toggle(db, user_id, strategy_id) is False
    assert module.toggle(db, user_id, uuid4()) is None


def test_changes_are_announced_and_calls_that_change_nothing_are_not(
    db: Database, url: str, module: Any, user_id: int
) -> None:
    made: list[Any] = []

    def work() -> None:
        made.append(module.create(db, user_id, "x").strategy.strategy_id)
        for each in (made[0], uuid4()):
            module.set_active(db, user_id, each, is_active=False)
            module.toggle(db, user_id, each)
            module.set_times(db, user_id, each, None, None, None)
            module.rename(db, user_id, each, "y")
            module.set_definition(db, user_id, each, {})
            module.put_mappings(db, user_id, each, mapped(module, TCS))
            module.delete_mappings(db, user_id, each, ["TCS"])
            module.delete_mappings(db, user_id, each, ["TCS"])
            webhooks.rotate(db, user_id, each)
            webhooks.revoke(db, user_id, each)
            webhooks.revoke(db, user_id, each)
        module.delete(db, user_id, made[0])
        module.delete(db, user_id, made[0])

    assert heard(url, work) == [Change("strategies", user_id, str(made[0]))] * 11


def test_a_user_cannot_change_the_strategy_of_another(
    db: Database, module: Any, user_id: int
) -> None:
    issued, other = module.create(db, user_id, "x"), new_user(db)
    strategy_id = issued.strategy.strategy_id
    module.put_mappings(db, user_id, strategy_id, mapped(module, TCS))
    before = found(module, db, issued.webhook)

    assert module.get(db, other, strategy_id) is None
    assert not module.set_active(db, other, strategy_id, is_active=False)
    assert module.toggle(db, other, strategy_id) is None
    assert not module.set_times(db, other, strategy_id, None, None, None)
    assert not module.rename(db, other, strategy_id, "y")
    assert not module.set_definition(db, other, strategy_id, {"a": 1})
    assert module.put_mappings(db, other, strategy_id, mapped(module, RELIANCE)) is None
    assert module.delete_mappings(db, other, strategy_id, ["TCS"]) == 0
    assert webhooks.rotate(db, other, strategy_id) is None
    assert not webhooks.revoke(db, other, strategy_id)
    assert not module.delete(db, other, strategy_id)
    assert found(module, db, issued.webhook) == before


def test_an_identity_sees_its_own_strategies_only(db: Database, module: Any, user_id: int) -> None:
    issued, me = module.create(db, user_id, "x"), new_user(db)
    strategy_id, mine = issued.strategy.strategy_id, db.as_user(me)

    assert module.get(mine, user_id, strategy_id) is None
    assert module.list_by_user(mine, user_id) == []
    assert module.find_by_webhook(mine, issued.webhook) is Refusal.UNKNOWN
    assert not module.delete(mine, user_id, strategy_id)
    assert module.put_mappings(mine, user_id, strategy_id, mapped(module, TCS)) is None
    with pytest.raises(InsufficientPrivilege):
        module.create(mine, user_id, "y")
    own = module.create(mine, me, "z")
    assert module.find_by_webhook(mine, own.webhook) == own.strategy
