"""Latency: written calls are found, and statistics are those of the calls in a window."""

import random
from collections.abc import Iterable
from dataclasses import astuple, fields, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import psycopg
import pytest
from psycopg.errors import CheckViolation

from oadb import AsyncDatabase, Database, Transaction
from oadb.errors import ParameterError
from oadb.logs import latency, rollups
from oadb.logs.latency import Timing
from tests.support.plans import plan
from tests.support.rollup_rows import at, duration, put_latency, require_quantiles, windows

TIMING = Timing(
    total_ms=120.0,
    outcome="succeeded",
    broker="zerodha",
    order_type="LIMIT",
    symbol="INFY",
    order_id="250101000000001",
    user_id=7,
    rtt_ms=80.0,
    validation_ms=5.0,
    response_ms=30.0,
    overhead_ms=-1.5,
    error=None,
)

LONG_AGO, FAR_AHEAD = datetime(2000, 1, 1, tzinfo=UTC), datetime(2100, 1, 1, tzinfo=UTC)
PARTS = ("rtt", "validation", "response", "overhead", "total")


def test_a_call_is_read_as_it_was_written(db: Database) -> None:
    latency.record(db, TIMING)

    (row,) = latency.list_timings(db)
    assert {f.name: getattr(row, f.name) for f in fields(Timing)} == {
        f.name: getattr(TIMING, f.name) for f in fields(Timing)
    }
    with db.transaction() as tx:
        assert [*latency.stream(tx, since=LONG_AGO, until=FAR_AHEAD)] == [row]
    assert not latency.list_timings(db, until=row.logged_at), "a window does not include its end"
    assert latency.list_timings(db, since=row.logged_at).rows == [row]
    assert latency.get(db, row.log_id, logged_at=row.logged_at) == row
    assert latency.get(db, row.log_id, logged_at=LONG_AGO) is None


def test_a_call_with_only_a_time_and_an_outcome_is_logged(tx: Transaction) -> None:
    latency.record(tx, Timing(total_ms=1.0, outcome="failed"))

    assert astuple(latency.list_timings(tx).rows[0])[2:] == (
        *([None] * 9),
        1.0,
        "failed",
        None,
    )
    found = latency.statistics(tx, since=LONG_AGO, until=FAR_AHEAD)
    assert (found.total.total.calls, found.total.rtt.calls) == (1, 0)
    assert [each.total.broker for each in found.brokers] == [None]
    assert latency.list_brokers(tx) == []


@pytest.mark.parametrize("field", ["broker", "order_type", "symbol", "order_id", "error"])
@pytest.mark.parametrize("text", ["a b " * 25_000, "a\0b", "a\ud800b"])
def test_no_text_is_too_long_or_too_strange_to_be_logged(
    tx: Transaction, field: str, text: str
) -> None:
    """Defect 42: a symbol of 51 characters left no trace of its order."""
    latency.record(tx, replace(TIMING, **{field: text}))

    kept = getattr(latency.list_timings(tx).rows[0], field)
    assert kept[:1] == text[:1]
    assert len(kept) <= 2000


def test_a_user_must_be_a_number(tx: Transaction) -> None:
    """Defect 43."""
    with pytest.raises(ParameterError, match="user_id must be int"):
        latency.record(tx, replace(TIMING, user_id="asha"))  # type: ignore[arg-type]  # refused


def test_no_file_is_made_in_the_working_directory(
    tx: Transaction, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Defect 44."""
    monkeypatch.chdir(tmp_path)
    latency.record(tx, TIMING)

    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "changes",
    [{"total_ms": -1.0}, {"rtt_ms": float("nan")}, {"validation_ms": 1e10}],
)
def test_an_impossible_value_is_refused_and_not_counted(
    tx: Transaction, changes: dict[str, Any]
) -> None:
    with pytest.raises(CheckViolation), tx.transaction() as nested:
        latency.record(nested, replace(TIMING, **changes))

    assert latency.statistics(tx, since=LONG_AGO, until=FAR_AHEAD).total.total.calls == 0


# Statistics -------------------------------------------------------------------------------------


def calls(chance: random.Random, count: int, first: float, last: float) -> list[Any]:
    def maybe(value: float) -> float | None:
        return None if chance.random() < 0.2 else value

    return [
        (
            at(chance.uniform(first, last)),
            chance.choice([None, "zerodha", "angel", "dhan"]),
            *(maybe(duration(chance)) for _ in range(3)),
            maybe(chance.uniform(-50, 50)),
            duration(chance),
            chance.choice(["succeeded"] * 5 + ["failed", "partial"]),
        )
        for _ in range(count)
    ]


def require_latency(db: Database, rows: Iterable[Any], since: datetime, until: datetime) -> None:
    """Compare the statistics of a window with those that Python computes from all rows."""
    inside = [row for row in rows if since <= row[0] < until]
    found = latency.statistics(db, since=since, until=until)
    assert {each.total.broker for each in found.brokers} == {row[1] for row in inside}
    assert len(found.brokers) == len({row[1] for row in inside})
    groups = [(found.total, inside)] + [
        (each, [row for row in inside if row[1] == each.total.broker]) for each in found.brokers
    ]
    for summary, mine in groups:
        for place, name in enumerate(PARTS, 2):
            part = getattr(summary, name)
            measured = [row for row in mine if row[place] is not None]
            times = [row[place] for row in measured]
            assert part.part == name
            assert part.calls == len(times)
            assert part.failed == sum(row[7] == "failed" for row in measured)
            assert part.partial == sum(row[7] == "partial" for row in measured)
            for limit in (100, 150, 200):
                under = getattr(part, f"under_{limit}_ms")
                assert under == sum(time < limit for time in times)
                assert part.share(under) == (under / len(times) if times else None)
            require_quantiles(part, times, exactly=len(inside) <= rollups.FEW)


def test_statistics_of_each_broker_are_those_of_its_calls(
    db: Database, url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Windows begin and end with a call; some have few calls, some more; all limits are met."""
    monkeypatch.setattr(rollups, "FEW", 8)
    times = (99.0, 100.0, 149.0, 150.0, 199.0, 200.0, 3.0)
    rows = [
        (
            at(number / 2),
            (None, "angel", "zerodha")[number % 3],
            times[number % 7],
            None if number % 4 else 1.0,
            times[number % 5],
            number - 12.0,
            times[number * 3 % 7],
            ("succeeded", "failed", "partial", "succeeded")[number % 4],
        )
        for number in range(24)
    ]
    put_latency(url, rows[:12])
    rollups.refresh(db)
    put_latency(url, rows[12:])
    for since, until in ((2, 5.5), (0, 12), (4.5, 8), (-1, 9.5)):
        require_latency(db, rows, at(since), at(until))


@pytest.mark.long("random windows")
@pytest.mark.parametrize("seed", [0, pytest.param(1, marks=pytest.mark.slow)])
def test_statistics_of_any_window_are_those_of_its_calls(db: Database, url: str, seed: int) -> None:
    chance = random.Random(seed)
    rows: list[Any] = []
    for number in range(4):
        span = (0, 2880) if number % 2 else (number * 720, number * 720 + 720)
        batch = calls(chance, 600, *span)
        put_latency(url, batch)
        rows += batch
        if number == 1:
            rollups.refresh(db)
    for since, until in windows(chance, 20):
        require_latency(db, rows, since, until)
    assert latency.list_brokers(db) == ["angel", "dhan", "zerodha"]
    rollups.refresh(db)
    for since, until in windows(chance, 20):
        require_latency(db, rows, since, until)
    assert latency.list_brokers(db) == ["angel", "dhan", "zerodha"]


def test_statistics_have_the_same_parts_when_there_were_no_calls(tx: Transaction) -> None:
    """The reference returned other keys after an error."""
    found = latency.statistics(tx, since=at(0), until=at(60))

    assert found.brokers == ()
    for name in PARTS:
        part = getattr(found.total, name)
        assert (part.part, part.calls, part.p99_ms, part.share(0)) == (name, 0, None, None)


def test_the_brokers_of_every_waiting_batch_are_listed(db: Database, url: str) -> None:
    for hour, broker in enumerate(["zerodha", "angel"]):
        put_latency(url, [(at(60 * hour), broker, 1.0, None, None, None, 2.0, "succeeded")])

    assert latency.list_brokers(db) == ["angel", "zerodha"]


async def test_calls_are_written_and_counted_from_asyncio(adb: AsyncDatabase, db: Database) -> None:
    await latency.record(adb, TIMING)

    found = await latency.statistics(adb, since=LONG_AGO, until=FAR_AHEAD)
    assert found == latency.statistics(db, since=LONG_AGO, until=FAR_AHEAD)
    assert found.total.rtt.p50_ms == 80.0


@pytest.mark.long("fills the table")
def test_no_statement_scans_the_whole_table(db: Database, url: str) -> None:
    """Defect 48: there was no index but the key's."""
    put_latency(url, calls(random.Random(1), 3000, 0, 14 * 1440))
    rollups.refresh(db)
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("vacuum analyze oadb.latency, oadb.latency_rollups, oadb.log_batches")
    for name in ("list_timings", "stream +since", "_summarize", "list_brokers"):
        assert "Seq Scan on latency_default" not in plan(url, "latency", name)
