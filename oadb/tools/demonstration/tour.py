"""The steps of ``oadb demo`` on a temporary server, from migrations to an import."""

import secrets
from collections.abc import Callable, Generator, Iterable, Iterator
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from itertools import islice
from pathlib import Path
from statistics import median
from time import perf_counter
from timeit import timeit
from typing import TypeVar

from oadb.accounts import api_keys, broker_tokens, login_attempts, sessions, users
from oadb.accounts.api_keys import VerifiedKey
from oadb.accounts.broker_tokens import Tokens
from oadb.accounts.login_attempts import SignIn
from oadb.accounts.users import User
from oadb.embedded import embedded_server
from oadb.embedded.temporary_folders import temporary_folder
from oadb.engine.config import Config
from oadb.engine.database import Database
from oadb.engine.dsn import Dsn
from oadb.importing import runs, sources
from oadb.keys import proof
from oadb.logs import api_logs, rollups, traffic
from oadb.logs.writer import LogWriter
from oadb.market import instruments, live_index, loads, search
from oadb.market.brokers import zerodha
from oadb.market.instruments import Instrument, InstrumentRow
from oadb.market.loads import LoadReport
from oadb.security.keyring import ROOT_BYTES, Key, KeyRing
from oadb.security.refusals import Refusal
from oadb.security.secret import Secret
from oadb.tools import catalog
from oadb.tools.demonstration import example_installation, option_chain
from oadb.tools.migrations import runner

T = TypeVar("T")
Watch = Callable[[Iterable[InstrumentRow]], Iterable[InstrumentRow]]

_LOOKUPS = 1000
_SEARCH = "nifty ce"
_SHOWN = 3
_REQUESTS = 2000
_VISITOR = "203.0.113.7"


@dataclass(frozen=True, slots=True)
class DemoStep:
    """A step of the demo and its outcome; ``seconds`` is None where its time does not matter."""

    name: str
    outcome: str
    seconds: float | None = None


def run(file: Path | None, watch: Watch) -> Iterator[DemoStep]:
    """Run the demo; the server and its data are deleted at the end.

    Args:
        file: an instrument file of Zerodha; None: a generated option chain.
        watch: passes the instruments through, to show progress.

    Yields:
        Each step when it is done.

    Raises:
        LoadError: the file cannot be loaded.
    """
    started = perf_counter()
    with embedded_server.temporary() as server:
        target = Dsn(server.keywords)
        yield DemoStep("server started", "in a temporary folder", perf_counter() - started)
        report, seconds = _timed(lambda: runner.migrate(target))
        yield DemoStep("migrations applied", str(len(report.applied)), seconds)
        with Database(Config(target, pool_size=2, keyring=_ring())) as db:
            yield DemoStep("connected", f"PostgreSQL {catalog.describe_server(db).version}")
            proof.prove(db)
            yield DemoStep("key ring proven", "AES-256-GCM and HMAC-SHA256 keys by HKDF")
            user = yield from _sign_in(db)
            yield from _store_secrets(db, user)
            yield from _load(db, file, watch)
            yield from _log(db, target, user)
            yield from _import(db)
    yield DemoStep("server stopped", "its data is deleted")


def _ring() -> KeyRing:
    root = secrets.token_bytes(ROOT_BYTES)
    return KeyRing([Key(1, "primary", datetime.now(UTC), root)])


def _sign_in(db: Database) -> Generator[DemoStep, None, User]:
    user = users.create(db, "asha", "asha@example.in", first_name="Asha")
    users.set_password(db, user.user_id, Secret("correct horse battery"))
    yield DemoStep("user created", f"{user.username}, id {user.user_id}")
    result, seconds = _timed(lambda: _attempt(db, "asha", "correct horse battery"))
    assert result.user is not None  # noqa: S101  # the password was just set
    yield DemoStep("right password", "accepted", seconds)
    session = sessions.create(db, result.user, ip=_VISITOR, device="the demo")
    for name, username, password in (
        ("wrong password", "asha", "incorrect horse"),
        ("unknown user", "nobody", "correct horse battery"),
    ):
        result, seconds = _timed(partial(_attempt, db, username, password))
        yield DemoStep(name, "accepted" if result else "refused", seconds)
    found, seconds = _timed(lambda: sessions.verify(db, session.token))
    outcome = f"by its token, {session.token}, which is not stored" if found else "not found"
    yield DemoStep("session", outcome, seconds)
    return user


def _attempt(db: Database, username: str, password: str) -> SignIn:
    return login_attempts.sign_in(db, username, Secret(password), ip=_VISITOR)


def _store_secrets(db: Database, user: User) -> Iterator[DemoStep]:
    issued = api_keys.create(db, user.user_id, "TradingView", order_mode="semi_auto")
    verified, seconds = _timed(lambda: api_keys.verify(db, issued.token))
    yield DemoStep("api key verified", f"{issued.key.hint}, {_mode(verified)}", seconds)
    api_keys.revoke(db, user.user_id, issued.key.api_key_id)
    verified, seconds = _timed(lambda: api_keys.verify(db, issued.token))
    yield DemoStep("api key revoked", _mode(verified), seconds)
    tokens = Tokens(access=Secret("the broker's access token"))
    broker_tokens.put(db, user.user_id, zerodha.BROKER, tokens)
    stored = broker_tokens.find_sealed(db, user.user_id, zerodha.BROKER)
    assert stored is not None  # noqa: S101  # it was just stored
    sealed = (stored.access_token or b"").hex()
    yield DemoStep("broker token sealed", f"{sealed[:40]}... ({len(sealed) // 2} bytes)")
    opened, seconds = _timed(lambda: broker_tokens.open(db, user.user_id, zerodha.BROKER))
    usable = opened and opened.tokens.access == tokens.access
    yield DemoStep("broker token opened", "unchanged" if usable else "damaged", seconds)


def _mode(verified: VerifiedKey | Refusal) -> str:
    return verified.value if isinstance(verified, Refusal) else verified.order_mode


def _load(db: Database, file: Path | None, watch: Watch) -> Iterator[DemoStep]:
    broker = option_chain.BROKER if file is None else zerodha.BROKER
    today = datetime.now(UTC).date()
    for name in ("instruments loaded", "loaded once more"):
        rows = option_chain.generate(today) if file is None else zerodha.read(file)
        # An old file will do: there is nothing that could be lost.
        report, seconds = _timed(partial(loads.load, db, broker, watch(rows), force=True))
        yield DemoStep(name, _summary(report), seconds)
    for rejected in report.rejected.sample[:_SHOWN]:
        yield DemoStep("rejected", str(rejected))
    yield from _look_up(db, broker)
    yield from _search(db, broker)


def _summary(report: LoadReport) -> str:
    return (
        f"{report.rows:,} rows: {report.inserted:,} new, {report.unchanged:,} unchanged, "
        f"{report.rejected.rows:,} rejected"
    )


def _look_up(db: Database, broker: str) -> Iterator[DemoStep]:
    with closing(instruments.stream_by_broker(db, broker)) as stream:
        known = list(islice(stream, _LOOKUPS))
    by_symbol = [_timed(partial(_by_symbol, db, each))[1] for each in known]
    by_token = [_timed(partial(_by_token, db, each))[1] for each in known]
    shown, number = known[len(known) // 2], f"median of {len(known):,}"
    yield DemoStep(
        "lookup by symbol", f"{shown.exchange} {shown.symbol}, {number}", median(by_symbol)
    )
    yield DemoStep("lookup by token", f"{shown.exchange} {shown.token}, {number}", median(by_token))


def _search(db: Database, broker: str) -> Iterator[DemoStep]:
    found, seconds = _timed(lambda: search.search(db, broker, _SEARCH))
    yield DemoStep("search", f"{_SEARCH}: {len(found)} found", seconds)
    index, seconds = _timed(lambda: live_index.build(db, broker))
    yield DemoStep("index in memory", f"{len(index):,} instruments", seconds)
    again, seconds = _timed(lambda: index.search(broker, _SEARCH))
    same = "the same" if again == found else "not the same"
    yield DemoStep("search in memory", f"{_SEARCH}: {same}", seconds)
    if found:
        place = (broker, found[0].exchange, found[0].symbol)
        seconds = timeit(lambda: index.get_token(*place), number=_LOOKUPS) / _LOOKUPS
        yield DemoStep("lookup in memory", f"{' '.join(place[1:])}", seconds)


def _log(db: Database, target: Dsn, user: User) -> Iterator[DemoStep]:
    requests = [
        traffic.Request(
            ip=_VISITOR,
            method="GET",
            path="/api/v1/quotes",
            status=200,
            duration_ms=5 + number % 50,
            endpoint="/api/v1/quotes",
        )
        for number in range(_REQUESTS)
    ]
    order: dict[str, object] = {"symbol": "INFY", "quantity": 1, "apikey": "secret"}
    call = api_logs.Call(
        endpoint="/api/v1/placeorder",
        method="POST",
        status=200,
        user_id=user.user_id,
        ip=_VISITOR,
        request=order,
    )
    with LogWriter(Config(target)) as logs:
        _, seconds = _timed(lambda: [logs.offer(request) for request in requests])
        yield DemoStep(
            "request logged", f"one of {_REQUESTS:,}, in the background", seconds / _REQUESTS
        )
        _, seconds = _timed(lambda: logs.record(call))
        yield DemoStep("order logged", "acknowledged when it is stored", seconds)
    (stored,) = api_logs.list_calls(db, user_id=user.user_id)
    yield DemoStep("order log read", f"{stored.request}")
    rollups.refresh(db)
    until = datetime.now(UTC) + timedelta(minutes=1)
    shown, seconds = _timed(
        lambda: traffic.statistics(db, since=until - timedelta(hours=1), until=until)
    )
    total = shown.total
    yield DemoStep("statistics", f"{total.requests:,} requests, p95 {total.p95_ms:.0f} ms", seconds)


def _import(db: Database) -> Iterator[DemoStep]:
    """Show the dry run of an import from OpenAlgo."""
    plan = runs.Plan("example", zerodha.BROKER, applies=False)
    with (
        temporary_folder() as folder,
        sources.opened([example_installation.make(folder)], []) as found,
    ):
        for report in runs.run(db, found, example_installation.ENVIRON, plan, lambda _: None):
            outcome = f"{report.table}: {report.found} found, {report.written} to be written"
            yield DemoStep("import, dry run", outcome)
            for reason in report.left_out_ids():
                yield DemoStep("left out", reason)


def _by_symbol(db: Database, known: Instrument) -> Instrument | None:
    return instruments.get(db, known.broker, known.exchange, known.symbol)


def _by_token(db: Database, known: Instrument) -> Instrument | None:
    return instruments.find_by_token(db, known.broker, known.exchange, known.token)


def _timed(work: Callable[[], T]) -> tuple[T, float]:
    started = perf_counter()
    result = work()
    return result, perf_counter() - started
