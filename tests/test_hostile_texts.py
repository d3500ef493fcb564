"""Hostile texts in each argument that takes a text: a sixteenth in each test, all with `-m slow`.

A text is stored as it was sent, or refused with an error of oadb or psycopg; nothing else may
happen, least of all to the schema.
"""

import traceback
from collections import deque
from collections.abc import Callable, Generator
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID
from zlib import crc32

import psycopg
import pytest

from oadb import Database, Secret, Transaction
from oadb.accounts import broker_tokens, login_attempts, users
from oadb.engine.binding.declarations import Declaration
from oadb.engine.binding.packages import find
from oadb.engine.binding.sendable_texts import unsendable
from oadb.engine.binding.values import ValueType
from oadb.errors import Error, ParameterError
from oadb.keys import proof
from oadb.logs import analyzer_logs, api_logs
from oadb.market import instruments, live_index, loads, search
from oadb.market.instruments import Instrument
from oadb.security.sealing import SealedColumn
from oadb.tools.contract import comparison
from oadb.validation.argument_rules import is_visible
from tests.conftest import RING, configured
from tests.support import (
    hostile_accounts,
    hostile_market,
    hostile_settings,
    hostile_trading,
    user_rows,
)
from tests.support.error_texts import require_field
from tests.support.hostile import TEXTS, Work
from tests.support.rollback import rolled_back

ID = UUID(int=1)
CATALOG = ("catalog.", "schema.", "schema_check.", "used_objects.")  # nothing that tests store
SEALED = SealedColumn("a", "b").seal(RING, (1,), b"c")
VALID: dict[str, object] = {
    "email": "valid@example.in", "ip": "::1", "broker": "zerodha", "method": "password",
    "outcome": "failed", "order_mode": "auto", "channel": "oadb_changes", "network": "192.0.2.1",
    "token_digest": b"\0" * 32, "content_digest": b"\0" * 32, "user_id": 1, "user_ids": [1],
    "checksum": b"\0" * 32, "ips": ["::1"], "methods": ["password"], "outcomes": ["failed"],
    "time_zone": "UTC", "cursor": None, "kind": "not_found", "before_network": "192.0.2.1",
    "security_events.list_all.kind": "user_created", "api_keys._reseal.api_key_ids": [str(ID)],
    "sessions._reseal.session_ids": [str(ID)], "webhooks._reseal.strategy_ids": [str(ID)],
    "api_logs._insert.status": 200, "traffic._insert.status": 200, "table_name": "traffic",
    "api_logs.count.status": 200, "api_logs.stream.status": 200, "traffic.count.status": 200,
    "traffic.stream.status": 200, "api_logs.list_calls.status": 200, "json_values": ["1"],
    "partition_name": f"traffic_{datetime.now(UTC):%Y%m%d}", "traffic._list_requests.status": None,
    "direction": "LONG", "product_types": "MIS", "end_time": time(9), "mode": "live",
    "status": "sent",
    "squareoff_time": time(10), "last_snapshot": "1:1:", "binding": b"\0" * 32, "new_email": None,
}  # fmt: skip  # a table
BY_TYPE: dict[type, object] = {
    float: 1.5, str: "valid", int: 1, bytes: SEALED, bool: True, UUID: ID, dict: {},
    timedelta: timedelta(hours=1), datetime: datetime(2126, 1, 1, tzinfo=UTC), time: time(8),
    date: date(2126, 1, 1), Decimal: Decimal(1),
}  # fmt: skip  # a table

pytestmark = [pytest.mark.usefixtures("cheap_hashing"), pytest.mark.long("tries all statements")]

# Parameters whose text the server parses.
PARSED = frozenset({"ip", "last_snapshot", "network", "time_zone"})

# Queries that search for the text and find nothing.
SEEKING = (
    "find", "get", "list", "count", "delete", "release", "merge", "clear", "forget", "stream",
    "record_checksum", "revoke", "set_order_mode",
)  # fmt: skip  # a table
# Exceptions: they count any text, find a network that contains it, or list what is not there.
FINDING = {"count_try", "count_hit", "find_exemption", "list_missing_attempts"}


@pytest.fixture(scope="module")
def db(url: str) -> Generator[Database]:
    with Database(configured(url)) as db:
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


@pytest.fixture(scope="module")
def everything(url: str) -> Generator[Callable[[], object]]:
    """Give a function that sums up schema and users, on a connection that knows the catalog."""
    with psycopg.connect(url, autocommit=True) as connection:
        yield lambda: connection.execute(EVERYTHING).fetchone()


@pytest.fixture(scope="module")
def before(db: Database, everything: Callable[[], object]) -> object:
    """Give what schema and users were before the first test; each must leave them so."""
    assert users.get(db, 1), "one of them"
    return everything()


@pytest.fixture
def tx(db: Database, everything: Callable[[], object], before: object) -> Generator[Transaction]:
    """Give a transaction that is rolled back; then schema and users must be as before."""
    with rolled_back(db) as tx:
        yield tx
    assert everything() == before


@pytest.fixture(params=["some", pytest.param("all", marks=pytest.mark.slow)])
def texts(request: pytest.FixtureRequest) -> list[str]:
    if request.param == "all":
        return [*TEXTS]
    return [*TEXTS][crc32(request.node.name.encode()) % 16 :: 16]


def undone(tx: Transaction, work: Callable[[Transaction], None]) -> None:
    """Do *work* in a savepoint, and roll it back."""
    with rolled_back(tx) as nested:
        work(nested)


def attempt(tx: Transaction, work: Callable[[Transaction], None], text: str, hides: str) -> None:
    """Do *work* and roll it back; an error must be typed, and must not show a secret."""
    judge(lambda: undone(tx, work), text, hides)


def judge(work: Callable[[], None], text: str, hides: str) -> None:
    try:
        work()
    except (Error, psycopg.Error) as error:
        require_field(error)
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
    return [n for n, kind in declared.kinds.items() if kind.python is str and n != "cursor"]


def arguments(declared: Declaration) -> dict[str, Any]:
    if set(declared.kinds) >= {"logged_at"}:  # columns of logs: each is an array as text
        return {n: {**BY_TYPE, str: "{}"}[k.python] for n, k in declared.kinds.items()}
    given: dict[str, Any] = {}
    for name, kind in declared.kinds.items():
        default = kind.choices[0] if kind.choices else BY_TYPE[kind.python]
        value = VALID.get(f"{declared.label}.{name}", VALID.get(name, default))
        given[name] = [value] if kind.array and not isinstance(value, list) else value
    return given


# How to read back what does not come back by itself.
READERS: dict[str, Callable[[Transaction, dict[str, Any]], object]] = {
    "login_audit._record": lambda tx, _: login_attempts.list_attempts(tx, limit=1).rows[0],
    "api_logs._insert": lambda tx, _: api_logs.list_calls(tx, limit=1).rows[0],
    "analyzer_logs._insert": lambda tx, _: analyzer_logs.list_analyses(tx, limit=1).rows[0],
    "broker_tokens._put": lambda tx, given: broker_tokens.find_sealed(tx, 1, given["broker"]),
    "staging._merge_staged": lambda tx, given: instruments.count_by_broker(tx, given["broker"]),
}


# Where the tables of yoyo are, which have no schema in their statements.
YOYOS_SCHEMA = user_rows.declared("select set_config('search_path', 'public', true) as path", str)

DOMAINS = {
    queries.module: [each for each in queries if takes_text(each)]
    for queries in comparison.declarations(find("oadb"))
}


@pytest.mark.parametrize("domain", [name for name, found in DOMAINS.items() if found])
@pytest.mark.holds("F50")
def test_a_query_stores_the_text_or_raises_a_typed_error(
    tx: Transaction, texts: list[str], domain: str
) -> None:
    if domain == "migration_history":
        YOYOS_SCHEMA(tx)
    for declared in DOMAINS[domain]:
        # Otherwise what follows could fail for another reason.
        undone(tx, lambda nested: run(nested, declared, "", arguments(declared)))  # noqa: B023  # called within the iteration
        for names in together(declared):
            every = [{**arguments(declared), **hostile(declared, names, text)} for text in texts]
            if declared.is_read:
                run_reads(tx, declared, names[0], every)
                continue
            for given in every:
                attempt(tx, lambda nested: run(nested, declared, names[0], given), "", "")  # noqa: B023  # called within the iteration


def together(declared: Declaration) -> list[list[str]]:
    """Return the groups of parameters that get a text at once.

    All parameters of a read, which only compares them, except those that the server parses or
    that have a rule.
    """
    names = takes_text(declared)
    compared = [
        name
        for name in names
        if declared.is_read and name not in PARSED and has_any_text(declared.kinds[name])
    ]
    return [*filter(None, [compared]), *([name] for name in names if name not in compared)]


def has_any_text(kind: ValueType) -> bool:
    return not kind.choices and kind.rule is None


def hostile(declared: Declaration, names: list[str], text: str) -> dict[str, Any]:
    return {name: [text, "x"] if declared.kinds[name].array else text for name in names}


def run_reads(
    tx: Transaction, declared: Declaration, name: str, every: list[dict[str, Any]]
) -> None:
    """Run a read with each of the arguments, in one savepoint until the server refuses one."""
    waiting = deque(every)

    def read_on(nested: Transaction) -> None:
        while waiting:
            with suppress(Error):  # found before anything was sent
                run(nested, declared, name, waiting.popleft())

    while waiting:
        attempt(tx, read_on, "", "")


def run(tx: Transaction, declared: Any, name: str, given: dict[str, Any]) -> None:
    found = declared(tx, **given)
    found = list(found) if isinstance(found, Generator) else found
    if declared.label in READERS:
        found = READERS[declared.label](tx, given)
    if name in {"", "schemas"} or declared.label.startswith(CATALOG):
        return  # some texts are names of what exists
    verb = declared.__name__.lstrip("_")
    if verb.startswith(SEEKING) and verb not in FINDING:
        assert not found or given[name] == arguments(declared)[name], (declared.label, name)
    elif hasattr(found, name) and name not in {"ip", "network"}:  # which have one form
        assert getattr(found, name) == given[name], (declared.label, name)


# Operations --------------------------------------------------------------------------------------

MODULES = (hostile_accounts, hostile_settings, hostile_market, hostile_trading)
OPERATIONS: dict[str, list[Work]] = {
    name: works for module in MODULES for name, works in module.OPERATIONS.items()
}
SECRETS: dict[str, list[Work]] = {
    name: works for module in MODULES for name, works in getattr(module, "SECRETS", {}).items()
}
GUESSES = [*hostile_accounts.GUESSES, *hostile_settings.GUESSES]
SECRET_GUESSES = [*hostile_accounts.SECRET_GUESSES, *hostile_settings.SECRET_GUESSES]


@pytest.mark.parametrize("domain", [*OPERATIONS])
@pytest.mark.holds("F50")
def test_an_operation_stores_the_text_or_raises_a_typed_error(
    tx: Transaction, texts: list[str], domain: str
) -> None:
    users.set_password(tx, 1, Secret("the right horse"))
    for work in OPERATIONS[domain]:
        for text in texts:
            attempt(tx, lambda nested: work(nested, text), text, "")  # noqa: B023  # called within the iteration


@pytest.fixture
def listed(tx: Transaction) -> dict[str, Instrument]:
    """Give the instruments of a load, by text, of which each has a text in every field."""
    rows = {
        text: replace(
            hostile_market.ROW,
            exchange=text,
            symbol=text,
            name=text,
            broker_symbol=text,
            broker_exchange=text,
            token=text,
            instrument_type=text,
            underlying=text,
        )
        for text in TEXTS
    }
    report = loads.load(tx, "zerodha", rows.values(), force=True)
    fit = {text: row for text, row in rows.items() if text in report.exchanges}
    assert report.accepted == len(fit) >= 500
    assert all(unsendable(t) or not is_visible(t) or len(t) > 200 for t in {*rows} - {*fit})
    return fit


def test_every_text_is_the_symbol_of_the_instrument_that_it_finds(
    tx: Transaction, listed: dict[str, Instrument]
) -> None:
    rows, pairs = [*listed.values()], [(text, text) for text in listed]
    index = live_index.build(tx, "zerodha")

    assert instruments.get_all(tx, "zerodha", pairs) == rows
    assert instruments.get_all_by_token(tx, "zerodha", pairs) == rows
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
            attempt(tx, lambda nested: work(nested, text), text, "secret")  # noqa: B023  # called within the iteration


@pytest.fixture
def forget(
    url: str, everything: Callable[[], object], before: object
) -> Generator[Callable[[], None]]:
    """Give a function that resets all counts of guesses; then the schema must be as before."""
    with psycopg.connect(url, autocommit=True) as connection:

        def forget() -> None:
            connection.execute("delete from oadb.lockouts")
            connection.execute("delete from oadb.ip_trackers")
            connection.execute("update oadb.second_factors set failures = 0, unlocks_at = null")

        yield forget
    assert everything() == before


@pytest.mark.parametrize("work", GUESSES)
def test_a_guess_is_answered_or_raises_a_typed_error(
    db: Database,
    forget: Callable[[], None],
    texts: list[str],
    work: Callable[[Database, str], None],
) -> None:
    for text in texts:
        forget()
        judge(lambda: work(db, text), text, "")  # noqa: B023  # called within the iteration


@pytest.mark.parametrize("work", SECRET_GUESSES)
def test_a_guess_is_not_shown(
    db: Database,
    forget: Callable[[], None],
    texts: list[str],
    work: Callable[[Database, str], None],
) -> None:
    for text in texts:
        forget()
        judge(lambda: work(db, text), text, "secret")  # noqa: B023  # called within the iteration
