"""The main job on a server of its own: migrate, create a user, check passwords, load, look up."""

from collections.abc import Callable, Iterable, Iterator
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path
from statistics import median
from time import perf_counter
from typing import TypeVar

from oadb import catalog, instruments, users
from oadb.brokers import zerodha
from oadb.engine import embedded
from oadb.engine.config import Config
from oadb.engine.database import Database
from oadb.engine.dsn import Dsn
from oadb.instruments import Instrument, Rejected
from oadb.tools import chain, migrations

T = TypeVar("T")
Watch = Callable[[Iterable[Instrument | Rejected]], Iterable[Instrument | Rejected]]

_LOOKUPS = 1000
_SHOWN = 3


@dataclass(frozen=True, slots=True)
class Step:
    """Something that the demo did: what came of it, and the seconds it took, if they matter."""

    name: str
    outcome: str
    seconds: float | None = None


def run(file: Path | None, watch: Watch) -> Iterator[Step]:
    """Yield each step once it is done; *watch* sees the instruments pass.

    *file* is an instrument file of Zerodha; without one, an option chain is made up. The server
    and its data are gone at the end. Raises LoadError if the file cannot be loaded.
    """
    started = perf_counter()
    with embedded.temporary() as server:
        target = Dsn(server.keywords)
        yield Step("server started", "in a temporary folder", perf_counter() - started)
        report, seconds = _timed(lambda: migrations.migrate(target))
        yield Step("migrations applied", str(len(report.applied)), seconds)
        with Database(Config(target, pool_size=2)) as db:
            yield Step("connected", f"PostgreSQL {catalog.describe_server(db).version}")
            yield from _sign_in(db)
            yield from _load(db, file, watch)
    yield Step("server stopped", "its data is deleted")


def _sign_in(db: Database) -> Iterator[Step]:
    user = users.create(db, "asha", "asha@example.in", first_name="Asha")
    users.set_password(db, user.user_id, "correct horse battery")
    yield Step("user created", f"{user.username}, id {user.user_id}")
    for name, username, password in (
        ("right password", "asha", "correct horse battery"),
        ("wrong password", "asha", "incorrect horse"),
        ("unknown user", "nobody", "correct horse battery"),
    ):
        found, seconds = _timed(lambda: users.verify_password(db, username, password))  # noqa: B023
        yield Step(name, "accepted" if found else "refused", seconds)


def _load(db: Database, file: Path | None, watch: Watch) -> Iterator[Step]:
    broker = chain.BROKER if file is None else zerodha.BROKER
    rows = chain.generate(datetime.now(UTC).date()) if file is None else zerodha.read(file)
    report, seconds = _timed(lambda: instruments.load(db, broker, watch(rows)))
    yield Step("instruments loaded", str(report), seconds)
    for rejected in report.rejected[:_SHOWN]:
        yield Step("rejected", str(rejected))
    yield from _look_up(db, broker)


def _look_up(db: Database, broker: str) -> Iterator[Step]:
    with closing(instruments.stream_by_broker(db, broker)) as stream:
        known = list(islice(stream, _LOOKUPS))
    by_symbol = [_timed(lambda: _by_symbol(db, each))[1] for each in known]  # noqa: B023
    by_token = [_timed(lambda: _by_token(db, each))[1] for each in known]  # noqa: B023
    shown, counted = known[len(known) // 2], f"median of {len(known):,}"
    yield Step("lookup by symbol", f"{shown.exchange} {shown.symbol}, {counted}", median(by_symbol))
    yield Step("lookup by token", f"{shown.exchange} {shown.token}, {counted}", median(by_token))


def _by_symbol(db: Database, known: Instrument) -> Instrument | None:
    return instruments.get(db, known.broker, known.exchange, known.symbol)


def _by_token(db: Database, known: Instrument) -> Instrument | None:
    return instruments.find_by_token(db, known.broker, known.exchange, known.token)


def _timed(work: Callable[[], T]) -> tuple[T, float]:
    started = perf_counter()
    result = work()
    return result, perf_counter() - started
