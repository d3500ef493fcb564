"""Strategies of OpenAlgo: whoever alerts needs no new address."""

from dataclasses import replace
from datetime import time

import pytest

from oadb import Config, Database, Secret
from oadb.accounts import users
from oadb.keys import proof
from oadb.security.keyring import Key, KeyRing
from oadb.security.refusals import Refusal
from oadb.trading import chartink, strategies
from oadb.trading.strategies import Strategy
from oadb.trading.strategy_changes import Mapping
from tests.conftest import RING
from tests.importing.openalgo import SCAN, WEBHOOK, Installation
from tests.importing.running import bring, told

STRATEGY = {
    "name": "Momentum", "webhook_id": WEBHOOK, "user_id": "Asha", "trading_mode": "BOTH",
    "start_time": "09:20", "end_time": "15:00", "squareoff_time": "15:15",
}  # fmt: skip
MAPPING = {"strategy_id": 1, "exchange": "NSE", "quantity": 5, "product_type": "MIS"}


@pytest.fixture
def trading(there: Installation) -> Installation:
    there.add_asha()
    there.add("strategies", STRATEGY)
    there.add(
        "strategy_symbol_mappings", {**MAPPING, "symbol": "SBIN"}, {**MAPPING, "symbol": "TCS"}
    )
    there.add("chartink_strategies", {"name": "Scan", "webhook_id": SCAN, "user_id": "asha"})
    there.add("chartink_symbol_mappings", {**MAPPING, "chartink_symbol": "INFY"})
    return there


def test_webhooks_go_on_finding_their_strategies(db: Database, trading: Installation) -> None:
    dry = bring(db, trading, applies=False)
    reports = bring(db, trading)
    found = strategies.find_by_webhook(db, Secret(WEBHOOK))
    scan = chartink.find_by_webhook(db, Secret(SCAN))

    assert told(dry) == told(reports)
    assert isinstance(found, Strategy)
    assert isinstance(scan, Strategy)
    assert (found.name, found.platform, found.trading_mode) == ("Momentum", "tradingview", "BOTH")
    assert (found.start_time, found.squareoff_time) == (time(9, 20), time(15, 15))
    assert found.mappings == (Mapping("SBIN", "NSE", 5, "MIS"), Mapping("TCS", "NSE", 5, "MIS"))
    assert [mapping.chartink_symbol for mapping in scan.mappings] == ["INFY"]
    assert strategies.find_by_webhook(db, Secret(WEBHOOK[:-1] + "9")) is Refusal.UNKNOWN
    assert WEBHOOK[4:-4] not in str(strategies.list_by_user(db, found.user_id))


def test_what_became_of_a_strategy_here_is_not_undone(db: Database, trading: Installation) -> None:
    bring(db, trading)
    found = strategies.find_by_webhook(db, Secret(WEBHOOK))
    assert isinstance(found, Strategy)
    strategies.set_active(db, found.user_id, found.strategy_id, False)
    strategies.delete_mappings(db, found.user_id, found.strategy_id, ["SBIN"])
    reports = bring(db, trading)

    assert strategies.find_by_webhook(db, Secret(WEBHOOK)) is Refusal.INACTIVE
    (listed,) = strategies.list_by_user(db, found.user_id)
    assert [mapping.symbol for mapping in listed.mappings] == ["TCS"]
    assert (reports["strategies"].written, reports["strategies"].there) == (0, 1)


UNFIT = {
    "its webhook is no UUID as OpenAlgo makes them": {"webhook_id": "x"},
    "its user was not brought over": {"user_id": "nobody"},
    "trading_mode is none of LONG, SHORT, BOTH": {"trading_mode": "UP"},
    "start_time is no time such as 09:15": {"start_time": "9h20"},
    "end_time is no time such as 09:15": {"end_time": "25:00"},
    "strategies_end_time_check refuses it": {"end_time": "09:00"},
    "strategies_platform_check refuses it": {"platform": "Trading View"},
    "is_active is neither true nor false": {"is_active": "perhaps"},
}


def test_strategies_that_are_none_are_left_out(db: Database, there: Installation) -> None:
    there.add_asha()
    for number, change in enumerate(UNFIT.values()):
        webhook = f"{WEBHOOK[:-2]}{number:02}"
        there.add("strategies", {**STRATEGY, "webhook_id": webhook, **change})
    reports = bring(db, there)

    assert [*reports["strategies"].left_out_ids()] == [*UNFIT]
    user = users.find_by_username(db, "asha")
    assert user is not None
    assert strategies.list_by_user(db, user.user_id) == []


@pytest.mark.parametrize(
    "change", [{"product_type": "X"}, {"quantity": 0}, {"quantity": "x"}, {"symbol": "SBIN"}]
)
def test_a_strategy_comes_with_all_its_mappings_or_not_at_all(
    db: Database, trading: Installation, change: dict[str, object]
) -> None:
    trading.change("strategy_symbol_mappings", 2, **change)
    reports = bring(db, trading)

    assert strategies.find_by_webhook(db, Secret(WEBHOOK)) is Refusal.UNKNOWN
    assert (reports["strategies"].written, reports["strategies"].left_out) == (0, 1)


def test_a_strategy_that_may_be_switched_off_is(db: Database, trading: Installation) -> None:
    trading.change("strategies", 1, is_active=None)
    reports = bring(db, trading)

    assert strategies.find_by_webhook(db, Secret(WEBHOOK)) is Refusal.INACTIVE
    assert "is switched off" in told(reports)
    assert "is switched off" not in told(bring(db, trading))


OTHER = f"{WEBHOOK[:-1]}9"


def test_a_mapping_of_no_strategy_takes_none_from_the_others(
    db: Database, trading: Installation
) -> None:
    trading.add("strategies", {**STRATEGY, "name": "Other", "webhook_id": OTHER})
    trading.add(
        "strategy_symbol_mappings",
        {**MAPPING, "strategy_id": 2, "symbol": "HDFC"},
        {**MAPPING, "strategy_id": "x", "symbol": "BAD"},
        {**MAPPING, "strategy_id": 2, "symbol": "WIPRO"},
    )
    reports = bring(db, trading)
    found = [strategies.find_by_webhook(db, Secret(each)) for each in (WEBHOOK, OTHER)]

    assert [
        [mapping.symbol for mapping in each.mappings]
        for each in found
        if isinstance(each, Strategy)
    ] == [["SBIN", "TCS"], ["HDFC", "WIPRO"]]
    assert reports["strategies"].remarks == [
        "1 rows of strategy_symbol_mappings are left out: they name no strategy"
    ]


def test_a_webhook_leads_to_one_strategy(db: Database, trading: Installation) -> None:
    bring(db, trading)
    before = strategies.find_by_webhook(db, Secret(WEBHOOK))
    reports = bring(db, trading, installation="the same again")

    assert isinstance(before, Strategy)
    assert strategies.find_by_webhook(db, Secret(WEBHOOK)) == before
    assert [*reports["strategies"].left_out_ids()] == [
        "its webhook is that of another strategy here"
    ]
    assert isinstance(chartink.find_by_webhook(db, Secret(SCAN)), Strategy)


def test_keys_and_webhooks_are_known_again_under_another_root_key(
    db: Database, config: Config, trading: Installation
) -> None:
    bring(db, trading)
    added = Key(2, "decrypt-only", RING.primary.created, bytes(range(32)))
    with Database(replace(config, keyring=KeyRing([RING.primary, added]))) as other:
        proof.admit(other, 2)
    ring = KeyRing([RING.primary, added]).with_primary(2)
    with Database(replace(config, keyring=ring)) as after:
        reports = bring(after, trading)
        again = bring(after, trading, installation="the same again")

    tables = ("api_keys", "strategies", "chartink_strategies")
    assert [(reports[each].written, reports[each].there) for each in tables] == [(0, 1)] * 3
    assert [again[each].written for each in tables] == [0] * 3
    assert again["strategies"].left_out == 1


def test_a_strategy_that_has_the_id_of_one_that_was_deleted_there_is_told(
    db: Database, trading: Installation
) -> None:
    bring(db, trading)
    trading.change("strategies", 1, name="Other", webhook_id=OTHER)
    reports = bring(db, trading)

    assert strategies.find_by_webhook(db, Secret(OTHER)) is Refusal.UNKNOWN
    assert (reports["strategies"].there, reports["strategies"].left_out) == (0, 1)
    assert "an older one was brought over in its place" in told(reports)
