"""Ends and children of a process with rows in its queues."""

from oadb import Config
from oadb.logs.writer import Limits, LogWriter
from tests.support.forks import in_child
from tests.support.log_rows import request
from tests.support.rig import Observer


def test_a_forked_child_begins_with_empty_queues_and_leaves_the_rows_to_its_parent(
    config: Config, observer: Observer
) -> None:
    with LogWriter(config, limits=Limits(flush_seconds=60)) as logs:
        logs.offer(request(1))
        assert logs.stats().queued_rows == 1
        assert in_child(lambda: logs.stats().queued_rows) == "0"

    assert observer.ask("select count(*) from oadb.traffic") == 1
