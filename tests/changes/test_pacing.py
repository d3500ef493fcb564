"""What waits for hints: it does not ask for them without a pause."""

import asyncio
import threading
from typing import cast

from oadb import AsyncDatabase, Database
from oadb.changes import pacing
from oadb.changes.pacing import AsyncPacing, Pacing
from oadb.errors import UnavailableError


class RefusedListener:
    """A database, and its listener, which finds no server."""

    def __init__(self) -> None:
        self.attempts = 0

    def listen(self, _channel: str) -> "RefusedListener":
        return self

    def stop(self) -> None:
        pass

    def __enter__(self) -> None:
        self.attempts += 1
        assert self.attempts == 1, "it has not paused"
        raise UnavailableError("no server")

    def __exit__(self, *_: object) -> None:
        pass

    async def __aenter__(self) -> None:
        await asyncio.sleep(0)
        self.__enter__()

    async def __aexit__(self, *_: object) -> None:
        pass


class RecordedEvent(threading.Event):
    """Notes how long it was waited for, and is set then."""

    def __init__(self) -> None:
        super().__init__()
        self.waited: list[float | None] = []

    def wait(self, timeout: float | None = None) -> bool:
        self.waited.append(timeout)
        self.set()
        return True


def test_a_thread_pauses_before_it_listens_again() -> None:
    refused, ended = RefusedListener(), RecordedEvent()
    paced = Pacing(cast("Database", refused), "oadb_changes")
    paced._ended = ended
    paced.start()
    paced.join()

    assert ended.waited == [pacing._LISTENING_PAUSE]
    assert paced._thread is not None
    assert paced._thread.daemon, "no process waits for it"
    assert refused.attempts == 1


async def test_a_task_pauses_before_it_listens_again() -> None:
    refused = RefusedListener()
    paced = AsyncPacing(cast("AsyncDatabase", refused), "oadb_changes")
    paced.start()
    for _ in range(10):
        await asyncio.sleep(0)

    assert paced._task is not None
    assert not paced._task.done(), "it pauses"
    assert refused.attempts == 1
    await paced.join()
