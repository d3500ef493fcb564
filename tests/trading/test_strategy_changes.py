"""Changes of strategies, the same through both modules: what is stored, announced and refused."""

from collections.abc import Callable
from dataclasses import replace
from datetime import time
from typing import Any
from uuid import UUID, uuid4

import psycopg
import pytest
from psycopg.errors import CheckViolation

from oadb import UNSET, Database
from oadb.changes.announcements import Change
from oadb.errors import ParameterError
from oadb.trading import webhooks
from tests.support.notifications import heard
from tests.support.rig import Observer, eventually, threads
from tests.support.trading import RELIANCE, TCS, TIMES, db, found, mapped, module, new_user, user_id

__all__ = ["db", "module", "user_id"]


def test_each_change_is_stored_and_a_missing_strategy_is_reported(
    db: Database, module: Any, user_id: int
) -> None:
    issued = module.create(db, user_id, "old", **TIMES)
    strategy_id, unknown = issued.strategy.strategy_id, uuid4()
    changes: list[Callable[[Any], bool]] = [
        lambda each: module.rename(db, user_id, each, "new"),
        lambda each: module.set_definition(db, user_id, each, {"a": [1]}),
        lambda each: module.update(
            db, user_id, each, start_time=time(10), end_time=None, squareoff_time=None
        ),
        lambda each: module.update(db, user_id, each, time_zone="UTC"),
        lambda each: module.set_active(db, user_id, each, is_active=True),
    ]

    assert [change(strategy_id) for change in changes] == [True] * 5
    assert [change(unknown) for change in changes] == [False] * 5
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
        lambda: module.update(db, user_id, strategy_id, start_time=time(15), end_time=time(9)),
        lambda: module.update(db, user_id, strategy_id, end_time=time(9)),
        lambda: module.update(db, user_id, strategy_id, end_time=None, time_zone="Nowhere"),
        lambda: module.set_active(db, user_id, strategy_id, is_active=None),
    ]
    for change in refused:
        with pytest.raises((ParameterError, CheckViolation)):
            change()

    assert module.get(db, user_id, strategy_id) == made


def test_set_active_may_be_repeated(db: Database, module: Any, user_id: int) -> None:
    issued = module.create(db, user_id, "x")
    strategy_id = issued.strategy.strategy_id
    for is_active in (False, False, True, True):
        assert module.set_active(db, user_id, strategy_id, is_active=is_active)
        assert module.get(db, user_id, strategy_id).is_active is is_active


def test_changes_are_announced_and_calls_that_change_nothing_are_not(
    db: Database, url: str, module: Any, user_id: int
) -> None:
    made: list[Any] = []

    def work() -> None:
        made.append(module.create(db, user_id, "x").strategy.strategy_id)
        for each in (made[0], uuid4()):
            module.set_active(db, user_id, each, is_active=False)
            module.update(db, user_id, each, start_time=time(9))
            module.update(db, user_id, each, start_time=time(9))
            module.update(db, user_id, each)
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

    assert heard(url, work) == [Change("strategies", user_id, str(made[0]))] * 10


def test_a_user_cannot_change_the_strategy_of_another(
    db: Database, module: Any, user_id: int
) -> None:
    issued, other = module.create(db, user_id, "x"), new_user(db)
    strategy_id = issued.strategy.strategy_id
    module.put_mappings(db, user_id, strategy_id, mapped(module, TCS))
    before = found(module, db, issued.webhook)

    assert module.get(db, other, strategy_id) is None
    assert not module.set_active(db, other, strategy_id, is_active=False)
    assert not module.update(db, other, strategy_id, start_time=time(9))
    assert not module.rename(db, other, strategy_id, "y")
    assert not module.set_definition(db, other, strategy_id, {"a": 1})
    assert module.put_mappings(db, other, strategy_id, mapped(module, RELIANCE)) is None
    assert module.delete_mappings(db, other, strategy_id, ["TCS"]) == 0
    assert webhooks.rotate(db, other, strategy_id) is None
    assert not webhooks.revoke(db, other, strategy_id)
    assert not module.delete(db, other, strategy_id)
    assert found(module, db, issued.webhook) == before


# Partial updates ---------------------------------------------------------------------------------


def times(module: Any, db: Database, user_id: int, strategy_id: UUID) -> tuple[time | None, ...]:
    """Return start, end and square-off of a strategy."""
    now = module.get(db, user_id, strategy_id)
    return now.start_time, now.end_time, now.squareoff_time


def test_times_that_are_not_given_stay_and_none_removes_one(
    db: Database, module: Any, user_id: int
) -> None:
    made = module.create(db, user_id, "x", **TIMES, time_zone="Asia/Dubai").strategy
    strategy_id = made.strategy_id
    start, end, squareoff = TIMES.values()

    assert module.update(db, user_id, strategy_id, start_time=None)
    assert times(module, db, user_id, strategy_id) == (None, end, squareoff)
    assert module.update(db, user_id, strategy_id, end_time=None, start_time=start)
    assert times(module, db, user_id, strategy_id) == (start, None, squareoff)
    assert module.update(db, user_id, strategy_id, squareoff_time=time(16), end_time=UNSET)
    assert times(module, db, user_id, strategy_id) == (start, None, time(16))
    assert module.update(db, user_id, strategy_id, end_time=end, squareoff_time=None)
    assert times(module, db, user_id, strategy_id) == (start, end, None)
    assert module.get(db, user_id, strategy_id).time_zone == "Asia/Dubai"
    assert module.update(db, user_id, strategy_id, time_zone="UTC")
    assert times(module, db, user_id, strategy_id) == (start, end, None)
    assert module.get(db, user_id, strategy_id).time_zone == "UTC"


@pytest.mark.parametrize("name", [*TIMES])
def test_a_single_time_is_removed_and_set_again(
    db: Database, module: Any, user_id: int, name: str
) -> None:
    made = module.create(db, user_id, "x", **TIMES).strategy

    assert module.update(db, user_id, made.strategy_id, **{name: None})
    without = module.get(db, user_id, made.strategy_id)
    assert without == replace(made, **{name: None}, updated_at=without.updated_at)
    assert module.update(db, user_id, made.strategy_id, **{name: TIMES[name]})
    assert times(module, db, user_id, made.strategy_id) == tuple(TIMES.values())


def test_an_update_that_changes_nothing_says_so_and_writes_nothing(
    db: Database, module: Any, user_id: int
) -> None:
    made = module.create(db, user_id, "x", **{**TIMES, "end_time": None}).strategy
    same: list[dict[str, Any]] = [
        {},
        {"end_time": None},
        {"time_zone": "Asia/Kolkata"},
        {"start_time": TIMES["start_time"], "squareoff_time": TIMES["squareoff_time"]},
    ]

    assert [module.update(db, user_id, made.strategy_id, **given) for given in same] == [False] * 4
    assert module.get(db, user_id, made.strategy_id) == made


@pytest.mark.parametrize("constraint", ["end_time", "squareoff_time"])
def test_a_time_that_does_not_fit_the_stored_ones_is_refused(
    db: Database, module: Any, user_id: int, constraint: str
) -> None:
    strategy_id = module.create(db, user_id, "x", **TIMES).strategy.strategy_id
    with pytest.raises(CheckViolation) as refused:
        module.update(db, user_id, strategy_id, **{constraint: time(9)})

    assert refused.value.diag.constraint_name == f"strategies_{constraint}_check"


def test_of_two_updates_at_once_of_different_times_none_is_lost(
    db: Database, url: str, observer: Observer, module: Any, user_id: int
) -> None:
    strategy_id = module.create(db, user_id, "x", **TIMES).strategy.strategy_id
    with threads(1) as pool, psycopg.connect(url) as other:
        other.execute(
            "update oadb.strategies set start_time = '09:30', time_zone = 'UTC' "
            "where strategy_id = %s",
            [strategy_id],
        )
        updating = pool.submit(module.update, db, user_id, strategy_id, squareoff_time=None)
        eventually(lambda: observer.running("strategy_changes._update"))
        other.commit()

        assert updating.result()
    assert times(module, db, user_id, strategy_id) == (time(9, 30), TIMES["end_time"], None)
    assert module.get(db, user_id, strategy_id).time_zone == "UTC"
