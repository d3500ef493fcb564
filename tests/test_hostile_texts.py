"""Every text that a caller may give, against hostile texts: by default a sixteenth of them, others
in each test, and with `-m slow` all of them.

What is stored is what was sent, or the error is one of oadb's or of psycopg's; nothing else
happens, to the schema least of all.
"""

import json
import traceback
from collections import deque
from collections.abc import Callable, Generator
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any
from uuid import UUID
from zlib import crc32

import argon2
import psycopg
import pyotp
import pytest

from oadb import Database, Secret, Transaction
from oadb.accounts import api_keys, broker_tokens, login_attempts, second_factors, sessions, users
from oadb.accounts.broker_tokens import BrokerToken, Tokens
from oadb.bans import ip_bans, trackers
from oadb.changes import announcements
from oadb.engine.binding.declarations import Declaration
from oadb.engine.binding.values import readable, unsendable
from oadb.errors import Error, LoadError, ParameterError, SettingError
from oadb.keys import proof
from oadb.logs import analyzer_logs, api_logs
from oadb.logs.analyzer_logs import Analysis
from oadb.logs.api_logs import Call
from oadb.logs.redaction import Redaction
from oadb.market import brokers, instruments, live_index, loads, search
from oadb.market.index.lookups import InstrumentIndex
from oadb.market.instruments import Instrument
from oadb.security.passwords import Passwords
from oadb.security.refusals import Refusal
from oadb.security.sealing import SealedColumn
from oadb.settings import app_settings, setting_keys, smtp_settings, user_settings
from oadb.tools.contract import comparison
from oadb.trading import chartink, pending_orders, strategies
from oadb.trading.chartink import ChartinkMapping
from oadb.trading.strategies import Mapping, Strategy
from tests.conftest import RING, configured
from tests.support.accounts import account
from tests.support.hostile import TEXTS
from tests.support.rig import Observer

ID = UUID(int=1)
SEALED = SealedColumn("a", "b").seal(RING, (1,), b"c")
VALID: dict[str, object] = {
    "email": "valid@example.in", "ip": "::1", "broker": "zerodha", "method": "password",
    "outcome": "failed", "order_mode": "auto", "channel": "oadb_changes", "network": "192.0.2.1",
    "token_digest": b"\0" * 32, "content_digest": b"\0" * 32, "user_id": 1, "user_ids": [1],
    "checksum": b"\0" * 32, "ips": ["::1"], "methods": ["password"], "outcomes": ["failed"],
    "zone": "UTC", "kind": "not_found", "before_network": "192.0.2.1", "mode": "live",
    "status": "sent", "json_values": ["1"],
    "api_logs._insert.status": 200, "traffic._insert.status": 200, "table_name": "traffic",
    "partition_name": f"traffic_{datetime.now(UTC):%Y%m%d}",
    "trading_mode": "LONG", "product_types": "MIS", "end_time": time(9),
    "squareoff_time": time(10),
}  # fmt: skip
BY_TYPE: dict[type, object] = {
    float: 1.5, str: "valid", int: 1, bytes: SEALED, bool: True, UUID: ID, dict: {},
    timedelta: timedelta(hours=1), datetime: datetime(2126, 1, 1, tzinfo=UTC), time: time(8),
    date: date(2126, 1, 1), Decimal: Decimal(1),
}  # fmt: skip

# What the server reads a value of another type from.
PARSED = frozenset({"ip", "network", "zone"})

NOTE = user_settings.declare("hostile.note", str, default="")
TREE = user_settings.declare("hostile.tree", dict[str, object], default={})

# Queries that look for the text, and find nothing by it.
SEEKING = (
    "find", "get", "list", "count", "delete", "release", "merge", "clear", "forget", "stream",
    "record_checksum", "revoke", "set_order_mode",
)  # fmt: skip
# Queries that count a text as it is, or find what it is part of.
FINDING = {"count_try", "count_hit", "find_exemption"}


class _UndoError(Exception):
    """Ends a savepoint."""


@pytest.fixture(autouse=True)
def _cheap_hashing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(users, "passwords", Passwords(argon2.profiles.CHEAPEST))


@pytest.fixture(scope="module")
def db(url: str) -> Generator[Database]:
    with Database(configured(url)) as db:
        proof.prove(db)
        proof.prove(db)
        assert users.create(db, "someone", "someone@example.in").user_id == 1
        yield db


EVERYTHING = """
select md5(string_agg(line, E'\n' order by line)) from (
    select conrelid::regclass || conname || pg_get_constraintdef(oid) from pg_constraint
    union all
    select indexdef from pg_indexes where schemaname = 'oadb'
    union all
    select concat_ws(' ', table_name, column_name, data_type, is_nullable, column_default)
    from information_schema.columns where table_schema in ('oadb', 'public')
    union all
    select pg_get_functiondef(oid) from pg_proc where pronamespace = 'oadb'::regnamespace
    union all
    select polname || pg_get_expr(polqual, polrelid) from pg_policy
    union all
    select nspname from pg_namespace where nspname !~ '^pg_(temp|toast)'
    union all
    select rolname || rolsuper from pg_roles
    union all
    select u::text from oadb.users as u
) as catalog (line)
"""


@pytest.fixture
def tx(url: str, db: Database) -> Generator[Transaction]:
    """Give a transaction that is undone; see that neither schema nor users are others then."""
    before = Observer(url).ask(EVERYTHING)
    with suppress(_UndoError), db.transaction() as tx:
        yield tx
        raise _UndoError
    assert Observer(url).ask(EVERYTHING) == before


@pytest.fixture(params=["some", pytest.param("all", marks=pytest.mark.slow)])
def texts(request: pytest.FixtureRequest) -> list[str]:
    if request.param == "all":
        return [*TEXTS]
    return [*TEXTS][crc32(request.node.name.encode()) % 16 :: 16]


def undone(tx: Transaction, work: Callable[[Transaction], None]) -> None:
    """Do *work* in a savepoint and undo it."""
    with suppress(_UndoError), tx.transaction() as nested:
        work(nested)
        raise _UndoError


def attempt(tx: Transaction, work: Callable[[Transaction], None], text: str, hides: str) -> None:
    """Do *work* and undo it; an error must be typed, and must not show a secret."""
    judge(lambda: undone(tx, work), text, hides)


def judge(work: Callable[[], None], text: str, hides: str) -> None:
    try:
        work()
    except (Error, psycopg.Error) as error:
        if hides and len(text) > 40:
            shown = "".join(traceback.format_exception(error))
            assert text[:41] not in shown
            assert text[-41:] not in shown


def test_the_corpus_is_large_and_has_no_text_twice() -> None:
    assert len(TEXTS) >= 500
    assert len(set(TEXTS)) == len(TEXTS)
    assert max(map(len, TEXTS)) >= 1_000_000


# Queries -----------------------------------------------------------------------------------------


def takes_text(declared: Declaration) -> list[str]:
    return [name for name, kind in declared.parameters.items() if kind.python is str]


def arguments(declared: Declaration) -> dict[str, Any]:
    given: dict[str, Any] = {}
    for name, kind in declared.parameters.items():
        value = VALID.get(f"{declared.label}.{name}", VALID.get(name, BY_TYPE[kind.python]))
        given[name] = [value] if kind.array and not isinstance(value, list) else value
    return given


# How to read back what does not come back by itself.
READERS: dict[str, Callable[[Transaction, dict[str, Any]], object]] = {
    "login_attempts.record": lambda tx, _: login_attempts.list_recent(tx, page_size=1)[0],
    "api_logs._insert": lambda tx, _: api_logs.list_recent(tx, page_size=1)[0],
    "analyzer_logs._insert": lambda tx, _: analyzer_logs.list_recent(tx, page_size=1)[0],
    "broker_tokens._put": lambda tx, given: broker_tokens.find(tx, 1, given["broker"]),
    "loads._merge_staged": lambda tx, given: instruments.count_by_broker(tx, given["broker"]),
}


DOMAINS = {
    queries.module: [each for each in queries if takes_text(each)]
    for queries in comparison.domains()
}


@pytest.mark.parametrize("domain", [name for name, found in DOMAINS.items() if found])
def test_a_query_stores_what_was_sent_or_says_what_is_wrong(
    tx: Transaction, texts: list[str], domain: str
) -> None:
    for declared in DOMAINS[domain]:
        # Otherwise what follows could fail for another reason.
        undone(tx, lambda nested: run(nested, declared, "", arguments(declared)))  # noqa: B023
        for names in together(declared):
            every = [{**arguments(declared), **hostile(declared, names, text)} for text in texts]
            if declared.is_read:
                run_reads(tx, declared, names[0], every)
                continue
            for given in every:
                attempt(tx, lambda nested: run(nested, declared, names[0], given), "", "")  # noqa: B023


def together(declared: Declaration) -> list[list[str]]:
    """Return which parameters are given a text at once.

    All of a read, which compares them and nothing else, but for those that the server parses.
    """
    names = takes_text(declared)
    compared = [name for name in names if declared.is_read and name not in PARSED]
    return [*filter(None, [compared]), *([name] for name in names if name not in compared)]


def hostile(declared: Declaration, names: list[str], text: str) -> dict[str, Any]:
    return {name: [text, "x"] if declared.parameters[name].array else text for name in names}


def run_reads(
    tx: Transaction, declared: Declaration, name: str, every: list[dict[str, Any]]
) -> None:
    """Run a read with each of the arguments; a savepoint serves until the server refuses one."""
    waiting = deque(every)

    def read_on(nested: Transaction) -> None:
        while waiting:
            with suppress(Error):  # found before anything was sent
                run(nested, declared, name, waiting.popleft())

    while waiting:
        attempt(tx, read_on, "", "")


def run(tx: Transaction, declared: Any, name: str, given: dict[str, Any]) -> None:
    found = declared(tx, **given)
    if isinstance(found, Generator):
        found = list(found)
    if declared.label in READERS:
        found = READERS[declared.label](tx, given)
    if not name or declared.label.startswith("catalog."):  # which looks for what is there
        return
    verb = declared.__name__.lstrip("_")
    if verb.startswith(SEEKING) and verb not in FINDING:
        assert not found or given[name] == arguments(declared)[name], (declared.label, name)
    elif hasattr(found, name) and name not in {"ip", "network"}:  # which have one form
        assert getattr(found, name) == given[name], (declared.label, name)


# Operations --------------------------------------------------------------------------------------

Work = Callable[[Transaction, str], None]

ROW = Instrument(
    "zerodha", "NSE", "RELIANCE", None, "RELIANCE", "NSE", "738561", "EQ", None, None, None, 1,
    Decimal("0.05"), Decimal(1),
)  # fmt: skip


def set_password(tx: Transaction, text: str) -> None:
    assert users.set_password(tx, 1, Secret(text))
    assert users.verify_password(tx, "someone", Secret(text)) is not None
    assert users.verify_password(tx, "someone", Secret(text + "x")) is None


def verify_name(tx: Transaction, text: str) -> None:
    assert users.verify_password(tx, text, Secret("correct horse")) is None


def verify_password(tx: Transaction, text: str) -> None:
    assert users.verify_password(tx, "someone", Secret(text)) is None


def session_device(tx: Transaction, text: str) -> None:
    made = sessions.create(tx, account(tx, 1), device=text)
    assert made.session.device == (text[:500] or None)


def session_ip(tx: Transaction, text: str) -> None:
    made = sessions.create(tx, account(tx, 1), ip=text)
    assert made.session.ip is not None


def session_broker(tx: Transaction, text: str) -> None:
    assert sessions.create(tx, account(tx, 1), broker=text).session.broker == text


def session_data(tx: Transaction, text: str) -> None:
    data: dict[str, object] = {"value": text, f"name {text}": [text]}
    made = sessions.create(tx, account(tx, 1), data=data)
    # In JSON the two halves of a pair are the character that they encode.
    assert made.session.data == json.loads(json.dumps(data))


def session_token(tx: Transaction, text: str) -> None:
    assert sessions.find(tx, Secret(text)) is None


def sign_in_name(db: Database, text: str) -> None:
    signed_in = login_attempts.sign_in(db, text, Secret("correct horse"), ip="192.0.2.1")
    assert signed_in.user is None
    (attempt,) = login_attempts.list_recent(db, page_size=1)
    assert attempt.outcome == "failed"
    assert attempt.user_id is None
    assert len(attempt.username) == (min(len(text), 254) or 1)


def sign_in_password(db: Database, text: str) -> None:
    assert login_attempts.sign_in(db, "someone", Secret(text), ip="192.0.2.1").user is None
    assert login_attempts.list_recent(db, page_size=1)[0].outcome == "failed"


def sign_in_ip(db: Database, text: str) -> None:
    login_attempts.sign_in(db, "someone", Secret("correct horse"), ip=text)
    assert login_attempts.list_recent(db, page_size=1)[0].ip is not None


def sign_in_device(db: Database, text: str) -> None:
    login_attempts.sign_in(db, "someone", Secret("correct horse"), ip="::1", device=text)
    assert len(login_attempts.list_recent(db, page_size=1)[0].device or "") == min(len(text), 500)


def sign_in_broker(db: Database, text: str) -> None:
    login_attempts.sign_in(db, "someone", Secret("correct horse"), ip="::1", broker=text)
    assert len(login_attempts.list_recent(db, page_size=1)[0].broker or "") == min(len(text), 50)


def key_name(tx: Transaction, text: str) -> None:
    assert api_keys.issue(tx, 1, text, order_mode="auto").key.name == text
    assert api_keys.list_by_user(tx, 1)[0].name == text


def key_scopes(tx: Transaction, text: str) -> None:
    issued = api_keys.issue(tx, 1, "x", order_mode="auto", scopes=[text, "NULL", text])
    assert issued.key.scopes == [text, "NULL", text]
    assert getattr(api_keys.verify(tx, issued.token), "scopes", None) == issued.key.scopes


def key_order_mode(tx: Transaction, text: Any) -> None:
    api_keys.issue(tx, 1, "x", order_mode=text)
    raise AssertionError(f"{text!r} was taken for an order mode")


def key_token(tx: Transaction, text: str) -> None:
    assert api_keys.verify(tx, Secret(text)) is Refusal.UNKNOWN


def tokens_broker(tx: Transaction, text: str) -> None:
    assert broker_tokens.put(tx, 1, text, Tokens(Secret("a")))
    assert isinstance(broker_tokens.get(tx, 1, text), BrokerToken)
    assert broker_tokens.list_by_user(tx, 1)[0].broker == text


def tokens_of_no_broker(tx: Transaction, text: str) -> None:
    assert broker_tokens.get(tx, 1, text) is Refusal.UNKNOWN
    assert not broker_tokens.revoke(tx, 1, text)


def tokens_client_id(tx: Transaction, text: str) -> None:
    assert broker_tokens.put(tx, 1, "x", Tokens(Secret("a")), client_id=text)
    assert broker_tokens.list_by_user(tx, 1)[0].client_id == text


def tokens_sealed(tx: Transaction, text: str) -> None:
    secret = Secret(text)
    given = Tokens(secret, secret, secret, {"name": secret, text: Secret("")})
    assert broker_tokens.put(tx, 1, "x", given)
    found = broker_tokens.get(tx, 1, "x")
    assert isinstance(found, BrokerToken)
    assert found.tokens == given


def factor_account(tx: Transaction, text: str) -> None:
    enrollment = second_factors.enroll(tx, 1, text)
    assert enrollment is not None
    parsed = pyotp.parse_uri(enrollment.uri.reveal())
    assert (parsed.name, parsed.issuer) == (text, "OpenAlgo")


def factor_issuer(tx: Transaction, text: str) -> None:
    enrollment = second_factors.enroll(tx, 1, "asha", text)
    assert enrollment is not None
    parsed = pyotp.parse_uri(enrollment.uri.reveal())
    assert (parsed.name, parsed.issuer) == ("asha", text or None)


def factor_code(db: Database, text: str) -> None:
    second_factors.enroll(db, 1, "asha")
    assert not second_factors.verify(db, 1, Secret(text))


def change_payload(_: Transaction, text: str) -> None:
    announcements.read(text)
    raise AssertionError(f"{text!r} was taken for a change")


def setting_value(tx: Transaction, text: str) -> None:
    user_settings.put(tx, 1, NOTE.to(text))
    assert user_settings.get(tx, 1, NOTE) == text
    assert (
        user_settings.list_changes(tx, 1)[0].new_value == user_settings.list_by_user(tx, 1)[0].value
    )


def setting_tree(tx: Transaction, text: str) -> None:
    value: dict[str, object] = {"value": text, f"name {text}": [text]}
    user_settings.put(tx, 1, TREE.to(value))
    assert user_settings.get(tx, 1, TREE) == value


def setting_stored(_: Transaction, text: str) -> None:
    with suppress(SettingError):
        assert NOTE.read(text) == json.loads(text)
    with suppress(SettingError):
        assert TREE.read(text) == json.loads(text)


def setting_name(_: Transaction, text: str) -> None:
    user_settings.declare(text, int, default=1)
    assert text.isascii()
    assert len(text) <= 100
    del setting_keys._declared[text]


def trading_mode(tx: Transaction, text: Any) -> None:
    app_settings.set_trading_mode(tx, text, changed_by=1)
    raise AssertionError(f"{text!r} was taken for a mode")


def smtp_texts(tx: Transaction, text: str) -> None:
    smtp_settings.set_account(
        tx, changed_by=1, server=text, user_name=text, from_address=text, helo_name=text
    )
    found = smtp_settings.get(tx)
    assert {found.server, found.user_name, found.from_address, found.helo_name} == {text}
    assert {each.new_value for each in app_settings.list_changes(tx)} == {text}


def smtp_cleared(tx: Transaction, text: Any) -> None:
    smtp_settings.set_account(tx, changed_by=1, cleared=(text,))
    assert text == "password"


def smtp_password(tx: Transaction, text: str) -> None:
    smtp_settings.set_account(tx, changed_by=1, password=Secret(text))
    assert smtp_settings.get_account(tx).password == Secret(text)


def order_data(tx: Transaction, text: str) -> None:
    order: dict[str, object] = {"value": text, f"name {text}": [text]}
    assert pending_orders.create(tx, 1, "placeorder", order).order_data == order
    assert not unsendable(text)


def order_type(tx: Transaction, text: str) -> None:
    assert pending_orders.create(tx, 1, text, {}).api_type == text


def order_texts(tx: Transaction, text: str) -> None:
    order = pending_orders.create(tx, 1, "placeorder", {}).pending_order_id
    assert pending_orders._approve(tx, 1, order)
    assert pending_orders.record_answer(
        tx, 1, order, "sent", broker_order_id=text, broker_status=text, reason=text
    )
    found = pending_orders.list_by_status(tx, 1, "sent")[0]
    assert (found.broker_order_id, found.broker_status, found.reason) == (text, text, text)


def order_reason(tx: Transaction, text: str) -> None:
    order = pending_orders.create(tx, 1, "placeorder", {}).pending_order_id
    assert pending_orders.reject(tx, 1, order, decided_by=1, reason=text)
    found = pending_orders.get(tx, 1, order)
    assert found is not None
    assert found.reason == text


def order_status(tx: Transaction, text: Any) -> None:
    with pytest.raises(ParameterError):
        pending_orders.list_by_status(tx, 1, text)
    pending_orders.record_answer(tx, 1, 1, text)
    raise AssertionError(f"{text!r} was taken for an answer")


def load_broker_and_source(tx: Transaction, text: str) -> None:
    try:
        loads.load(tx, text, [], source=text)
    except ParameterError:
        assert unsendable(text) or not text.strip() or len(text) > 200
    except LoadError:
        assert (last := loads.list_recent(tx, text)[0]).broker == last.source == text
        assert loads.get_status(tx, text) is not None


def load_of_broker(tx: Transaction, text: str) -> None:
    if {*text} & {*"\\\t\n\r'\"%"} and len(text) < 200:  # what COPY and SQL could take amiss
        row = replace(ROW, broker=text)
        assert loads.load(tx, text, [row]).accepted == 1
        assert instruments.count_by_broker(tx, text) == 1
        assert live_index.build(tx, text).get(text, "NSE", "RELIANCE") == row


def load_exchange_that_is_no_collection(tx: Transaction, text: str) -> None:
    with pytest.raises(ParameterError):
        loads.load(tx, "zerodha", [ROW], exchanges=text)


def due_zone(tx: Transaction, text: str) -> None:
    with pytest.raises(ParameterError):
        loads.is_due(tx, "zerodha", time(8), text)


def search_filters(tx: Transaction, text: str) -> None:
    index = InstrumentIndex()
    assert search.search(tx, text, "RELIANCE") == index.search(text, "RELIANCE") == []
    for name in ("exchange", "instrument_type", "underlying"):
        given: dict[str, Any] = {"broker": "zerodha", "text": "", name: text}
        assert search.search(tx, **given) == index.search(**given) == []


def unknown_instruments(tx: Transaction, text: str) -> None:
    index = InstrumentIndex()
    assert instruments.get_all(tx, text, [(text, text)]) == [None]
    assert instruments.find_all_by_token(tx, text, [(text, text)]) == [None]
    assert index.get(text, text, text) is index.find_by_token(text, text, text) is None


def call_texts(tx: Transaction, text: str) -> None:
    api_logs.write(tx, Call(text, text, 200, error=text))
    log = api_logs.list_recent(tx, page_size=1)[0]
    kept = Redaction().row(Call(text, text, 200, error=text))
    assert log.endpoint == readable(kept.endpoint, 500)
    assert log.method == readable(kept.method, 20)
    assert log.error == readable(kept.error or "", 2000)


def call_ip(tx: Transaction, text: str) -> None:
    api_logs.write(tx, Call("/", "GET", 200, ip=text))
    assert api_logs.list_recent(tx, page_size=1)[0].ip


def call_content(tx: Transaction, text: str) -> None:
    call = Call("/", "GET", 200, request={"orders": [{"symbol": text}]})
    api_logs.write(tx, call)
    assert len(api_logs.search(tx, Redaction().row(call).request or {})) == 1
    assert api_logs.search(tx, {text: text}) == []


def analysis_texts(tx: Transaction, text: str) -> None:
    body: dict[str, object] = {"symbol": text, "strategy": text}
    analysis = Analysis(text, body, {"status": text})
    analyzer_logs.write(tx, analysis)
    log, kept = analyzer_logs.list_recent(tx, page_size=1)[0], Redaction().row(analysis)
    assert (log.api_type, log.request) == (readable(kept.api_type, 100), kept.request)
    found = analyzer_logs.tally(tx, datetime(2000, 1, 1, tzinfo=UTC))
    assert [each.value for each in found if each.facet == "symbol"] == (
        [kept.request["symbol"]] if text else []
    )


def day_zone(tx: Transaction, text: str) -> None:
    with pytest.raises(ParameterError):
        analyzer_logs.list_by_day(tx, date(2026, 1, 1), text)


def file_of_no_broker(_: Transaction, text: str) -> None:
    with pytest.raises(LoadError, match="no reader for"):
        brokers.read(text, Path("none"))


def ban_ip(tx: Transaction, text: str) -> None:
    made = ip_bans.ban(tx, text, "x")
    assert ip_bans.is_banned(tx, text) == made
    assert ip_bans.unban(tx, text) == 1


def ban_texts(tx: Transaction, text: str) -> None:
    made = ip_bans.ban(tx, "192.0.2.1", text, created_by=text)
    assert ip_bans.is_banned(tx, "192.0.2.1") == made
    assert (len(made.reason), len(made.created_by)) == (min(len(text), 500), min(len(text), 254))


def exemption_network(tx: Transaction, text: str) -> None:
    exempted = ip_bans.exempt(tx, text, "x")
    assert ip_bans.unexempt(tx, text) == exempted


def exemption_reason(tx: Transaction, text: str) -> None:
    assert ip_bans.exempt(tx, "192.0.2.0/24", text) == 1
    assert len(ip_bans.list_exemptions(tx)[0].reason) == min(len(text), 500)


def hit_ip(db: Database, text: str) -> None:
    assert trackers.track_not_found(db, text, "/").hits


def hit_path(db: Database, text: str) -> None:
    trackers.track_not_found(db, "192.0.2.1", text)
    (path,) = trackers.list_suspects(db, "not_found", 1)[0].samples
    assert not {"?", "#"} & {*path}
    assert len(path) <= 200


def hit_key(db: Database, text: str) -> None:
    trackers.track_bad_key(db, "192.0.2.1", Secret(text))
    (digest,) = trackers.list_suspects(db, "bad_key", 1)[0].samples
    assert len(digest) == 16


def strategy_name(tx: Transaction, text: str) -> None:
    for module in (strategies, chartink):
        made = module.create(tx, 1, text).strategy
        assert module.get(tx, 1, made.strategy_id) == made
        assert made.name == text
        assert module.rename(tx, 1, made.strategy_id, text)
        assert module.list_by_user(tx, 1)[0].name == text


def strategy_platform(tx: Transaction, text: str) -> None:
    assert strategies.create(tx, 1, "x", platform=text).strategy.platform == text


def strategy_trading_mode(tx: Transaction, text: Any) -> None:
    strategies.create(tx, 1, "x", trading_mode=text)
    raise AssertionError(f"{text!r} was taken for a trading mode")


def strategy_time_zone(tx: Transaction, text: str) -> None:
    made = strategies.create(tx, 1, "x").strategy
    with pytest.raises(ParameterError):
        strategies.create(tx, 1, "x", time_zone=text)
    with pytest.raises(ParameterError):
        strategies.set_times(tx, 1, made.strategy_id, None, None, None, text)


def strategy_definition(tx: Transaction, text: str) -> None:
    definition: dict[str, object] = {"value": text, f"name {text}": [{text: text}]}
    made = strategies.create(tx, 1, "x", definition=definition).strategy
    assert strategies.get(tx, 1, made.strategy_id) == made
    assert made.definition == definition
    assert strategies.set_definition(tx, 1, made.strategy_id, definition)


def mapping_symbol(tx: Transaction, text: str) -> None:
    issued = strategies.create(tx, 1, "x")
    strategy_id = issued.strategy.strategy_id
    mapping = Mapping(text, "NSE", 1, "MIS")
    assert strategies.put_mappings(tx, 1, strategy_id, [mapping]) == 1
    found = strategies.find_by_webhook(tx, issued.webhook)
    assert isinstance(found, Strategy)
    assert found.mappings == (mapping,)
    assert strategies.delete_mappings(tx, 1, strategy_id, [text]) == 1


def mapping_exchange(tx: Transaction, text: str) -> None:
    strategy_id = strategies.create(tx, 1, "x").strategy.strategy_id
    mapping = Mapping("TCS", text, 1, "MIS")
    assert strategies.put_mappings(tx, 1, strategy_id, [mapping]) == 1
    assert strategies.list_by_user(tx, 1)[0].mappings == (mapping,)


def mapping_product_type(tx: Transaction, text: Any) -> None:
    strategy_id = strategies.create(tx, 1, "x").strategy.strategy_id
    strategies.put_mappings(tx, 1, strategy_id, [Mapping("TCS", "NSE", 1, text)])
    raise AssertionError(f"{text!r} was taken for a product type")


def scan_symbol(tx: Transaction, text: str) -> None:
    strategy_id = chartink.create(tx, 1, "x").strategy.strategy_id
    mapping = ChartinkMapping(text, "NSE", 1, "MIS")
    assert chartink.put_mappings(tx, 1, strategy_id, [mapping]) == 1
    assert chartink.list_by_user(tx, 1)[0].mappings == (mapping,)


def webhook_text(tx: Transaction, text: str) -> None:
    assert strategies.find_by_webhook(tx, Secret(text)) is Refusal.UNKNOWN
    assert chartink.find_by_webhook(tx, Secret(text)) is Refusal.UNKNOWN


OPERATIONS: dict[str, list[Work]] = {
    "users": [verify_name],
    "sessions": [session_device, session_ip, session_broker, session_data],
    "api_keys": [key_name, key_scopes, key_order_mode],
    "broker_tokens": [tokens_broker, tokens_of_no_broker, tokens_client_id],
    "second_factors": [factor_account, factor_issuer],
    "changes": [change_payload],
    "settings": [setting_value, setting_tree, setting_stored, setting_name],
    "app_settings": [trading_mode],
    "smtp_settings": [smtp_texts, smtp_cleared],
    "pending_orders": [order_data, order_type, order_texts, order_reason, order_status],
    "api_logs": [call_texts, call_ip, call_content],
    "analyzer_logs": [analysis_texts, day_zone],
    "brokers": [file_of_no_broker],
    "instruments": [unknown_instruments],
    "instrument_loads": [
        load_broker_and_source,
        load_of_broker,
        load_exchange_that_is_no_collection,
        due_zone,
    ],
    "instrument_search": [search_filters],
    "ip_bans": [ban_ip, ban_texts, exemption_network, exemption_reason],
    "strategies": [
        strategy_name,
        strategy_platform,
        strategy_trading_mode,
        strategy_time_zone,
        strategy_definition,
        mapping_symbol,
        mapping_exchange,
        mapping_product_type,
    ],
    "chartink": [scan_symbol],
}
SECRETS: dict[str, list[Work]] = {
    "users": [set_password, verify_password],
    "sessions": [session_token],
    "api_keys": [key_token],
    "broker_tokens": [tokens_sealed],
    "smtp_settings": [smtp_password],
    "webhooks": [webhook_text],
}
# What counts guesses takes part in no transaction.
GUESSES: list[Callable[[Database, str], None]] = [
    sign_in_name, sign_in_ip, sign_in_device, sign_in_broker, hit_ip, hit_path,
]  # fmt: skip
SECRET_GUESSES: list[Callable[[Database, str], None]] = [
    sign_in_password, factor_code, hit_key,
]  # fmt: skip


@pytest.mark.parametrize("domain", [*OPERATIONS])
def test_an_operation_stores_what_was_sent_or_says_what_is_wrong(
    tx: Transaction, texts: list[str], domain: str
) -> None:
    users.set_password(tx, 1, Secret("the right horse"))
    for work in OPERATIONS[domain]:
        for text in texts:
            attempt(tx, lambda nested: work(nested, text), text, "")  # noqa: B023


@pytest.fixture
def listed(tx: Transaction) -> dict[str, Instrument]:
    """Give the instruments, by text, of a load in which every text is one, if it can be."""
    rows = {
        text: replace(
            ROW, exchange=text, symbol=text, name=text, broker_symbol=text, broker_exchange=text,
            token=text, instrument_type=text, underlying=text,
        )
        for text in TEXTS
    }  # fmt: skip
    report = loads.load(tx, "zerodha", rows.values(), force=True)
    fit = {text: row for text, row in rows.items() if text in report.exchanges}
    assert report.accepted == len(fit) >= 500
    assert all(unsendable(text) or not text.strip() or len(text) > 200 for text in {*rows} - {*fit})
    return fit


def test_every_text_is_the_symbol_of_the_instrument_that_it_finds(
    tx: Transaction, listed: dict[str, Instrument]
) -> None:
    rows, pairs = [*listed.values()], [(text, text) for text in listed]
    index = live_index.build(tx, "zerodha")

    assert instruments.get_all(tx, "zerodha", pairs) == rows
    assert instruments.find_all_by_token(tx, "zerodha", pairs) == rows
    assert [index.get("zerodha", *pair) for pair in pairs] == rows
    assert [index.find_by_token("zerodha", *pair) for pair in pairs] == rows
    assert [index.find_by_broker_symbol("zerodha", *pair) for pair in pairs] == rows


def test_a_search_for_a_text_finds_the_same_in_the_database_and_in_memory(
    tx: Transaction, texts: list[str], listed: dict[str, Instrument]
) -> None:
    index = live_index.build(tx, "zerodha")

    for text in texts:
        with suppress(ParameterError):
            found = search.search(tx, "zerodha", text)
            assert found == index.search("zerodha", text)
            assert text.split() != [text] or text not in listed or listed[text] in found


@pytest.mark.parametrize("domain", [*SECRETS])
def test_an_operation_does_not_show_a_secret_that_it_cannot_take(
    tx: Transaction, texts: list[str], domain: str
) -> None:
    for work in SECRETS[domain]:
        for text in texts:
            attempt(tx, lambda nested: work(nested, text), text, "secret")  # noqa: B023


@pytest.fixture
def forget(url: str) -> Generator[Callable[[], None]]:
    """Give what makes the next guess the first one; see that the schema is not another then."""
    before = Observer(url).ask(EVERYTHING)
    with psycopg.connect(url, autocommit=True) as connection:

        def forget() -> None:
            connection.execute("delete from oadb.lockouts")
            connection.execute("delete from oadb.ip_trackers")
            connection.execute("update oadb.second_factors set failures = 0, unlocks_at = null")

        yield forget
    assert Observer(url).ask(EVERYTHING) == before


@pytest.mark.parametrize("work", GUESSES)
def test_a_guess_is_answered_or_what_is_wrong_with_it_is_said(
    db: Database,
    forget: Callable[[], None],
    texts: list[str],
    work: Callable[[Database, str], None],
) -> None:
    for text in texts:
        forget()
        judge(lambda: work(db, text), text, "")  # noqa: B023


@pytest.mark.parametrize("work", SECRET_GUESSES)
def test_a_guess_is_not_shown(
    db: Database,
    forget: Callable[[], None],
    texts: list[str],
    work: Callable[[Database, str], None],
) -> None:
    for text in texts:
        forget()
        judge(lambda: work(db, text), text, "secret")  # noqa: B023
