"""What an observer hears of a log writer: batches, dropped rows, failures."""

from typing import Any

import pytest

from oadb import Config
from oadb.engine.observing import Observer as Listening
from oadb.engine.observing import RowsDropped, RowsWritten, WriteFailed
from oadb.errors import ParameterError
from oadb.logs.writer import AsyncLogWriter, Limits, LogWriter
from tests.support.log_rows import QUICK, drained, request
from tests.support.rig import Observer, eventually


class Hearing(Listening):
    """Keeps what it hears."""

    def __init__(self) -> None:
        self.written: list[RowsWritten] = []
        self.dropped: list[RowsDropped] = []
        self.failed: list[WriteFailed] = []

    def rows_written(self, written: RowsWritten) -> None:
        self.written.append(written)

    def rows_dropped(self, dropped: RowsDropped) -> None:
        self.dropped.append(dropped)

    def write_failed(self, failed: WriteFailed) -> None:
        self.failed.append(failed)


def test_a_batch_is_told_when_it_is_stored(config: Config) -> None:
    heard = Hearing()
    with LogWriter(config, limits=Limits(flush_seconds=60), observer=heard) as logs:
        for number in range(20):
            logs.offer(request(number))
        logs.offer(request(status=5))  # the table refuses it
        assert logs.drain(deadline_seconds=30) == 0
        eventually(lambda: bool(heard.written))

    [written] = heard.written
    assert (written.writer, written.rows, written.rejected) == ("traffic", 21, 1)
    assert (written.retries, written.queued) == (0, 0)
    assert 0 < written.seconds < 30
    assert heard.dropped == []


def test_an_attempt_that_fails_is_told_with_its_sqlstate(
    config: Config, observer: Observer
) -> None:
    heard = Hearing()
    observer.rows("alter table oadb.traffic rename to gone")
    with LogWriter(config, limits=QUICK, observer=heard) as logs:
        logs.offer(request())
        eventually(lambda: bool(heard.failed))
        observer.rows("alter table oadb.gone rename to traffic")
        drained(logs)
        eventually(lambda: bool(heard.written))

    assert heard.failed[0] == WriteFailed("traffic", "UndefinedTable", "42P01", 1)
    assert heard.written[0].retries == len(heard.failed)


async def test_a_row_that_is_not_taken_is_told(config: Config) -> None:
    heard = Hearing()
    blocking = LogWriter(config, observer=heard)
    blocking.close()
    awaiting = AsyncLogWriter(config, observer=[heard])
    await awaiting.close()

    assert not blocking.offer(request())
    assert not await awaiting.offer(request())
    assert heard.dropped == [RowsDropped("traffic", 1)] * 2


def test_its_database_is_not_told_of(config: Config) -> None:
    told: list[Any] = []

    class Other(Listening):
        connection = statement = transaction = staticmethod(told.append)  # type: ignore[assignment]  # all

    with LogWriter(config, limits=QUICK, observer=Other()) as logs:
        logs.record(request())

    assert told == []


def test_what_is_no_observer_is_refused_by_a_writer(config: Config) -> None:
    given: Any = "loud"
    with pytest.raises(ParameterError, match=r"^LogWriter: observer must be an Observer"):
        LogWriter(config, observer=given)
