"""What other processes are told while something is done."""

from collections.abc import Callable, Iterable

import pytest

from oadb import Database
from oadb.changes.announcements import Change
from oadb.changes.snapshots import Everything, read_since
from oadb.engine.binding.operations import operation
from oadb.engine.pool.hint_sender import HintSender
from tests.support.rig import config

read = operation(read_since)


def heard(url: str, work: Callable[[], object]) -> list[Change | Everything]:
    """Return the changes that become visible while *work* is done."""
    with Database(config(url)) as db:
        before = read(db, None)
        work()
        return read(db, before).changes


def hinted(work: Callable[[], object]) -> list[str]:
    """Return the channels on which a hint follows what *work* commits; none is sent."""
    channels: list[str] = []

    def send(_: HintSender, given: Iterable[str]) -> None:
        channels.extend(sorted(given))

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(HintSender, "send", send)
        work()
    return channels
