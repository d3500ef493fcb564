"""A small batch is stored in one round trip, and dated by the clock of the database."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from time import monotonic_ns
from typing import Any

import pytest

from oadb import Config
from oadb.engine import dsn
from oadb.engine.dsn import Dsn
from oadb.logs.writer import LogRow, LogWriter
from oadb.logs.writing.delivery import Delivery
from oadb.logs.writing.queue import LogBatch
from oadb.testing.chosen_layout import is_cluster
from tests.faults.proxy import Proxy
from tests.support.log_rows import QUICK, ROWS, request
from tests.support.rig import Observer

HOURS = timedelta(hours=30)


# On a cluster a writer of logs must not be bound by row-level security.
@pytest.fixture(params=["bypassrls"] if is_cluster() else ["bypassrls", "nobypassrls"])
def limited(request: pytest.FixtureRequest, config: Config, observer: Observer) -> Iterator[Config]:
    """Give the configuration of a role that may only write logs, past its walls or within them."""
    observer.rows(f"create role at_once login {request.param} in role oadb_log")
    yield replace(config, dsn=Dsn({**config.dsn.keywords, "user": "at_once"}))
    observer.rows("drop owned by at_once")
    observer.rows("drop role at_once")


def through(proxy: Proxy, config: Config) -> Config:
    keywords = {**config.dsn.keywords, **dsn.parse(proxy.url).keywords}
    return replace(config, dsn=Dsn({**keywords, "user": config.dsn.keywords["user"]}))


def attempt(logs: LogWriter, *rows: LogRow, age: timedelta = timedelta(0)) -> LogBatch:
    """Store a batch of rows of one table, without its thread."""
    lane = logs._worker._lanes[type(rows[0])]
    delivery = Delivery(lane.queue, lane.table, logs._worker._db, logs._worker._ledger)
    stamp = monotonic_ns() - age // timedelta(microseconds=1) * 1000
    values = [lane.table.redacted(each, logs._worker._redaction) for each in rows]
    batch = LogBatch([(stamp, kept, size, None) for kept, size in values], 0)
    delivery._store(batch)
    return batch


@pytest.mark.parametrize("row", ROWS, ids=lambda row: type(row).__name__)
def test_a_recorded_row_is_one_round_trip(limited: Config, row: LogRow) -> None:
    with (
        Proxy(limited.dsn.keywords) as proxy,
        LogWriter(through(proxy, limited), limits=QUICK) as logs,
    ):
        logs.record(row)  # at first the connection is made
        before = proxy.round_trips
        for _ in range(5):
            logs.record(row)

        assert proxy.round_trips - before == 5


def test_drops_are_recorded_in_the_same_round_trip(config: Config, observer: Observer) -> None:
    with Proxy(config.dsn.keywords) as proxy, LogWriter(through(proxy, config)) as logs:
        lane = logs._worker._lanes[type(request())]
        delivery = Delivery(lane.queue, lane.table, logs._worker._db, logs._worker._ledger)
        for drops in (3, 4):  # at first the connection is made
            before = proxy.round_trips
            delivery._store(LogBatch([], drops))

        assert proxy.round_trips - before == 1
    assert observer.ask("select sum(rows) from oadb.log_drops") == 7


@pytest.mark.parametrize("rows", [1, 3, 200], ids=["one", "a few", "more than at once"])
def test_rows_are_as_old_as_their_batch_says(
    limited: Config, observer: Observer, rows: int
) -> None:
    with LogWriter(limited, limits=QUICK) as logs:
        batch = attempt(logs, *map(request, range(rows)), age=HOURS)

    [(least, most, first, last, stored)] = observer.rows(
        "select min(logged_at), max(logged_at), first_at, last_at, stored_at "
        "from oadb.traffic, oadb.log_batches where batch_id = %s group by 3, 4, 5",
        batch.batch_id,
    )
    assert least == most == first == last
    assert HOURS <= stored - least < HOURS + timedelta(seconds=5)


def test_an_attempt_after_the_first_one_finds_what_that_has_stored(
    config: Config, observer: Observer
) -> None:
    with LogWriter(config, limits=QUICK) as logs:
        batch = attempt(logs, request(1), request(2))
        assert not batch.is_claimed
        lane = logs._worker._lanes[type(request())]
        Delivery(lane.queue, lane.table, logs._worker._db, logs._worker._ledger)._store(batch)
        again: Any = LogBatch(batch.entries, 0, batch_id=batch.batch_id)
        Delivery(lane.queue, lane.table, logs._worker._db, logs._worker._ledger)._store(again)

    assert observer.ask("select count(*) from oadb.traffic") == 2
    assert observer.ask("select count(*) from oadb.log_rejects") == 0
