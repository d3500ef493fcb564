"""Strategies are imported with their mappings, and their webhooks keep working."""

from dataclasses import replace
from datetime import time

import pytest

from oadb import Config, Database, Secret
from oadb.accounts import users
from oadb.keys import proof
from oadb.security.keyring import Key, KeyRing
from oadb.security.refusals import Refusal
from oadb.trading import chartink, strategies
from oadb.trading.strategies import Strategy, SymbolMapping
from tests.conftest import RING
from tests.importing.openalgo import SCAN, WEBHOOK, Installation
from tests.importing.running import run_import, text_of
from tests.support.roots import some_root

pytestmark = [pytest.mark.changes_rows, pytest.mark.long("imports an installation each time")]

STRATEGY = {
    "name": "Momentum",
    "webhook_id": WEBHOOK,
    "user_id": "Asha",
    "trading_mode": "BOTH",
    "start_time": "09:20",
    "end_time": "15:00",
    "squareoff_time": "15:15",
}
MAPPING = {"strategy_id": 1, "exchange": "NSE", "quantity": 5, "product_type": "MIS"}


@pytest.fixture
def trading(origin: Installation) -> Installation:
    origin.add_asha()
    origin.add("strategies", STRATEGY)
    origin.add(
        "strategy_symbol_mappings", {**MAPPING, "symbol": "SBIN"}, {**MAPPING, "symbol": "TCS"}
    )
    origin.add("chartink_strategies", {"name": "Scan", "webhook_id": SCAN, "user_id": "asha"})
    origin.add("chartink_symbol_mappings", {**MAPPING, "chartink_symbol": "INFY"})
    return origin


def test_webhooks_keep_finding_their_strategies(db: Database, trading: Installation) -> None:
    dry = run_import(db, trading, applies=False)
    reports = run_import(db, trading)
    found = strategies.verify_webhook(db, Secret(WEBHOOK))
    scan = chartink.verify_webhook(db, Secret(SCAN))

    assert text_of(dry) == text_of(reports)
    assert isinstance(found, Strategy)
    assert isinstance(scan, Strategy)
    assert (found.name, found.platform, found.direction) == ("Momentum", "tradingview", "BOTH")
    assert (found.start_time, found.squareoff_time) == (time(9, 20), time(15, 15))
    assert found.mappings == (
        SymbolMapping("SBIN", "NSE", 5, "MIS"),
        SymbolMapping("TCS", "NSE", 5, "MIS"),
    )
    assert [mapping.chartink_symbol for mapping in scan.mappings] == ["INFY"]
    assert strategies.verify_webhook(db, Secret(WEBHOOK[:-1] + "9")) is Refusal.UNKNOWN
    assert WEBHOOK[4:-4] not in str(strategies.list_by_user(db, found.user_id).rows)


def test_changes_of_a_strategy_in_oadb_are_not_undone(db: Database, trading: Installation) -> None:
    run_import(db, trading)
    found = strategies.verify_webhook(db, Secret(WEBHOOK))
    assert isinstance(found, Strategy)
    strategies.set_active(db, found.user_id, found.strategy_id, is_active=False)
    strategies.delete_mappings(db, found.user_id, found.strategy_id, ["SBIN"])
    reports = run_import(db, trading)

    assert strategies.verify_webhook(db, Secret(WEBHOOK)) is Refusal.INACTIVE
    (listed,) = strategies.list_by_user(db, found.user_id)
    assert [mapping.symbol for mapping in listed.mappings] == ["TCS"]
    assert (reports["strategies"].written, reports["strategies"].existing) == (0, 1)


UNFIT = {
    "its webhook is not a UUID as OpenAlgo makes them": {"webhook_id": "x"},
    "its user was not imported": {"user_id": "nobody"},
    "trading_mode is not one of LONG, SHORT, BOTH": {"trading_mode": "UP"},
    "start_time is not a time such as 09:15": {"start_time": "9h20"},
    "end_time is not a time such as 09:15": {"end_time": "25:00"},
    "strategies_end_time_check refuses it": {"end_time": "09:00"},
    "strategies_platform_check refuses it": {"platform": "Trading View"},
    "is_active is neither true nor false": {"is_active": "perhaps"},
    "name is blank": {"name": " "},
}


def test_invalid_strategies_are_left_out(db: Database, origin: Installation) -> None:
    origin.add_asha()
    for number, change in enumerate(UNFIT.values()):
        webhook = f"{WEBHOOK[:-2]}{number:02}"
        origin.add("strategies", {**STRATEGY, "webhook_id": webhook, **change})
    reports = run_import(db, origin)

    assert [*reports["strategies"].left_out_ids()] == [*UNFIT]
    user = users.find_by_username(db, "asha")
    assert user is not None
    assert not strategies.list_by_user(db, user.user_id)


@pytest.mark.parametrize(
    "change",
    [{"product_type": "X"}, {"quantity": 0}, {"quantity": "x"}, {"symbol": " "}],
)
def test_a_strategy_comes_with_all_its_mappings_or_not_at_all(
    db: Database, trading: Installation, change: dict[str, object]
) -> None:
    trading.change("strategy_symbol_mappings", 2, **change)
    reports = run_import(db, trading)

    assert strategies.verify_webhook(db, Secret(WEBHOOK)) is Refusal.UNKNOWN
    assert (reports["strategies"].written, reports["strategies"].left_out) == (0, 1)


def test_of_two_mappings_of_a_symbol_the_first_counts_and_the_report_says_so(
    db: Database, trading: Installation
) -> None:
    trading.change("strategy_symbol_mappings", 2, symbol="SBIN", quantity=7)
    reports = run_import(db, trading)
    found = strategies.verify_webhook(db, Secret(WEBHOOK))

    assert isinstance(found, Strategy)
    assert found.mappings == (SymbolMapping("SBIN", "NSE", 5, "MIS"),)
    assert "it has several mappings of SBIN: the first one counts (id 1)" in text_of(reports)


def test_a_strategy_that_may_be_inactive_is_switched_off(
    db: Database, trading: Installation
) -> None:
    trading.change("strategies", 1, is_active=None)
    reports = run_import(db, trading)

    assert strategies.verify_webhook(db, Secret(WEBHOOK)) is Refusal.INACTIVE
    assert "is switched off" in text_of(reports)
    assert "is switched off" not in text_of(run_import(db, trading))


@pytest.mark.parametrize(("given", "expected"), [("9:20", time(9, 20)), ("9:5", time(9, 5))])
def test_a_time_is_read_as_openalgo_reads_it(
    db: Database, trading: Installation, given: str, expected: time
) -> None:
    trading.change("strategies", 1, start_time=given)
    run_import(db, trading)
    found = strategies.verify_webhook(db, Secret(WEBHOOK))

    assert isinstance(found, Strategy)
    assert found.start_time == expected


OTHER = f"{WEBHOOK[:-1]}9"


def test_a_mapping_without_a_strategy_does_not_affect_the_others(
    db: Database, trading: Installation
) -> None:
    trading.add("strategies", {**STRATEGY, "name": "Other", "webhook_id": OTHER})
    trading.add(
        "strategy_symbol_mappings",
        {**MAPPING, "strategy_id": 2, "symbol": "HDFC"},
        {**MAPPING, "strategy_id": "x", "symbol": "BAD"},
        {**MAPPING, "strategy_id": 2, "symbol": "WIPRO"},
    )
    reports = run_import(db, trading)
    found = [strategies.verify_webhook(db, Secret(each)) for each in (WEBHOOK, OTHER)]

    assert [
        [mapping.symbol for mapping in each.mappings]
        for each in found
        if isinstance(each, Strategy)
    ] == [["SBIN", "TCS"], ["HDFC", "WIPRO"]]
    assert reports["strategies"].differs
    assert reports["strategies"].remarks == [
        "1 rows of strategy_symbol_mappings are left out: they belong to no strategy"
    ]


def test_a_webhook_leads_to_one_strategy(db: Database, trading: Installation) -> None:
    run_import(db, trading)
    before = strategies.verify_webhook(db, Secret(WEBHOOK))
    reports = run_import(db, trading, installation="the same again")

    assert isinstance(before, Strategy)
    assert strategies.verify_webhook(db, Secret(WEBHOOK)) == before
    assert [*reports["strategies"].left_out_ids()] == [
        "its webhook is that of another strategy in oadb"
    ]
    assert isinstance(chartink.verify_webhook(db, Secret(SCAN)), Strategy)


def test_keys_and_webhooks_are_recognised_under_another_root_key(
    db: Database, config: Config, trading: Installation
) -> None:
    run_import(db, trading)
    added = Key(2, "decrypt-only", RING.primary.created, some_root(2))
    with Database(replace(config, keyring=KeyRing([RING.primary, added]))) as other:
        proof.admit(other, 2)
    ring = KeyRing([RING.primary, added]).with_primary(2)
    with Database(replace(config, keyring=ring)) as after:
        reports = run_import(after, trading)
        again = run_import(after, trading, installation="the same again")

    tables = ("api_keys", "strategies", "chartink_strategies")
    assert [(reports[each].written, reports[each].existing) for each in tables] == [(0, 1)] * 3
    assert [again[each].written for each in tables] == [0] * 3
    assert again["strategies"].left_out == 1


def test_a_strategy_with_the_id_of_a_deleted_one_replaces_it(
    db: Database, trading: Installation
) -> None:
    run_import(db, trading)
    trading.change("strategies", 1, name="Other", webhook_id=OTHER)
    reports = run_import(db, trading)
    found = strategies.verify_webhook(db, Secret(OTHER))

    assert isinstance(found, Strategy)
    assert found.name == "Other"
    assert strategies.verify_webhook(db, Secret(WEBHOOK)) is Refusal.UNKNOWN
    assert "! 1 changed in OpenAlgo, written: webhook_id (id 1)" in text_of(reports)
