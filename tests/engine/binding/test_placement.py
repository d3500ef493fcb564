"""Where a statement may run: on any replica, or on the primary alone."""

import pytest

from oadb.engine.binding.effects import misplacement
from oadb.engine.binding.operations import Operation
from oadb.engine.binding.statements import parse
from oadb.engine.reads.placing import first_misplaced
from tests.support import declared

ROOMS = ("accounts", "bans", "logs", "market", "settings", "trading")
SUBJECTS = tuple(f"oadb.{room}." for room in ROOMS)


@pytest.mark.parametrize(
    ("sql", "reason"),
    [
        ("select 1", ""),
        ("with one as (select 1) select * from one", ""),
        ("copy (select 1) to stdout", ""),
        ("select pg_catalog.set_config('oadb.brokers', '', true)", ""),
        ("copy oadb.users (username) from stdin", "it writes"),
        ("insert into oadb.users (username) values ('a')", "it writes"),
        ("select nextval('oadb.numbers')", "it writes"),
        ("copy (delete from oadb.users returning 1) to stdout", "it writes"),
        ("select 1 from oadb.users for update", "it writes"),
        ("select 1 from oadb.users for key share", "it locks rows"),
        ("select 1 from oadb.users for share", "it locks rows"),
        ("call oadb.work()", "it writes"),
    ],
)
def test_a_replica_runs_what_changes_and_locks_nothing(sql: str, reason: str) -> None:
    statement = parse(f"-- name: work\n{sql};", "probe", "probe.sql")["work"]

    assert misplacement(statement) == reason


def test_a_read_stays_on_the_primary_by_its_comment_and_says_why() -> None:
    text = "-- name: work\n-- primary: whether a key may act\nselect 1;"

    reason = misplacement(parse(text, "probe", "probe.sql")["work"])

    assert reason == "it stays on the primary (whether a key may act)"


VERDICTS = {
    "api_keys._find_by_digest", "api_keys._find_kept", "api_keys._find_known",
    "api_keys.get_order_mode", "app_settings.get_security", "app_settings.get_trading_mode",
    "authorization._find_by_digest",
    "broker_tokens.find_any_active", "broker_tokens.find_sealed", "ip_bans._find_active",
    "ip_bans._find_exemption", "live_bans._get_state", "live_bans._list_active",
    "one_time_tokens._find_by_digest", "owners._find", "proof.list_canaries",
    "root_key_uses._count_uses", "root_key_uses._list_key_ids", "rotation._list_under_key",
    "second_factors._find_secret", "second_factors._get_wait",
    "second_factors.get", "sessions._find_by_digest", "sessions.get", "smtp_settings._get_sealed",
    "stored_passwords._find_password", "stored_passwords.find_verified",
    "strategy_kinds._find_by_digest", "strategy_takeover._list_by_webhook",
    "takeover._list_owners", "users.find_by_email", "users.find_by_username", "users.get",
}  # fmt: skip  # a list


# Operations that a replica may run; the others write, or decide. What they do is read from code.
ON_REPLICAS = {
    "chartink.count_by_user", "chartink.get", "chartink.list_by_user", "instruments.get_all",
    "instruments.get_all_by_token", "latency.statistics", "live_index.build", "loads.is_due",
    "loads.list_exchange_status", "search.search", "strategies.count_by_user", "strategies.get",
    "strategies.list_by_user", "traffic.list_requests", "traffic.statistics",
    "user_settings.get_all",
}  # fmt: skip  # a list


def test_an_operation_is_judged_by_all_that_its_code_may_run() -> None:
    operations = {
        each.label: each
        for name in declared.MODULES
        for each in vars(declared.module(name)).values()
        if isinstance(each, Operation) and each.__module__.startswith(SUBJECTS)
    }

    found = {name for name, each in operations.items() if not first_misplaced(each._function)}

    assert len(operations) > 90
    assert found == ON_REPLICAS


STATEMENTS = {each.label: each for name in declared.PLACES for each in declared.module(name).query}


def test_the_reads_that_decide_who_may_do_what_stay_on_the_primary() -> None:
    marked = {label for label, each in STATEMENTS.items() if "primary" in each.misplacement}

    assert marked == VERDICTS


def test_no_lookup_by_a_secret_runs_on_a_replica() -> None:
    by_secret = {
        label: each.misplacement
        for label, each in STATEMENTS.items()
        if any("digest" in name for name in each.parameters)
    }

    assert len(by_secret) > 5
    assert [label for label, why in by_secret.items() if not why] == []
