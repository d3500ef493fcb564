"""A TCP proxy in front of a PostgreSQL server, which cuts, delays and counts.

    with Proxy(server.keywords) as proxy:
        connection = psycopg.connect(**proxy.keywords)
        before = proxy.round_trips
        ...
        proxy.reset()

It runs in a thread with its own event loop, so that sync and async tests can block on it, and so
that it can close a connection while it reads from it, which a reset requires.
"""

import asyncio
import socket
import struct
import threading
from collections import deque
from collections.abc import Callable, Coroutine, Mapping
from concurrent.futures import Future
from contextlib import suppress
from typing import Self, cast

from oadb.testing.servers import Server

_ANSWER_SECONDS = 10


class Proxy:
    """Listens on a free port of 127.0.0.1; every method returns after it took effect."""

    def __init__(self, keywords: Mapping[str, str]) -> None:
        self._target = dict(keywords)
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="proxy")
        self._listener: socket.socket | None = None
        self._taking: set[asyncio.Task[object]] = set()
        self._port = 0
        self.ends: set[End] = set()
        self.paused = False
        self.latency = 0.0
        self.bytes_sent = 0
        self.bytes_received = 0
        self.round_trips = 0
        # Called with data before it is passed on; if it returns True, the data is dropped.
        self.hook: Callable[[End, bytes], bool] = lambda _end, _data: False

    def __enter__(self) -> Self:
        self._thread.start()
        self.accept()
        return self

    def __exit__(self, *_: object) -> None:
        try:
            self._do(self._finish())
        finally:
            self._loop.call_soon_threadsafe(self._loop.stop)
            self._thread.join()
            self._loop.close()

    @property
    def keywords(self) -> dict[str, str]:
        """The libpq keywords of the target, through the proxy."""
        # Without TLS, which a server may offer, as tests read and change what is sent.
        plain = {"sslmode": "disable", "gssencmode": "disable"}
        return {**plain, **self._target, "host": "127.0.0.1", "port": str(self._port)}

    @property
    def url(self) -> str:
        """The DATABASE_URL of the target, through the proxy."""
        return Server("url", self.keywords).url(self._target["dbname"])

    def accept(self) -> None:
        """Accept new connections, always on the same port."""
        self._do(self._accept())

    def refuse(self) -> None:
        """Refuse new connections; open ones stay."""
        self._do(self._refuse())

    def cut(self) -> None:
        """Close every connection, as a server that shuts down does (FIN)."""
        self._do(self._close(reset=False))

    def reset(self) -> None:
        """Reset every connection, as a host that has restarted does (RST)."""
        self._do(self._close(reset=True))

    def pause(self) -> None:
        """Silently hold back all data, as a broken network does."""
        self._do(self._pause(paused=True))

    def resume(self) -> None:
        """Deliver the data that was held back, and go on."""
        self._do(self._pause(paused=False))

    def delay(self, seconds: float) -> None:
        """Delay all data from now on by *seconds*, each way."""
        self.latency = seconds

    async def connect(self, client: "End") -> None:
        """Connect a new client to the server; without a server, drop it."""
        host, port = self._target["host"], self._target.get("port", "5432")
        try:
            server = End(self, client)
            if host.startswith("/"):
                path = f"{host}/.s.PGSQL.{port}"
                await self._loop.create_unix_connection(lambda: server, path)
            else:
                await self._loop.create_connection(lambda: server, host, int(port))
        except OSError:
            client.transport.abort()
            return
        if client.lost.done():
            server.transport.abort()
            return
        client.peer = server
        # In Python 3.11.2, Debian 12's, a transport reads although it was paused when it was made.
        client.deliver(len(client.waiting))
        client.transport.resume_reading()

    def _do(self, action: Coroutine[object, object, None]) -> None:
        done: Future[None] = asyncio.run_coroutine_threadsafe(action, self._loop)
        done.result(_ANSWER_SECONDS)

    async def _accept(self) -> None:
        if self._listener is None:
            self._listener = socket.create_server(("127.0.0.1", self._port))
            self._listener.setblocking(False)
            self._port = self._listener.getsockname()[1]
            self._loop.add_reader(self._listener, self._take, self._listener)

    def _take(self, listener: socket.socket) -> None:
        # Not asyncio's server: if it is closed at this moment, the connection stays open forever.
        with suppress(OSError):
            connection, _ = listener.accept()
            connection.setblocking(False)
            taking = self._loop.connect_accepted_socket(lambda: End(self), connection)
            task = self._loop.create_task(taking)
            self._taking.add(task)
            task.add_done_callback(self._taking.discard)

    async def _refuse(self) -> None:
        if self._listener is not None:
            self._loop.remove_reader(self._listener)
            self._listener.close()
            self._listener = None

    async def _close(self, *, reset: bool) -> None:
        ends = list(self.ends)
        for end in ends:
            end.close(reset=reset)
        await asyncio.gather(*(end.lost for end in ends))

    async def _finish(self) -> None:
        await self._refuse()
        while others := asyncio.all_tasks() - {asyncio.current_task()}:
            await asyncio.gather(*others)
        await self._close(reset=True)

    async def _pause(self, *, paused: bool) -> None:
        self.paused = paused
        for end in list(self.ends):
            end.deliver(len(end.waiting))
            if end.peer is not None:  # it may have been closed meanwhile
                end.peer.deliver(len(end.peer.waiting))


class End(asyncio.Protocol):
    """An end of a connection through the proxy: of the client, or with *peer* of the server."""

    def __init__(self, proxy: Proxy, peer: "End | None" = None) -> None:
        self._proxy = proxy
        self._loop = asyncio.get_running_loop()
        self.is_client = peer is None
        self._connecting: asyncio.Task[None] | None = None
        self.peer = peer
        self.asked = False
        # Data from this end that must be sent to its peer; None when this end was closed.
        self.waiting: deque[bytes | None] = deque()
        self.lost: asyncio.Future[None] = self._loop.create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast("asyncio.Transport", transport)
        self._proxy.ends.add(self)
        if self.is_client:
            self.transport.pause_reading()
            self._connecting = self._loop.create_task(self._proxy.connect(self))

    def data_received(self, data: bytes) -> None:
        self._count(len(data))
        if not self._proxy.hook(self, data):
            self._pass_on(data)

    def connection_lost(self, _: Exception | None) -> None:
        self._proxy.ends.discard(self)
        self.lost.set_result(None)
        self._pass_on(None)

    def close(self, *, reset: bool) -> None:
        """Close this end at once; with *reset*, by RST."""
        self.waiting.clear()
        if reset:
            connection = self.transport.get_extra_info("socket")
            if connection.family != socket.AF_UNIX:
                linger = struct.pack("ii", 1, 0)
                connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
        self.transport.abort()

    def deliver(self, most: int = 1) -> None:
        """Send waiting data to the peer, once there is one, unless the proxy is paused."""
        if self.peer is None:
            return
        for _ in range(0 if self._proxy.paused else min(most, len(self.waiting))):
            data = self.waiting.popleft()
            if self.peer.lost.done():
                continue
            if data is None:
                self.peer.transport.close()
            else:
                self.peer.transport.write(data)

    def _pass_on(self, data: bytes | None) -> None:
        self.waiting.append(data)
        if self._proxy.latency:
            self._loop.call_later(self._proxy.latency, self.deliver)
        else:
            self.deliver(len(self.waiting))

    def _count(self, size: int) -> None:
        """Count bytes, and a round trip at the first answer after a request."""
        if self.is_client:
            self._proxy.bytes_sent += size
            self.asked = True
            return
        self._proxy.bytes_received += size
        assert self.peer is not None
        if self.peer.asked:
            self.peer.asked = False
            self._proxy.round_trips += 1
