"""Webhooks of strategies: what each answer means, rotation, revocation, and what is shown."""

import logging
import traceback
from collections.abc import Callable
from typing import Any

import psycopg
import pytest

from oadb import Database, Secret
from oadb.errors import ParameterError, UnavailableError
from oadb.security import tokens
from oadb.security.refusals import Refusal
from oadb.security.tokens import sha256_of
from oadb.trading import strategies, strategy_kinds, webhooks
from tests.conftest import RING
from tests.support.databases import unreachable
from tests.support.declared import declaration
from tests.support.plans import scanned
from tests.support.rig import Observer, threads
from tests.support.trading import RELIANCE, TCS, db, found, mapped, module, new_user, user_id

__all__ = ["db", "module", "user_id"]


def test_unknown_inactive_revoked_and_unavailable_are_four_answers(
    db: Database, module: Any, user_id: int, caplog: pytest.LogCaptureFixture
) -> None:
    issued = module.create(db, user_id, "x")
    strategy_id = issued.strategy.strategy_id

    assert module.verify_webhook(db, webhooks.TOKEN.new(1)) is Refusal.UNKNOWN
    module.set_active(db, user_id, strategy_id, is_active=False)
    assert module.verify_webhook(db, issued.webhook) is Refusal.INACTIVE
    webhooks.revoke(db, user_id, strategy_id)
    assert module.verify_webhook(db, issued.webhook) is Refusal.REVOKED
    with pytest.raises(UnavailableError):
        module.verify_webhook(unreachable(), issued.webhook)
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
def test_a_malformed_webhook_costs_no_query(module: Any, change: Callable[[str], str]) -> None:
    text = change(webhooks.TOKEN.new(1).reveal())

    assert module.verify_webhook(unreachable(), Secret(text)) is Refusal.UNKNOWN


def test_similar_webhooks_find_nothing(db: Database, module: Any, user_id: int) -> None:
    """A checksum is no secret: who guesses computes it."""
    text = module.create(db, user_id, "x").webhook.reveal()
    kind = webhooks.TOKEN
    guesses = [kind.new(user_id) for _ in range(50)]
    for place in range(4, 47):
        body = text[:place] + ("A" if text[place] != "A" else "B") + text[place + 1 : 47]
        guesses.append(Secret(body + tokens._checksum(body)))

    assert all(kind.is_wellformed(guess) for guess in guesses)
    assert {module.verify_webhook(db, guess) for guess in guesses} == {Refusal.UNKNOWN}


def test_after_rotation_the_new_webhook_works_and_the_old_one_is_unknown(
    db: Database, module: Any, user_id: int
) -> None:
    issued = module.create(db, user_id, "x")
    strategy_id = issued.strategy.strategy_id
    module.put_mappings(db, user_id, strategy_id, mapped(module, TCS))
    webhook = webhooks.rotate(db, user_id, strategy_id)

    assert webhook is not None
    assert module.verify_webhook(db, issued.webhook) is Refusal.UNKNOWN
    strategy = found(module, db, webhook)
    assert strategy.mappings == tuple(mapped(module, TCS))
    text = webhook.reveal()
    assert strategy.webhook_hint == f"{text[:8]}...{text[-4:]}" != issued.strategy.webhook_hint


def test_a_revoked_webhook_stays_revoked_until_it_is_rotated(
    db: Database, module: Any, user_id: int
) -> None:
    issued = module.create(db, user_id, "x")
    strategy_id = issued.strategy.strategy_id

    assert webhooks.revoke(db, user_id, strategy_id)
    revoked_at = module.get(db, user_id, strategy_id).webhook_revoked_at
    assert not webhooks.revoke(db, user_id, strategy_id)
    assert module.get(db, user_id, strategy_id).webhook_revoked_at == revoked_at is not None
    module.set_active(db, user_id, strategy_id, is_active=True)
    assert module.verify_webhook(db, issued.webhook) is Refusal.REVOKED
    webhook = webhooks.rotate(db, user_id, strategy_id)
    assert webhook is not None
    assert found(module, db, webhook).webhook_revoked_at is None
    assert module.verify_webhook(db, issued.webhook) is Refusal.UNKNOWN


def test_of_16_concurrent_revocations_one_succeeds(db: Database, module: Any, user_id: int) -> None:
    strategy_id = module.create(db, user_id, "x").strategy.strategy_id
    with threads(8) as pool:
        revoked = list(pool.map(lambda _: webhooks.revoke(db, user_id, strategy_id), range(16)))

    assert revoked.count(True) == 1


def test_a_digest_copied_to_another_strategy_is_refused(
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

    assert module.verify_webhook(db, mine.webhook) is Refusal.UNKNOWN


def test_a_webhook_is_shown_nowhere(
    db: Database, observer: Observer, module: Any, user_id: int, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    issued = module.create(db, user_id, "x")
    strategy_id = issued.strategy.strategy_id
    rotated = webhooks.rotate(db, user_id, strategy_id)
    assert rotated is not None
    said = [repr(issued), str(issued), f"{issued}", repr(found(module, db, rotated))]
    row = strategy_kinds._find_by_digest(db, webhooks.TOKEN.digests(RING, sha256_of(rotated))[0])
    assert row is not None
    said.append(repr(row))
    wrong: list[Callable[[], object]] = [
        lambda: module.verify_webhook(unreachable(), rotated),
        lambda: module.get(db, user_id, rotated),
        lambda: module.rename(db, rotated, strategy_id, "x"),
        lambda: strategy_kinds._find_by_digest(db, rotated),
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


@pytest.mark.long("fills the tables")
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
    label = "strategy_kinds._find_by_digest"
    plans = [
        generic_plan(url, label, shown),
        generic_plan(url, f"{label} +user_id", f"{shown}, {user_id}"),
    ]
    observer.rows("delete from oadb.strategies where name = 'bulk'")

    for plan in plans:
        scans = {scan["Index Name"]: scan for scan in scanned(plan)}
        assert scans.keys() == {
            "strategies_token_digest_idx",
            "users_pkey",
            "strategy_mappings_pkey",
        }
        found = [(scan["Actual Rows"], scan["Actual Loops"]) for scan in scans.values()]
        assert sorted(found) == [(1, 1), (1, 1), (2, 1)]


def generic_plan(url: str, label: str, values: str) -> Any:
    """Return the plan by which the server runs a statement again and again."""
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(b"prepare lookup as " + declaration(label).wire_sql)
        for _ in range(8):  # from the sixth on, the server may settle for a plan
            connection.execute(f"execute lookup ({values})".encode())
        row = connection.execute(
            f"explain (analyze, format json) execute lookup ({values})".encode()
        ).fetchone()
    assert row is not None
    return row[0][0]["Plan"]
