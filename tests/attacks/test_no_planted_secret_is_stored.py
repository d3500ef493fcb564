"""No secret that a broker, a client or an exception said is in the database, in any column."""

import itertools
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta

import pytest

from oadb import Config, Database
from oadb.accounts import login_attempts, sessions
from oadb.bans import ip_bans, trackers
from oadb.errors import LoadError, ParameterError
from oadb.logs import analyzer_logs, api_logs, latency, traffic
from oadb.logs.writer import LogRow, LogWriter
from oadb.market import loads
from oadb.trading import pending_orders
from tests.support.accounts import account, new_user
from tests.support.credential_names import by_broker
from tests.support.planted_secrets import SELF_EVIDENT, Plant, plants
from tests.support.rig import Observer

PLANTS = list(plants())


@pytest.fixture
def observer(oadb_database_url: str) -> Observer:
    """Give an observer of the database of ``db``."""
    return Observer(oadb_database_url)


def stored(observer: Observer) -> str:
    """Return every column of every table as text."""
    tables = observer.rows(
        "select table_name from information_schema.tables "
        "where table_schema = 'oadb' and table_type = 'BASE TABLE'"
    )
    return "\n".join(
        observer.ask(f"select coalesce(string_agg(t::text, ' '), '') from oadb.{name} as t")
        for (name,) in tables
    )


def found(observer: Observer, planted: list[Plant]) -> list[str]:
    """Return the plants of which a trace is stored."""
    text = stored(observer)
    return [str(plant) for plant in planted if any(trace in text for trace in plant.traces)]


def rows(plant: Plant) -> Iterator[LogRow]:
    """Yield a row of each log with a secret in every field that takes a text or a body."""
    text = plant.text
    bodies: list[dict[str, object]] = [
        {plant.name: plant.secret},
        {"message": text, "data": [{plant.name: [plant.secret]}]},
        {"data": [(plant.name, plant.secret), {"name": plant.name, "value": plant.secret}]},
    ]
    for body in bodies:
        yield api_logs.Call(
            endpoint=text, method=text, status=200, request=body, response=body, error=text
        )
        yield analyzer_logs.Analysis(api_type=text, request=body, response=body)
    yield traffic.Request(
        ip="203.0.113.7",
        method=text,
        path=text,
        status=200,
        duration_ms=1.0,
        endpoint=text,
        host=text,
        error=text,
    )
    yield latency.Timing(
        total_ms=1.0,
        outcome="failed",
        broker=text,
        order_type=text,
        symbol=text,
        order_id=text,
        error=text,
    )
    yield traffic.Request(ip=text, method="GET", path="/", status=9, duration_ms=1.0, error=text)


def test_36_brokers_and_their_names_are_planted_in_1500_texts_and_more() -> None:
    assert len(by_broker()) >= 36
    assert len({plant.secret for plant in PLANTS}) == len(PLANTS) >= 1500


@pytest.mark.long("hundreds of planted secrets")
@pytest.mark.parametrize(
    "planted",
    [
        pytest.param(PLANTS[::8], id="some"),
        # A refused row takes the database some milliseconds.
        pytest.param(PLANTS, id="all", marks=pytest.mark.slow),
    ],
)
def test_no_secret_is_stored_by_a_writer_of_logs(
    config: Config, observer: Observer, planted: list[Plant]
) -> None:
    with LogWriter(config) as logs:
        for plant in planted:
            for row in rows(plant):
                while not logs.offer(row):
                    assert logs.drain(deadline_seconds=60) == 0
        assert logs.drain(deadline_seconds=60) == 0
        stats = logs.stats()

    assert stats.stored >= 8 * len(planted)
    assert stats.rejected >= len(planted)
    assert found(observer, planted) == []


def record(db: Database, row: LogRow) -> None:
    match row:
        case api_logs.Call():
            api_logs.record(db, row)
        case analyzer_logs.Analysis():
            analyzer_logs.record(db, row)
        case traffic.Request():
            with suppress(ParameterError):  # of the row whose address is a text
                traffic.record(db, row)
        case latency.Timing():
            latency.record(db, row)


@pytest.mark.long("hundreds of planted secrets")
def test_no_secret_is_stored_by_a_log_that_records_one_row(
    db: Database, observer: Observer
) -> None:
    planted = PLANTS[::9]
    for plant in planted:
        for row in rows(plant):
            record(db, row)

    assert found(observer, planted) == []


@dataclass
class Failing:
    """Rows of a broker that end with an error that says a secret."""

    text: str

    def __iter__(self) -> Iterator[object]:
        raise LoadError(self.text)


Writer = Callable[[Database, int, Plant], object]


def track(db: Database, user_id: int, plant: Plant) -> None:
    paths = (plant.text, f"/{plant.text}", f"/auth/reset-password/{plant.secret}")
    for number, path in enumerate(paths):
        network = f"12.{user_id % 250}.{PLANTS.index(plant) % 250}.{number}"
        trackers.track_not_found(db, network, path)


def reject(db: Database, user_id: int, plant: Plant) -> None:
    order = pending_orders.create(db, user_id, "placeorder", {"symbol": "SBIN"})
    pending_orders.reject(
        db, user_id, pending_order_id=order.pending_order_id, by=None, reason=plant.text
    )


def answer(db: Database, user_id: int, plant: Plant) -> None:
    order = pending_orders.create(db, user_id, "placeorder", {}).pending_order_id
    assert pending_orders.approve(db, user_id, pending_order_id=order)
    assert pending_orders.record_outcome(
        db,
        user_id,
        pending_order_id=order,
        outcome="failed",
        broker_order_id=plant.text[:255],
        broker_status=plant.text[:255],
        reason=plant.text,
    )


def refuse(db: Database, _user_id: int, plant: Plant) -> None:
    login_attempts.record_oauth_failure(
        db, "asha", ip="203.0.113.9", reason=plant.text, device=plant.text, broker=plant.text
    )


def begin(db: Database, user_id: int, plant: Plant) -> None:
    sessions.create(db, account(db, user_id), device=plant.text)


# Each ban has an address of its own: a later one would replace what is stored.
_PLACES = itertools.count()


def ban(db: Database, _user_id: int, plant: Plant) -> None:
    high, low = divmod(next(_PLACES), 256)
    ip_bans.ban(db, f"12.{high}.{low}.3", plant.text, duration=timedelta(hours=1), by=None)
    ip_bans.exempt(db, f"13.{high}.{low}.0/24", plant.text)


def load(db: Database, _user_id: int, plant: Plant) -> None:
    with pytest.raises(LoadError):
        loads.load(db, "zerodha", Failing(plant.text), source=plant.text)  # type: ignore[arg-type]  # it yields none


WRITERS: list[Writer] = [track, reject, answer, refuse, begin, ban, load]


@pytest.mark.long("hundreds of planted secrets")
@pytest.mark.parametrize("write", WRITERS, ids=lambda write: write.__name__)
def test_no_secret_is_stored_by_another_writer_of_texts(
    db: Database, observer: Observer, write: Writer
) -> None:
    user_id, planted = new_user(db), PLANTS[::7]
    for plant in planted:
        write(db, user_id, plant)

    assert found(observer, planted) == []


def orders(plant: Plant) -> Iterator[dict[str, object]]:
    yield {"symbol": "SBIN", plant.name: plant.secret}
    yield {"symbol": "SBIN", "legs": [{plant.name: plant.secret}]}
    yield {"symbol": "SBIN", "note": plant.text}
    if plant.name in SELF_EVIDENT:
        yield {"symbol": plant.secret}


def test_no_order_that_waits_holds_a_secret(db: Database, observer: Observer) -> None:
    user_id, planted = new_user(db), PLANTS[::3]
    for plant in planted:
        for order in orders(plant):
            with pytest.raises(ParameterError) as refused:
                pending_orders.create(db, user_id, "placeorder", order)
            assert not any(trace in str(refused.value) for trace in plant.traces)

    assert found(observer, planted) == []
