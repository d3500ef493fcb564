"""Each table has a lane of its own: what happens to one table does not concern the others."""

from dataclasses import replace
from datetime import datetime
from time import monotonic
from typing import Any

import pytest
from psycopg.errors import QueryCanceled

from oadb import Config
from oadb.errors import OutcomeUnknownError, ParameterError, UnavailableError
from oadb.logs import api_logs, latency
from oadb.logs.writer import AsyncLogWriter, Limits, LogWriter
from oadb.testing.chosen_layout import is_cluster
from tests.support.log_rows import QUICK, drained, held, request
from tests.support.rig import Observer, eventually

ORDER = api_logs.Call(endpoint="/api/v1/placeorder", method="POST", status=200)
TIMING = latency.Timing(total_ms=1.0, outcome="succeeded")

MISSING = "alter table oadb.traffic rename to gone"
REPAIRED = "alter table oadb.gone rename to traffic"


def test_a_missing_table_stops_only_its_own_rows(logs: LogWriter, observer: Observer) -> None:
    observer.rows(MISSING)
    for number in range(20):
        assert logs.offer(request(number))
    eventually(lambda: logs.stats().tables["traffic"].retries > 2)
    logs.record(ORDER)
    logs.record(TIMING)
    failing = logs.stats()
    observer.rows(REPAIRED)
    drained(logs)

    assert "does not exist" in (failing.tables["traffic"].last_error or "")
    assert failing.tables["api_logs"].last_error is None
    assert (failing.last_error or "").startswith("traffic: ")
    assert observer.ask("select count(distinct path) from oadb.traffic") == 20
    assert observer.ask("select count(*) from oadb.log_rejects") == 0


def test_a_table_that_does_not_answer_stops_only_its_own_rows(
    config: Config, url: str, observer: Observer
) -> None:
    patient = replace(config, lock_timeout_seconds=0)
    with LogWriter(patient, limits=QUICK) as logs:
        with held(url, "lock table oadb.traffic in access exclusive mode"):
            assert logs.offer(request())
            eventually(lambda: observer.ask("select count(*) from pg_locks where not granted"))
            for _ in range(20):
                logs.record(ORDER)
            assert logs.stats().tables["traffic"].queued_rows == 1
        drained(logs)

    assert observer.ask("select count(*) from oadb.traffic") == 1


def test_a_flood_of_telemetry_displaces_no_row_of_an_order(
    config: Config, observer: Observer
) -> None:
    observer.rows(MISSING)
    with LogWriter(config, limits=Limits(max_rows=100, wait_seconds=5)) as logs:
        while not logs.stats().tables["traffic"].is_full:
            assert logs.offer(request())
        started = monotonic()
        for _ in range(90):
            assert logs.offer(ORDER)
        logs.record(ORDER)
        full = logs.stats()
        took = monotonic() - started
        observer.rows(REPAIRED)

    assert took < 4, "the room of orders is not that of telemetry"
    assert full.tables["traffic"].is_full
    assert not full.tables["api_logs"].is_full
    assert observer.ask("select count(*) from oadb.api_logs") == 91


@pytest.mark.long("waits for statements that are cancelled")
def test_a_table_that_is_too_slow_for_a_batch_gets_smaller_ones(
    config: Config, observer: Observer
) -> None:
    observer.rows(REFUSE.format(body="perform pg_sleep(0.001);"))
    observer.rows(AT_ONCE)
    hasty = replace(config, statement_timeout_seconds=0.5)
    with LogWriter(hasty, limits=Limits(flush_seconds=60)) as logs:
        for number in range(1500):
            logs.offer(request(number))
        logs.record(request(1500), timeout_seconds=60)
        eventually(lambda: not logs.stats().queued_rows, 60)
        stats = logs.stats()

    assert stats.retries
    assert observer.ask("select count(distinct path) from oadb.traffic") == 1501
    assert observer.ask("select count(*) from oadb.traffic") == stats.stored == 1501
    assert observer.ask("select sum(rows) from oadb.log_batches") == 1501


def test_a_batch_whose_claim_ran_out_of_time_is_not_halved(
    config: Config, observer: Observer
) -> None:
    """An attempt before may still be committed, with all of its rows."""
    with LogWriter(config, limits=Limits(flush_seconds=60)) as logs:
        ledger = logs._worker._ledger
        failures = [QueryCanceled("the claim waits"), QueryCanceled("the claim waits")]

        def claim(*args: Any) -> datetime | None:
            if failures:
                raise failures.pop()
            return ledger.claim_batch(*args)

        logs._worker._ledger = replace(ledger, claim_batch=claim)
        for number in range(150):  # so many that the claim is a statement of its own
            logs.offer(request(number))
        assert logs.drain() == 0
        assert (logs.stats().retries, logs.stats().batches) == (2, 1)

    assert observer.rows("select rows from oadb.log_batches") == [(150,)]


def test_each_table_has_a_connection_only_while_it_needs_one(
    config: Config, observer: Observer
) -> None:
    with LogWriter(config, limits=QUICK) as logs:
        for _ in range(20):
            logs.record(request())
            logs.record(ORDER)

        observer.keeps(1)


async def test_lanes_are_the_same_from_asyncio(config: Config, observer: Observer) -> None:
    observer.rows(MISSING)
    async with AsyncLogWriter(config, limits=QUICK) as logs:
        assert await logs.offer(request())
        await logs.record(ORDER)
        with pytest.raises((UnavailableError, OutcomeUnknownError)):
            await logs.record(request(), timeout_seconds=0.5)
        observer.rows(REPAIRED)


def test_statistics_say_of_each_table_when_a_row_was_stored_last(
    logs: LogWriter, observer: Observer
) -> None:
    assert logs.stats().last_success_age_seconds is None
    observer.rows(MISSING)
    logs.record(ORDER)
    logs.offer(request())
    stats = logs.stats()
    orders, telemetry = stats.tables["api_logs"], stats.tables["traffic"]

    assert orders.last_success_age_seconds is not None
    assert 0 <= orders.last_success_age_seconds < 5
    assert (orders.stored, orders.queued_rows) == (1, 0)
    assert (telemetry.stored, telemetry.queued_rows) == (0, 1)
    assert telemetry.last_success_age_seconds is None
    assert stats.accepted == 2
    observer.rows(REPAIRED)
    drained(logs)


# Rows that a table refuses ----------------------------------------------------------------------

REFUSE = """
create function public.refuse() returns trigger language plpgsql as
$$ begin {body} return new; end $$;
"""
REFUSE_ONE = REFUSE.format(
    body="if new.path = '/13' then raise exception 'no % here', new.path; end if;"
)
CHECKED = """alter table oadb.traffic add constraint "no /13 here" check (path <> '/13')"""
REFUSE_ALL = REFUSE.format(body="raise exception 'closed';")
AT_ONCE = (
    "create trigger refuse before insert on oadb.traffic for each row execute function "
    "public.refuse()"
)
AT_COMMIT = (
    "create constraint trigger refuse after insert on oadb.traffic deferrable initially deferred "
    "for each row execute function public.refuse()"
)


@pytest.mark.parametrize("trigger", [AT_ONCE, AT_COMMIT], ids=["at once", "at commit"])
@pytest.mark.holds("F49")
def test_a_row_that_a_trigger_refuses_is_parked_and_the_others_are_stored(
    logs: LogWriter, observer: Observer, trigger: str
) -> None:
    if is_cluster():  # which has no triggers on logs
        observer.rows(CHECKED)
    else:
        observer.rows(REFUSE_ONE)
        observer.rows(trigger)
    for number in range(50):
        logs.offer(request(number))
    drained(logs)

    assert observer.ask("select count(distinct path) from oadb.traffic") == 49
    [(text, reason)] = observer.rows("select row_text, reason from oadb.log_rejects")
    assert "path: /13," in text
    assert is_cluster() or "no /13 here" in reason  # of a worker only the text is passed on


@pytest.mark.long("waits for retries")
def test_rows_that_a_trigger_refuses_altogether_are_parked(
    logs: LogWriter, observer: Observer, caplog: pytest.LogCaptureFixture
) -> None:
    observer.rows(REFUSE_ALL)
    observer.rows(AT_ONCE)
    for number in range(30):
        logs.offer(request(number))
    logs.record(ORDER)
    with pytest.raises(ParameterError, match=r"log_rejects.*closed"):
        logs.record(request(30), timeout_seconds=30)
    drained(logs)

    assert observer.ask("select count(*) from oadb.log_rejects") == 31
    assert logs.stats().tables["traffic"].rejected == 31
    assert "traffic refused" in caplog.text


DROP_PARTITIONS = """
do $$ declare name text; begin
for name in select inhrelid::regclass::text from pg_inherits
where inhparent = 'oadb.traffic'::regclass loop execute 'drop table ' || name; end loop;
end $$
"""


@pytest.mark.long("waits for retries")
@pytest.mark.parametrize(
    ("damage", "repair"),
    [
        (
            REFUSE_ALL
            + "create trigger refuse before insert on oadb.traffic for each statement execute "
            "function public.refuse()",
            "drop trigger refuse on oadb.traffic",
        ),
        (
            "alter table oadb.traffic rename column host to hosts",
            "alter table oadb.traffic rename column hosts to host",
        ),
        (
            DROP_PARTITIONS,
            "create table oadb.traffic_default partition of oadb.traffic default",
        ),
    ],
    ids=["a trigger of the statement", "a renamed column", "lost partitions"],
)
def test_a_fault_of_the_table_is_not_the_fault_of_its_rows(
    logs: LogWriter, observer: Observer, damage: str, repair: str
) -> None:
    observer.rows(damage)
    for number in range(20):
        logs.offer(request(number))
    eventually(lambda: logs.stats().retries > 8, 30)
    logs.record(ORDER)
    assert logs.stats().rejected == 0
    observer.rows(repair)
    drained(logs)

    assert observer.ask("select count(distinct path) from oadb.traffic") == 20
    assert observer.ask("select count(*) from oadb.log_rejects") == 0


# Draining ---------------------------------------------------------------------------------------


def test_drain_stores_what_was_taken_and_the_writer_goes_on(
    config: Config, observer: Observer
) -> None:
    with LogWriter(config, limits=Limits(flush_seconds=60)) as logs:
        for number in range(500):
            logs.offer(request(number))
        logs.offer(ORDER)

        assert logs.drain() == 0
        assert observer.ask("select count(*) from oadb.traffic") == 500
        assert observer.ask("select count(*) from oadb.api_logs") == 1
        assert logs.offer(request())


async def test_drain_from_asyncio(config: Config, observer: Observer) -> None:
    async with AsyncLogWriter(config, limits=Limits(flush_seconds=60)) as logs:
        await logs.offer(request())

        assert await logs.drain() == 0
        assert observer.ask("select count(*) from oadb.traffic") == 1


@pytest.mark.long("waits for a deadline")
def test_drain_ends_at_its_deadline_and_says_what_is_left(
    config: Config, observer: Observer
) -> None:
    observer.rows(MISSING)
    with LogWriter(config, limits=Limits(flush_seconds=60)) as logs:
        for number in range(5):
            logs.offer(request(number))
        logs.offer(ORDER)
        started = monotonic()
        left = logs.drain(deadline_seconds=1.0)
        took = monotonic() - started
        observer.rows(REPAIRED)

    assert left == 5
    assert 0.9 < took < 3
    assert observer.ask("select count(*) from oadb.api_logs") == 1


@pytest.mark.parametrize("deadline", [-1, float("nan"), 1e9])
def test_an_impossible_deadline_of_a_drain_is_refused(logs: LogWriter, deadline: float) -> None:
    with pytest.raises(ParameterError, match=r"^deadline_seconds must be a number from 0 to"):
        logs.drain(deadline_seconds=deadline)
