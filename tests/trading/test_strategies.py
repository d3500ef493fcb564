"""Strategies and those of Chartink: what is read of both, and what changes both alike."""

import asyncio
import logging
import traceback
from collections.abc import Callable, Generator, Iterator
from datetime import time
from itertools import count
from typing import Any
from uuid import UUID, uuid4

import psycopg
import pytest
from psycopg.errors import CheckViolation, ForeignKeyViolation, InsufficientPrivilege

from oadb import AsyncDatabase, Database, Secret
from oadb.accounts import users
from oadb.changes.announcements import Change
from oadb.errors import ParameterError, UnavailableError
from oadb.security import tokens
from oadb.security.refusals import Refusal
from oadb.security.tokens import sha256_of
from oadb.trading import chartink, strategies, webhooks
from oadb.trading.chartink import ChartinkMapping
from oadb.trading.strategies import Mapping, Strategy
from tests.conftest import RING, configured
from tests.support.databases import unreachable
from tests.support.notifications import heard
from tests.support.rig import Observer, threads

numbers = count(1)

TIMES = {"start_time": time(9, 20), "end_time": time(15), "squareoff_time": time(15, 15)}
RELIANCE, TCS = Mapping("RELIANCE", "NSE", 10, "MIS"), Mapping("TCS", "BSE", 2**40, "CNC")


@pytest.fixture(scope="module")
def db(url: str) -> Generator[Database]:
    with Database(configured(url)) as db:
        yield db


@pytest.fixture(params=[strategies, chartink], ids=["strategies", "chartink"])
def module(request: pytest.FixtureRequest) -> Any:
    """Give each module in turn: what a test finds of one must hold of the other."""
    return request.param


def new_user(db: Database) -> int:
    number = next(numbers)
    return users.create(db, f"user{number}", f"user{number}@example.in").user_id


@pytest.fixture
def user_id(db: Database) -> int:
    return new_user(db)


def mapped(module: Any, *mappings: Mapping) -> list[Any]:
    """Return mappings in the words of a module."""
    if module is strategies:
        return list(mappings)
    return [ChartinkMapping(m.symbol, m.exchange, m.quantity, m.product_type) for m in mappings]


def found(module: Any, db: Database, webhook: Secret) -> Strategy[Any]:
    strategy = module.find_by_webhook(db, webhook)
    assert isinstance(strategy, Strategy), strategy
    return strategy


# Made and read ----------------------------------------------------------------------------------


def test_a_strategy_is_what_was_asked_for(db: Database, user_id: int) -> None:
    definition = {"legs": [{"side": "BUY", "size": 1.5}], "note": "é"}
    issued = strategies.create(
        db, user_id, "Breakout", platform="amibroker", trading_mode="BOTH", definition=definition,
        is_intraday=False, **TIMES, time_zone="Asia/Dubai",
    )  # fmt: skip
    made = issued.strategy

    assert (made.name, made.platform, made.trading_mode, made.definition) == (
        "Breakout", "amibroker", "BOTH", definition,
    )  # fmt: skip
    assert (made.start_time, made.end_time, made.squareoff_time) == tuple(TIMES.values())
    assert (made.time_zone, made.is_intraday, made.is_active) == ("Asia/Dubai", False, True)
    assert made.mappings == ()
    assert strategies.get(db, user_id, made.strategy_id) == made


def test_a_strategy_of_chartink_is_of_its_platform_and_mode(db: Database, user_id: int) -> None:
    made = chartink.create(db, user_id, "Scan", **TIMES).strategy

    assert (made.platform, made.trading_mode) == ("chartink", "BOTH")
    assert chartink.get(db, user_id, made.strategy_id) == made


def test_what_is_not_said_is_intraday_active_by_the_indian_clock_and_without_times(
    db: Database, module: Any, user_id: int
) -> None:
    made = module.create(db, user_id, "x").strategy

    assert (made.is_active, made.is_intraday, made.definition) == (True, True, {})
    assert (made.start_time, made.end_time, made.squareoff_time) == (None, None, None)
    assert made.time_zone == "Asia/Kolkata"


def test_an_alert_finds_its_strategy_and_the_symbols_it_may_name(
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


def test_chartink_calls_a_symbol_by_its_own_word(db: Database, user_id: int) -> None:
    issued = chartink.create(db, user_id, "x")
    mapping = ChartinkMapping("RELIANCE", "NSE", 10, "MIS")
    chartink.put_mappings(db, user_id, issued.strategy.strategy_id, [mapping])

    (read,) = found(chartink, db, issued.webhook).mappings
    assert (read.chartink_symbol, read) == ("RELIANCE", mapping)


def test_neither_module_reads_what_is_the_other_s(db: Database, user_id: int) -> None:
    made = {module: module.create(db, user_id, "x") for module in (strategies, chartink)}
    for mine, other in ((strategies, chartink), (chartink, strategies)):
        own, foreign = made[mine], made[other]
        assert mine.get(db, user_id, foreign.strategy.strategy_id) is None
        assert mine.find_by_webhook(db, foreign.webhook) is Refusal.UNKNOWN
        assert mine.list_by_user(db, user_id) == [own.strategy]
        assert mine.count_by_user(db, user_id) == 1


def test_a_platform_that_has_a_module_is_not_made_by_the_other(db: Database, user_id: int) -> None:
    with pytest.raises(ParameterError, match=r"use chartink\.create"):
        strategies.create(db, user_id, "x", platform="chartink")


def test_the_newest_comes_first_and_each_has_its_own_mappings(
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


def test_who_has_none_has_an_empty_list(db: Database, module: Any, user_id: int) -> None:
    assert module.list_by_user(db, user_id) == []
    assert module.count_by_user(db, user_id) == 0
    assert module.get(db, user_id, uuid4()) is None


async def test_for_asyncio_it_is_the_same(adb: AsyncDatabase) -> None:
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
def test_what_is_no_strategy_is_refused(
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
        {"time_zone": "IST"}, {"time_zone": "COM1"}, {"time_zone": ""},
        {"time_zone": "../etc/passwd"}, {"time_zone": "localtime"}, {"time_zone": "posixrules"},
        {"time_zone": "right/Asia/Kolkata"}, {"time_zone": "posix/UTC"}, {"time_zone": "Factory"},
        {"time_zone": None}, {"definition": {"a": float("nan")}}, {"definition": {1: 2}},
        {"definition": []},
        {"definition": {"a": "x" * 70_000}}, {"start_time": "09:15"},
        {"start_time": time.fromisoformat("09:15+05:30")}, {"is_intraday": None},
        {"is_intraday": 1}, {"name": None}, {"name": "a\0"},
    ],
    ids=lambda given: repr(given)[:40],
)  # fmt: skip
def test_what_cannot_be_sent_is_refused_by_a_typed_error(
    db: Database, module: Any, user_id: int, given: dict[str, Any]
) -> None:
    whole = {"name": "x", **given}
    with pytest.raises(ParameterError):
        module.create(db, user_id, **whole)

    assert module.list_by_user(db, user_id) == []


def test_the_modes_of_chartink_are_not_changed_behind_its_back(
    db: Database, observer: Observer, user_id: int
) -> None:
    chartink.create(db, user_id, "x")

    with pytest.raises(CheckViolation):
        observer.rows(
            "update oadb.strategies set trading_mode = 'LONG' where user_id = %s", user_id
        )
    with pytest.raises(CheckViolation):
        observer.rows("update oadb.strategies set definition = '[]' where user_id = %s", user_id)


def test_nobody_has_no_strategy(db: Database, module: Any) -> None:
    with pytest.raises(ForeignKeyViolation):
        module.create(db, 2**62, "x")


# Changed ----------------------------------------------------------------------------------------


def test_what_is_set_is_set_and_what_is_not_there_is_said(
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


def test_switching_twice_is_switching_once(db: Database, module: Any, user_id: int) -> None:
    issued = module.create(db, user_id, "x")
    strategy_id = issued.strategy.strategy_id
    for is_active in (False, False, True, True):
        assert module.set_active(db, user_id, strategy_id, is_active)
        assert module.get(db, user_id, strategy_id).is_active is is_active


def test_sixteen_toggles_at_once_leave_what_was_there_and_a_seventeenth_does_not(
    db: Database, module: Any, user_id: int
) -> None:
    strategy_id = module.create(db, user_id, "x").strategy.strategy_id
    with threads(8) as pool:
        states = list(pool.map(lambda _: module.toggle(db, user_id, strategy_id), range(16)))

    assert states.count(True) == states.count(False) == 8
    assert module.get(db, user_id, strategy_id).is_active
    assert module.toggle(db, user_id, strategy_id) is False
    assert module.toggle(db, user_id, uuid4()) is None


def test_what_changes_is_announced_and_what_does_not_is_not(
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


def test_nobody_changes_the_strategy_of_another(db: Database, module: Any, user_id: int) -> None:
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


def test_an_identity_sees_its_own_strategies_whatever_it_asks_for(
    db: Database, module: Any, user_id: int
) -> None:
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


# Mappings ---------------------------------------------------------------------------------------


def test_mappings_are_put_all_or_none(db: Database, module: Any, user_id: int) -> None:
    strategy_id = module.create(db, user_id, "x").strategy.strategy_id
    whole = mapped(module, *(Mapping(f"S{n}", "NSE", 1, "MIS") for n in range(500)))
    assert module.put_mappings(db, user_id, strategy_id, whole) == 500
    bad: Any
    for bad in (
        Mapping("A", "NSE", 0, "MIS"), Mapping("A", "NSE", -1, "MIS"), Mapping("", "NSE", 1, "MIS"),
        Mapping("x" * 201, "NSE", 1, "MIS"), Mapping("A", "", 1, "MIS"),
        Mapping("A", "NSE", 1, "X"), Mapping("A", "NSE", 1.5, "MIS"),
        Mapping("A", "NSE", True, "MIS"), Mapping("A", None, 1, "MIS"),
        Mapping("A\0", "NSE", 1, "MIS"), Mapping("A", "NSE", 2**63, "MIS"),
    ):  # fmt: skip
        changed = Mapping("S1", "BSE", 7, "CNC")
        with pytest.raises((ParameterError, psycopg.Error)):
            module.put_mappings(db, user_id, strategy_id, mapped(module, changed, bad))

    assert set(module.get(db, user_id, strategy_id).mappings) == set(whole)


def test_a_mapping_that_is_put_again_is_the_new_one(
    db: Database, module: Any, user_id: int
) -> None:
    strategy_id = module.create(db, user_id, "x").strategy.strategy_id
    module.put_mappings(db, user_id, strategy_id, mapped(module, TCS, RELIANCE))
    again = mapped(module, Mapping("TCS", "NSE", 1, "NRML"))

    assert module.put_mappings(db, user_id, strategy_id, again) == 1
    assert module.get(db, user_id, strategy_id).mappings == (*mapped(module, RELIANCE), *again)


def test_a_symbol_has_one_mapping(db: Database, module: Any, user_id: int) -> None:
    strategy_id = module.create(db, user_id, "x").strategy.strategy_id
    twice = mapped(module, TCS, RELIANCE, Mapping("TCS", "NSE", 1, "MIS"))
    with pytest.raises(ParameterError, match=r"mappings\[2\] has the symbol of one before it"):
        module.put_mappings(db, user_id, strategy_id, twice)

    assert module.get(db, user_id, strategy_id).mappings == ()


def test_mappings_are_deleted_by_their_symbols(db: Database, module: Any, user_id: int) -> None:
    strategy_id = module.create(db, user_id, "x").strategy.strategy_id
    module.put_mappings(db, user_id, strategy_id, mapped(module, TCS, RELIANCE))

    assert module.delete_mappings(db, user_id, strategy_id, ["TCS", "TCS", "WIPRO"]) == 1
    assert module.get(db, user_id, strategy_id).mappings == tuple(mapped(module, RELIANCE))


def test_what_changes_no_mapping_writes_nothing_and_tells_nobody(
    db: Database, url: str, module: Any, user_id: int
) -> None:
    strategy_id = module.create(db, user_id, "x").strategy.strategy_id
    module.put_mappings(db, user_id, strategy_id, mapped(module, TCS))
    before = module.get(db, user_id, strategy_id).updated_at

    def work() -> None:
        assert module.delete_mappings(db, user_id, strategy_id, ["WIPRO"]) == 0
        assert module.delete_mappings(db, user_id, strategy_id, []) == 0
        assert module.put_mappings(db, user_id, strategy_id, []) == 0
        assert module.put_mappings(db, user_id, UUID(int=1), []) is None, "no such strategy"
        assert module.delete_mappings(db, user_id, UUID(int=1), ["TCS"]) == 0

    assert heard(url, work) == []
    assert module.get(db, user_id, strategy_id).updated_at == before
    assert module.delete_mappings(db, user_id, strategy_id, ["TCS"]) == 1
    assert module.get(db, user_id, strategy_id).updated_at > before


@pytest.mark.parametrize(
    "given",
    [
        [None], ["TCS"], [("TCS", "NSE", 1, "MIS")], None, 7, "TCS", {},
        iter(()), [Mapping(["TCS"], "NSE", 1, "MIS")],  # type: ignore[arg-type]
    ],
    ids=lambda given: "iterator" if isinstance(given, Iterator) else repr(given),
)  # fmt: skip
def test_what_is_no_mapping_is_refused_by_its_place(
    db: Database, module: Any, user_id: int, given: Any
) -> None:
    strategy_id = module.create(db, user_id, "x").strategy.strategy_id
    with pytest.raises(ParameterError, match=r"put_mappings: mappings(\[0\](\.symbol)?)? must be "):
        module.put_mappings(db, user_id, strategy_id, given)


def test_a_mapping_of_the_other_module_is_refused(db: Database, user_id: int) -> None:
    strategy_id = chartink.create(db, user_id, "x").strategy.strategy_id
    given: Any = [TCS]
    with pytest.raises(ParameterError, match=r"mappings\[0\] must be ChartinkMapping, not Mapping"):
        chartink.put_mappings(db, user_id, strategy_id, given)


def test_a_repeated_symbol_is_found_in_one_pass(db: Database, user_id: int) -> None:
    """Each symbol is compared with none but itself: 20,000 of them would take minutes."""
    looked_at = 0

    class Symbol(str):
        __slots__ = ()

        def __eq__(self, other: object) -> bool:
            nonlocal looked_at
            looked_at += 1
            return str.__eq__(self, other)

        __hash__ = str.__hash__

    given = [Mapping(Symbol(f"S{n}"), "NSE", 1, "MIS") for n in range(2_000)]
    with pytest.raises(ParameterError, match=r"mappings\[2000\] has the symbol of one before it"):
        strategies.put_mappings(db, user_id, UUID(int=1), [*given, given[-1]])

    assert looked_at < 10_000


def test_many_who_put_and_delete_the_same_mappings_do_not_wait_for_each_other_for_ever(
    db: Database, module: Any, user_id: int
) -> None:
    strategy_id = module.create(db, user_id, "x").strategy.strategy_id
    given = [Mapping(f"S{n}", "NSE", 1, "MIS") for n in range(40)]
    symbols = [each.symbol for each in given]

    def work(number: int) -> int:
        order = -1 if number % 2 else 1
        if number % 4 < 2:
            return module.put_mappings(db, user_id, strategy_id, mapped(module, *given[::order]))
        return module.delete_mappings(db, user_id, strategy_id, symbols[::order])

    with threads(8) as pool:
        assert set(pool.map(work, range(32))) <= {0, 40}
    module.put_mappings(db, user_id, strategy_id, mapped(module, *given))
    assert len(module.get(db, user_id, strategy_id).mappings) == 40


# Webhooks ---------------------------------------------------------------------------------------


def test_unknown_inactive_revoked_and_unavailable_are_four_answers(
    db: Database, module: Any, user_id: int, caplog: pytest.LogCaptureFixture
) -> None:
    issued = module.create(db, user_id, "x")
    strategy_id = issued.strategy.strategy_id

    assert module.find_by_webhook(db, webhooks.TOKEN.new()) is Refusal.UNKNOWN
    module.set_active(db, user_id, strategy_id, is_active=False)
    assert module.find_by_webhook(db, issued.webhook) is Refusal.INACTIVE
    webhooks.revoke(db, user_id, strategy_id)
    assert module.find_by_webhook(db, issued.webhook) is Refusal.REVOKED
    with pytest.raises(UnavailableError):
        module.find_by_webhook(unreachable(), issued.webhook)
    caplog.clear()


@pytest.mark.parametrize(
    "change",
    [
        pytest.param(lambda text: text[:0], id="empty"),
        pytest.param(lambda text: text[:-1], id="cut"),
        pytest.param(lambda text: text + "0", id="longer"),
        pytest.param(lambda text: "oak" + text[3:], id="of another kind"),
        pytest.param(lambda text: text[:4] + text[4:].swapcase(), id="typo"),
        pytest.param(lambda text: text[:-1] + "\0", id="nul"),
        pytest.param(lambda text: text[:-1] + "\ud800", id="surrogate"),
        pytest.param(lambda text: text * 20_000, id="a megabyte"),
    ],
)
def test_what_cannot_be_a_webhook_costs_no_query(module: Any, change: Callable[[str], str]) -> None:
    text = change(webhooks.TOKEN.new().reveal())

    assert module.find_by_webhook(unreachable(), Secret(text)) is Refusal.UNKNOWN


def test_guesses_find_nothing_whatever_they_share_with_a_webhook(
    db: Database, module: Any, user_id: int
) -> None:
    """A checksum is no secret: who guesses computes it."""
    text = module.create(db, user_id, "x").webhook.reveal()
    kind = webhooks.TOKEN
    guesses = [kind.new() for _ in range(50)]
    for place in range(4, 47):
        body = text[:place] + ("A" if text[place] != "A" else "B") + text[place + 1 : 47]
        guesses.append(Secret(body + tokens._checksum(body)))

    assert all(kind.is_wellformed(guess) for guess in guesses)
    assert {module.find_by_webhook(db, guess) for guess in guesses} == {Refusal.UNKNOWN}


def test_a_rotated_webhook_is_another_and_the_old_one_is_unknown_at_once(
    db: Database, module: Any, user_id: int
) -> None:
    issued = module.create(db, user_id, "x")
    strategy_id = issued.strategy.strategy_id
    module.put_mappings(db, user_id, strategy_id, mapped(module, TCS))
    webhook = webhooks.rotate(db, user_id, strategy_id)

    assert webhook is not None
    assert module.find_by_webhook(db, issued.webhook) is Refusal.UNKNOWN
    strategy = found(module, db, webhook)
    assert strategy.mappings == tuple(mapped(module, TCS))
    text = webhook.reveal()
    assert strategy.webhook_hint == f"{text[:8]}...{text[-4:]}" != issued.strategy.webhook_hint


def test_a_revoked_webhook_stays_so_until_it_is_rotated(
    db: Database, module: Any, user_id: int
) -> None:
    issued = module.create(db, user_id, "x")
    strategy_id = issued.strategy.strategy_id

    assert webhooks.revoke(db, user_id, strategy_id)
    revoked_at = module.get(db, user_id, strategy_id).webhook_revoked_at
    assert not webhooks.revoke(db, user_id, strategy_id)
    assert module.get(db, user_id, strategy_id).webhook_revoked_at == revoked_at is not None
    module.set_active(db, user_id, strategy_id, is_active=True)
    assert module.find_by_webhook(db, issued.webhook) is Refusal.REVOKED
    webhook = webhooks.rotate(db, user_id, strategy_id)
    assert webhook is not None
    assert found(module, db, webhook).webhook_revoked_at is None
    assert module.find_by_webhook(db, issued.webhook) is Refusal.UNKNOWN


def test_of_sixteen_that_revoke_at_once_one_did(db: Database, module: Any, user_id: int) -> None:
    strategy_id = module.create(db, user_id, "x").strategy.strategy_id
    with threads(8) as pool:
        revoked = list(pool.map(lambda _: webhooks.revoke(db, user_id, strategy_id), range(16)))

    assert revoked.count(True) == 1


def test_a_webhook_that_was_copied_to_another_strategy_leads_nowhere(
    db: Database, observer: Observer, module: Any, user_id: int
) -> None:
    """Who can write to the database cannot have the alerts of one strategy trade another."""
    mine, other = module.create(db, user_id, "mine"), module.create(db, new_user(db), "other")
    observer.rows(
        "update oadb.strategies set token_digest = mine.token_digest, "
        "fingerprint = mine.fingerprint from oadb.strategies as mine "
        "where strategies.strategy_id = %s and mine.strategy_id = %s",
        other.strategy.strategy_id,
        mine.strategy.strategy_id,
    )
    observer.rows("delete from oadb.strategies where strategy_id = %s", mine.strategy.strategy_id)

    assert module.find_by_webhook(db, mine.webhook) is Refusal.UNKNOWN


def test_a_webhook_shows_nowhere(
    db: Database, observer: Observer, module: Any, user_id: int, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    issued = module.create(db, user_id, "x")
    strategy_id = issued.strategy.strategy_id
    rotated = webhooks.rotate(db, user_id, strategy_id)
    assert rotated is not None
    said = [repr(issued), str(issued), f"{issued}", repr(found(module, db, rotated))]
    row = strategies._find_by_digest(db, webhooks.TOKEN.digests(RING, sha256_of(rotated))[0])
    assert row is not None
    said.append(repr(row))
    wrong: list[Callable[[], object]] = [
        lambda: module.find_by_webhook(unreachable(), rotated),
        lambda: module.get(db, user_id, rotated),
        lambda: module.rename(db, rotated, strategy_id, "x"),
        lambda: strategies._find_by_digest(db, rotated),
    ]
    for use in wrong:
        with pytest.raises((ParameterError, UnavailableError)) as refused:
            use()
        said.append("".join(traceback.format_exception(refused.value)))
    said += [record.getMessage() for record in caplog.records]
    said += [text for (text,) in observer.rows("select s::text from oadb.strategies as s")]
    caplog.clear()

    for webhook in (issued.webhook, rotated):
        text = webhook.reveal()
        for secret in (text, text[8:-4], text.encode().hex(), sha256_of(webhook).hex()):
            assert [each for each in said if secret in each] == []


def test_one_index_scan_for_each_table_finds_a_strategy_among_ten_thousand(
    db: Database, observer: Observer, url: str, user_id: int
) -> None:
    issued = strategies.create(db, user_id, "x")
    strategies.put_mappings(db, user_id, issued.strategy.strategy_id, [TCS, RELIANCE])
    observer.rows(
        "insert into oadb.strategies (user_id, strategy_id, name, platform, trading_mode, "
        "definition, is_intraday, time_zone, webhook_hint, token_digest, fingerprint) "
        "select user_id, gen_random_uuid(), 'bulk', platform, trading_mode, definition, "
        "is_intraday, time_zone, 'x', sha256(n::text::bytea), fingerprint "
        "from oadb.strategies, generate_series(1, 10000) as n where user_id = %s",
        user_id,
    )
    observer.rows(
        "insert into oadb.strategy_mappings select user_id, strategy_id, 'S' || n, 'NSE', 1, 'MIS' "
        "from oadb.strategies, generate_series(1, 3) as n where name = 'bulk'"
    )
    observer.rows("analyze oadb.strategies, oadb.strategy_mappings")
    (digest,) = webhooks.TOKEN.digests(RING, sha256_of(issued.webhook))
    shown = f"'\\x{digest.hex()}'::bytea"
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(b"prepare lookup as " + strategies._find_by_digest.sql)
        for _ in range(8):  # from the sixth on, the server may settle for a plan
            connection.execute(f"execute lookup ({shown})".encode())
        row = connection.execute(
            f"explain (analyze, format json) execute lookup ({shown})".encode()
        ).fetchone()
    observer.rows("delete from oadb.strategies where name = 'bulk'")
    assert row is not None
    scans = [*scanned(row[0][0]["Plan"])]

    assert [scan["Index Name"] for scan in scans] == [
        "strategies_token_digest_idx", "strategy_mappings_pkey",
    ]  # fmt: skip
    assert [(scan["Actual Rows"], scan["Actual Loops"]) for scan in scans] == [(1, 1), (2, 1)]


def scanned(plan: dict[str, Any]) -> Generator[dict[str, Any]]:
    """Yield the nodes of a plan that read a table, and those that read an index for a bitmap."""
    if "Relation Name" in plan or "Index Name" in plan:
        yield plan
    for part in plan.get("Plans", ()):
        yield from scanned(part)
