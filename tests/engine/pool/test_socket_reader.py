"""An event loop watches a connection once, goes on with what arrives, and forgets it in time."""

import asyncio
import gc
import os
import socket
import threading
from collections.abc import Generator
from typing import Any

import pytest
from psycopg.waiting import WAIT_R

from oadb.engine.pool.socket_reader import SocketReader


class Pair:
    """A socket of the server, and a reader of the client's."""

    def __init__(self) -> None:
        self.server, self.client = socket.socketpair()
        self.descriptor = os.dup(self.client.fileno())
        self.reader = SocketReader(self.descriptor)
        self.steps: list[bytes] = []

    def exchange(self, parts: int) -> Generator[Any, Any, bytes]:
        for _ in range(parts):
            yield WAIT_R
            self.steps.append(self.client.recv(100))
        return b"".join(self.steps)

    def close(self) -> None:
        self.server.close()
        self.client.close()


async def turns() -> None:
    """Let the loop look at its sockets, as it does in each turn, and run what follows."""
    for _ in range(5):
        await asyncio.sleep(0)


@pytest.fixture
async def pair() -> Any:
    made = Pair()
    yield made
    made.close()


async def test_an_exchange_goes_on_with_each_part_that_arrives(pair: Pair) -> None:
    answer = asyncio.ensure_future(pair.reader.run(pair.exchange(2)))
    for part in (b"one ", b"two"):
        pair.server.send(part)
        await turns()
    assert await answer == b"one two"
    pair.reader.close()


async def test_an_error_that_nobody_awaits_any_more_is_not_logged(
    pair: Pair, caplog: pytest.LogCaptureFixture
) -> None:
    """Such as that of a statement that was cancelled when its event loop ended."""

    def refused() -> Generator[Any]:
        yield WAIT_R
        raise ValueError(pair.client.recv(100))

    answer = pair.reader.run(refused())
    pair.server.send(b"canceled")
    await turns()
    del answer
    gc.collect()

    assert caplog.messages == []
    pair.reader.close()


async def test_an_exchange_that_need_not_wait_has_its_answer_at_once(pair: Pair) -> None:
    assert await pair.reader.run(pair.exchange(0)) == b""
    pair.reader.close()


async def test_an_error_of_an_exchange_is_raised_where_it_is_awaited(pair: Pair) -> None:
    def broken() -> Generator[Any, Any, None]:
        yield WAIT_R
        raise ZeroDivisionError

    answer = pair.reader.run(broken())
    pair.server.send(b"x")
    with pytest.raises(ZeroDivisionError):
        await answer
    pair.reader.close()


async def test_a_cancelled_exchange_goes_no_further_until_it_is_run_again(pair: Pair) -> None:
    exchange = pair.exchange(1)
    task = asyncio.ensure_future(pair.reader.run(exchange))
    task.cancel()
    pair.server.send(b"late")
    await turns()
    assert pair.steps == []
    assert await pair.reader.run(exchange) == b"late"
    pair.reader.close()


async def test_what_arrives_without_an_exchange_does_not_keep_the_loop_busy(pair: Pair) -> None:
    answer = pair.reader.run(pair.exchange(1))
    pair.server.send(b"answer")
    await answer
    pair.server.send(b"a notice")
    await turns()
    assert not asyncio.get_running_loop().remove_reader(pair.descriptor)
    assert await pair.reader.run(pair.exchange(1)) == b"answera notice"
    pair.reader.close()


@pytest.mark.parametrize("is_elsewhere", [False, True])
async def test_a_closed_socket_is_forgotten_before_its_number_is_used_again(
    pair: Pair, *, is_elsewhere: bool
) -> None:
    answer = pair.reader.run(pair.exchange(1))
    pair.server.send(b"x")
    await answer
    if is_elsewhere:
        thread = threading.Thread(target=pair.reader.close)
        thread.start()
        await asyncio.to_thread(thread.join)
        await turns()
    else:
        pair.reader.close()
    with pytest.raises(OSError, match="Bad file descriptor"):
        os.fstat(pair.descriptor)
    assert not asyncio.get_running_loop().remove_reader(pair.descriptor)
