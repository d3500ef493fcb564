"""Strategies, also for Chartink: created, read, and what is refused."""

import asyncio
from collections.abc import Callable
from datetime import time
from math import inf
from typing import Any
from uuid import UUID, uuid4

import pytest
from psycopg.errors import CheckViolation, InsufficientPrivilege

from oadb import AsyncDatabase, Database, Page
from oadb.accounts import users
from oadb.errors import NoRowError, ParameterError
from oadb.security.refusals import Refusal
from oadb.trading import chartink, strategies
from oadb.trading.chartink import ChartinkMapping
from oadb.trading.strategies import Strategy, SymbolMapping
from tests.support.rig import Observer, config
from tests.support.trading import (
    RELIANCE,
    TCS,
    TIMES,
    db,
    found,
    label,
    mapped,
    module,
    new_user,
    user_id,
)

__all__ = ["db", "module", "user_id"]

ID = UUID(int=1)


# Made and read ----------------------------------------------------------------------------------


def test_a_strategy_is_stored_as_given(db: Database, user_id: int) -> None:
    definition = {"legs": [{"side": "BUY", "size": 1.5}], "note": "é"}
    issued = strategies.create(
        db,
        user_id,
        "Breakout",
        platform="amibroker",
        direction="BOTH",
        definition=definition,
        is_intraday=False,
        **TIMES,
        time_zone="Asia/Dubai",
    )
    made = issued.strategy

    assert (made.name, made.platform, made.direction, made.definition) == (
        "Breakout",
        "amibroker",
        "BOTH",
        definition,
    )
    assert (made.start_time, made.end_time, made.squareoff_time) == tuple(TIMES.values())
    assert (made.time_zone, made.is_intraday, made.is_active) == ("Asia/Dubai", False, True)
    assert made.mappings == ()
    assert strategies.get(db, user_id, made.strategy_id) == made


def test_a_strategy_for_chartink_has_its_platform_and_direction(db: Database, user_id: int) -> None:
    made = chartink.create(db, user_id, "Scan", **TIMES).strategy

    assert (made.platform, made.direction) == ("chartink", "BOTH")
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
    assert module.list_by_user(db, user_id).rows == [strategy]


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
        assert mine.verify_webhook(db, foreign.webhook) is Refusal.UNKNOWN
        assert mine.list_by_user(db, user_id).rows == [own.strategy]
        assert mine.count_by_user(db, user_id) == 1


def test_strategies_create_refuses_the_platform_chartink(db: Database, user_id: int) -> None:
    with pytest.raises(ParameterError, match=r"use chartink\.create"):
        strategies.create(db, user_id, "x", platform="chartink")


def test_strategies_are_listed_newest_first_with_their_mappings(
    db: Database, module: Any, user_id: int
) -> None:
    made = [module.create(db, user_id, str(n)).strategy.strategy_id for n in range(4)]
    for number, strategy_id in enumerate(made):
        given = [SymbolMapping(f"S{n}", "NSE", number + 1, "MIS") for n in range(number)]
        module.put_mappings(db, user_id, strategy_id, mapped(module, *given))

    listed = module.list_by_user(db, user_id)
    assert [each.name for each in listed] == ["3", "2", "1", "0"]
    assert [[m.quantity for m in each.mappings] for each in listed] == [[4] * 3, [3] * 2, [2], []]
    assert module.count_by_user(db, user_id) == 4


def test_a_user_without_strategies_has_an_empty_list(
    db: Database, module: Any, user_id: int
) -> None:
    assert module.list_by_user(db, user_id) == Page([], None)
    assert module.count_by_user(db, user_id) == 0
    assert module.get(db, user_id, uuid4()) is None


async def test_strategies_work_with_asyncio(adb: AsyncDatabase) -> None:
    user = (await users.create(adb, "asha", "asha@example.in")).user_id
    issued = await strategies.create(adb, user, "x")
    strategy_id = issued.strategy.strategy_id
    await strategies.put_mappings(adb, user, strategy_id, [TCS])
    await strategies.set_active(adb, user, strategy_id, is_active=False)

    assert await strategies.verify_webhook(adb, issued.webhook) is Refusal.INACTIVE
    await strategies.set_active(adb, user, strategy_id, is_active=True)
    strategy = await strategies.verify_webhook(adb, issued.webhook)
    assert isinstance(strategy, Strategy)
    assert strategy.mappings == (TCS,)


# What is refused --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("given", "constraint"),
    [
        ({"name": "x" * 256}, "name"),
        ({"platform": ""}, "platform"),
        ({"platform": "Chartink"}, "platform"),
        ({"platform": "x" * 51}, "platform"),
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
    assert not strategies.list_by_user(db, user_id)


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

    assert not module.list_by_user(db, user_id)


def test_the_direction_of_a_chartink_strategy_cannot_be_changed(
    db: Database, observer: Observer, user_id: int
) -> None:
    chartink.create(db, user_id, "x")

    with pytest.raises(CheckViolation):
        observer.rows(
            "update oadb.strategies set trading_mode = 'LONG' where user_id = %s", user_id
        )
    with pytest.raises(CheckViolation):
        observer.rows("update oadb.strategies set definition = '[]' where user_id = %s", user_id)


@pytest.mark.parametrize("given", ["long", "", "LONG ", "UP"])
def test_a_direction_that_does_not_exist_is_refused(db: Database, given: Any) -> None:
    with pytest.raises(
        ParameterError, match=r"^strategies\.create: direction must be one of LONG, SHORT, BOTH$"
    ):
        strategies.create(db, 1, "x", direction=given)


def test_an_unknown_user_gets_no_strategy(db: Database, module: Any) -> None:
    with pytest.raises(NoRowError, match=rf"^{label(module)}\.create: there is no user {2**62}$"):
        module.create(db, 2**62, "x")


# The arguments are refused before a connection is asked for.
IDLE = AsyncDatabase(config("postgresql://nobody@127.0.0.1:1/nothing"))


@pytest.mark.parametrize(
    ("call", "said"),
    [
        (lambda m: m.create(IDLE, 1, "x", definition={"a": inf}), "create: definition[a] is a "),
        (
            lambda m: m.create(IDLE, 1, "x", time_zone="IST"),
            "create: time_zone must be a time zo",
        ),
        (
            lambda m: m.set_definition(IDLE, 1, ID, {"a": inf}),
            "set_definition: definition[a] is ",
        ),
        (
            lambda m: m.update(IDLE, 1, ID, time_zone="IST"),
            "update: time_zone must be a time zone",
        ),
        (
            lambda m: m.update(IDLE, 1, ID, time_zone=None),
            "update: time_zone must be str, not Non",
        ),
        (
            lambda m: m.set_active(IDLE, 1, ID, is_active=1),
            "set_active: is_active must be bool, n",
        ),
        (lambda m: m.rename(IDLE, 1, ID, 7), "rename: name must be str, not int"),
        (lambda m: m.delete(IDLE, 1, "x"), "delete: strategy_id must be UUID, not str"),
        (
            lambda m: m.delete_mappings(IDLE, 1, ID, "TCS"),
            "delete_mappings: symbols must be list[",
        ),
        (lambda m: m.list_by_user(IDLE, 1, limit=0), "list_by_user: limit must be 1 to 1000"),
    ],
)
def test_an_error_names_the_module_that_was_called(
    module: Any, call: Callable[[Any], object], said: str
) -> None:
    with pytest.raises(ParameterError) as refused:
        asyncio.run(call(module))

    assert str(refused.value).startswith(f"{label(module)}.{said}")


def test_an_identity_sees_its_own_strategies_only(db: Database, module: Any, user_id: int) -> None:
    issued, me = module.create(db, user_id, "x"), new_user(db)
    strategy_id, mine = issued.strategy.strategy_id, db.as_user(me)

    assert module.get(mine, user_id, strategy_id) is None
    assert not module.list_by_user(mine, user_id)
    assert module.verify_webhook(mine, issued.webhook) is Refusal.UNKNOWN
    assert not module.delete(mine, user_id, strategy_id)
    assert module.put_mappings(mine, user_id, strategy_id, mapped(module, TCS)) is None
    with pytest.raises(InsufficientPrivilege):
        module.create(mine, user_id, "y")
    own = module.create(mine, me, "z")
    assert module.verify_webhook(mine, own.webhook) == own.strategy
