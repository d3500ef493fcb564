"""What oadb answers where OpenAlgo's callers ask for None, the unknown, expired or revoked."""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from functools import partial
from typing import Any
from uuid import uuid4

from oadb import Database
from oadb.accounts import broker_tokens, users
from oadb.bans import ip_bans, trackers
from oadb.logs import analyzer_logs, api_logs, latency, traffic
from oadb.logs.analyzer_logs import Analysis
from oadb.logs.api_logs import Call
from oadb.market import instruments, live_index, loads, search
from oadb.settings import app_settings, smtp_settings
from oadb.trading import chartink, pending_orders, strategies
from tests.support.instrument_rows import FUTURE, INFY, insert_rows
from tests.support.old_accounts import People, all_accounts, people
from tests.support.questions import NOBODY, Answers, asked
from tests.support.rig import Observer

IP, LIFTED = "203.0.113.7", "203.0.113.8"


def nothing_stored(db: Database) -> Answers:
    """Ask an empty database what OpenAlgo answers without an argument."""
    yield "get_analyze_mode", asked(lambda _: app_settings.get_trading_mode(db), unknown=...)
    yield "get_smtp_settings", asked(lambda _: smtp_settings.open(db), unknown=...)
    yield "get_security_settings", asked(lambda _: app_settings.get_security(db), unknown=...)
    yield "find_user_by_username", asked(lambda _: users.list_all(db), unknown=...)
    yield (
        "get_first_available_api_key",
        asked(lambda _: broker_tokens.find_any_active(db), unknown=...),
    )
    until = datetime.now(UTC)
    yield (
        "OrderLatency.get_latency_stats",
        asked(
            lambda since: latency.statistics(db, since=since, until=until),
            none=None,
            unknown=until - timedelta(hours=1),
        ),
    )
    yield (
        "OrderLatency.get_recent_logs",
        asked(lambda limit: latency.list_timings(db, limit=limit), none=None, unknown=100),
    )
    yield (
        "TrafficLog.get_recent_logs",
        asked(lambda limit: traffic.list_requests(db, limit=limit), none=None, unknown=100),
    )


def market(db: Database) -> Answers:
    """Ask for instruments, in the database and in memory."""
    options = replace(FUTURE, exchange="BFO", instrument_type="CE", strike=Decimal(1))
    insert_rows(db, INFY, FUTURE, options)
    index, symbol = live_index.build(db, "zerodha"), FUTURE.symbol
    lookups: list[tuple[str, Callable[[Any, str, str, Any], object], str]] = [
        ("get_br_symbol", instruments.get, symbol),
        ("get_token", instruments.get, symbol),
        ("get_symbol_info", instruments.get, symbol),
        ("get_brexchange", instruments.get, symbol),
        ("extract_underlying_from_symbol", instruments.get, symbol),
        ("get_symbol", instruments.find_by_token, FUTURE.token),
        ("get_oa_symbol", instruments.find_by_broker_symbol, FUTURE.broker_symbol),
    ]
    for name, find, expired in lookups:
        cases = {"none": None, "unknown": "NOPE", "expired": expired}
        yield name, asked(partial(find, db, "zerodha", "NFO"), **cases)
        yield name, asked(partial(getattr(index, find.__name__), "zerodha", "NFO"), **cases)
    texts = {"none": None, "unknown": "NOPE", "expired": symbol}
    for name in ("fno_search_symbols", "fno_search_symbols_db", "enhanced_search_symbols"):
        yield name, asked(partial(search.search, db, "zerodha"), **texts)
        yield name, asked(partial(index.search, "zerodha"), **texts)
    exchanges = {"none": None, "unknown": "NOPE", "expired": "BFO"}
    yield (
        "get_distinct_underlyings_cached",
        asked(lambda name: instruments.list_underlyings(db, "zerodha", name), **exchanges),
    )
    yield (
        "get_symbol_count",
        asked(lambda name: instruments.count_by_broker(db, name), none=None, unknown="nobody"),
    )


def downloads(db: Database, observer: Observer) -> Answers:
    """Ask for loads; the expired one was three days ago."""
    for name in ("update_status", "init_broker_status"):
        yield name, asked(lambda of: loads.load(db, of, []), none=None, unknown="nobody")
    loads.load(db, "dhan", [replace(INFY, broker="dhan")])
    observer.rows(
        "update oadb.instrument_loads set started_at = started_at - interval '3 days', "
        "ended_at = ended_at - interval '3 days', "
        "downloaded_at = downloaded_at - interval '3 days'"
    )
    brokers = {"none": None, "unknown": "angel", "expired": "dhan"}
    yield "check_if_ready", asked(lambda of: loads.is_due(db, of), **brokers)
    yield "get_status", asked(lambda of: loads.get_status(db, of), **brokers)


def record(db: Database, api_type: str, request: Any) -> None:
    analyzer_logs.record(db, Analysis(api_type=api_type, request=request, response={}))


def records(db: Database) -> Answers:
    """Record calls and analyses, and set what is set for all."""
    types = {"none": None, "unknown": "nonsense"}
    yield (
        "async_log_order",
        asked(
            lambda of: api_logs.record(db, Call(endpoint=of, method="POST", status=200)), **types
        ),
    )
    yield (
        "async_log_analyzer",
        asked(lambda body: record(db, "placeorder", body), none=None)
        | asked(lambda of: record(db, of, {}), unknown="nonsense"),
    )
    yield (
        "set_analyze_mode",
        asked(lambda mode: app_settings.set_trading_mode(db, mode, by=None), **types),
    )
    smtp_settings.update(db, by=None, port=587)
    yield (
        "set_smtp_settings",
        asked(lambda port: smtp_settings.update(db, by=None, port=port), **types),
    )


def orders(db: Database, of: People) -> Answers:
    """Ask for pending orders; the revoked one was rejected."""
    owner = of.works
    rejected = pending_orders.create(db, owner, "placeorder", {"symbol": "INFY"}).pending_order_id
    pending_orders.reject(db, owner, pending_order_id=rejected, by=None)
    yield (
        "get_pending_orders",
        asked(
            lambda at: pending_orders.list_by_user(db, at), none=None, unknown=NOBODY, revoked=owner
        ),
    )
    given = {"none": None, "unknown": NOBODY, "revoked": rejected}
    yield (
        "approve_pending_order",
        asked(lambda at: pending_orders.approve(db, owner, pending_order_id=at), **given),
    )
    yield (
        "update_broker_status",
        asked(
            lambda at: pending_orders.record_outcome(
                db, owner, pending_order_id=at, outcome="sent"
            ),
            **given,
        ),
    )


def both_strategies(db: Database, of: People, module: Any) -> Answers:
    """Ask for strategies of either kind; the revoked one is switched off."""
    owner = of.works
    off = module.create(db, owner, "off").strategy.strategy_id
    module.set_active(db, owner, off, is_active=False)
    given = {"none": None, "unknown": uuid4(), "revoked": off}
    for name in ("get_strategy", "get_symbol_mappings"):
        yield name, asked(lambda at: module.get(db, owner, at), **given)
    owners = {"none": None, "unknown": NOBODY}
    yield "create_strategy", asked(lambda name: module.create(db, owner, name), none=None)
    yield "create_strategy", asked(lambda at: module.create(db, at, "another"), unknown=NOBODY)
    yield (
        "get_user_strategies",
        asked(lambda at: module.list_by_user(db, at), **owners, revoked=owner),
    )
    yield (
        "toggle_strategy",
        asked(lambda at: module.set_active(db, owner, at, is_active=True), **given),
    )


def bans(db: Database, observer: Observer) -> Answers:
    """Ask for bans: one that ended, and one that was lifted."""
    yield "IPBan.get_all_bans", asked(lambda _: ip_bans.list_all(db), unknown=...)
    for ip in (IP, LIFTED):
        ip_bans.ban(db, ip, "scan", by=None)
    observer.rows(
        "update oadb.ip_bans set banned_at = banned_at - interval '3 days', "
        "expires_at = expires_at - interval '3 days'"
    )
    ip_bans.unban(db, LIFTED)
    given = {"none": None, "unknown": "nowhere", "expired": IP, "revoked": LIFTED}
    yield "IPBan.is_ip_banned", asked(lambda ip: ip_bans.find_by_ip(db, ip), **given)
    yield "IPBan.get_all_bans", asked(lambda _: ip_bans.list_all(db), expired=..., revoked=...)
    yield "IPBan.ban_ip", asked(lambda ip: ip_bans.ban(db, ip, "scan", by=None), **given)


def suspects(db: Database, observer: Observer) -> Answers:
    """Ask for suspects: none yet, and one of whom nothing was heard for 30 hours."""

    def missing(least: Any) -> object:
        return trackers.list_suspects(db, "not_found", least_hits=least)

    def guessing(least: Any) -> object:
        return trackers.list_suspects(db, "bad_key", least_hits=least)

    kinds = {
        "Error404Tracker.get_suspicious_ips": missing,
        "InvalidAPIKeyTracker.get_suspicious_api_users": guessing,
    }
    for name, ask in kinds.items():
        yield name, asked(ask, none=None, unknown=1)
    trackers.track_not_found(db, IP, "/admin")
    trackers.track_bad_key(db, IP)
    observer.rows(
        "update oadb.ip_trackers set first_at = first_at - interval '30 hours', "
        "last_at = last_at - interval '30 hours'"
    )
    for name, ask in kinds.items():
        yield name, asked(ask, expired=1)


def answers(db: Database, observer: Observer) -> dict[str, dict[str, set[str]]]:
    """Return what is said in each case, by function of OpenAlgo: one word, or it is ambiguous."""
    found: dict[str, dict[str, set[str]]] = {}
    for name, cases in _all(db, observer):
        for case, word in cases.items():
            found.setdefault(name, {}).setdefault(case, set()).add(word)
    return found


def _all(db: Database, observer: Observer) -> Answers:
    yield from nothing_stored(db)
    yield from market(db)
    yield from downloads(db, observer)
    of = people(db)
    yield from records(db)
    yield from orders(db, of)
    for module in (strategies, chartink):
        yield from both_strategies(db, of, module)
    yield from bans(db, observer)
    yield from suspects(db, observer)
    yield from all_accounts(db, observer, of)
