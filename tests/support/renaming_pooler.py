"""A pooler in transaction mode that gives prepared statements names of its own.

As PgBouncer 1.21 and newer do: a statement is known by its text, and prepared in each session of
the server to which it comes. Two sessions are shared by all clients, and keep what was prepared.
"""

import os
import queue
import select
import socket
import struct
import tempfile
import threading
from collections.abc import Generator, Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import Any

import psycopg

from oadb.testing.servers import Server

_PORT = 6432  # names the socket in a folder of its own; nothing listens on it
_REPORTED = ("client_encoding", "DateStyle", "standard_conforming_strings", "server_version")


def _packed(kind: bytes, *parts: bytes) -> bytes:
    content = b"".join(parts)
    return kind + struct.pack("!I", len(content) + 4) + content


class _Stream:
    """Messages that arrive at a socket."""

    def __init__(self, end: socket.socket) -> None:
        self.end = end
        self._left = b""

    def messages(self) -> Iterator[tuple[bytes, bytes]]:
        """Yield those that have arrived; raise EOFError at the end."""
        arrived = self.end.recv(2**16)
        if not arrived:
            raise EOFError
        self._left += arrived
        while len(self._left) >= 5:
            size = 1 + int.from_bytes(self._left[1:5], "big")
            if len(self._left) < size:
                return
            message, self._left = self._left[:size], self._left[size:]
            yield message[:1], message[5:]


class _Session:
    """A session of the server."""

    def __init__(self, url: str) -> None:
        self._connection: psycopg.Connection[Any] = psycopg.connect(url, autocommit=True)
        self.reported = {
            name: self._connection.info.parameter_status(name) or "" for name in _REPORTED
        }
        end = socket.socket(fileno=os.dup(self._connection.fileno()))
        end.setblocking(True)
        self.stream = _Stream(end)
        self.texts: dict[bytes, bytes] = {}

    def close(self) -> None:
        self.stream.end.close()
        self._connection.close()


class RenamingPooler:
    """Gives each transaction of its clients one of its sessions."""

    def __init__(self, folder: Path, url: str) -> None:
        self.url = Server("url", {"host": str(folder), "port": str(_PORT), "user": "app"}).url("x")
        self.sessions = [_Session(url) for _ in range(2)]
        self._free: queue.LifoQueue[_Session] = queue.LifoQueue()
        for session in self.sessions:
            self._free.put(session)
        self._listener = socket.socket(socket.AF_UNIX)
        self._listener.bind(str(folder / f".s.PGSQL.{_PORT}"))
        self._listener.listen()
        self._clients: list[socket.socket] = []
        self._threads = [threading.Thread(target=self._listen)]
        self._threads[0].start()

    def close(self) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        self._threads[0].join()
        for client in self._clients:
            with suppress(OSError):  # it has left
                client.shutdown(socket.SHUT_RDWR)
        for thread in self._threads:
            thread.join()
        for session in self.sessions:
            session.close()

    def _listen(self) -> None:
        with self._listener:
            while True:
                try:
                    client, _ = self._listener.accept()
                except OSError:
                    return
                self._clients.append(client)
                self._threads.append(threading.Thread(target=self._serve, args=[client]))
                self._threads[-1].start()

    def _serve(self, client: socket.socket) -> None:
        with client:
            size = int.from_bytes(client.recv(4), "big")
            client.recv(size - 4)
            reported = self.sessions[0].reported.items()
            client.sendall(
                _packed(b"R", struct.pack("!I", 0))
                + b"".join(_packed(b"S", f"{name}\0{value}\0".encode()) for name, value in reported)
                + _packed(b"K", struct.pack("!II", 1, 1))
                + _packed(b"Z", b"I")
            )
            _Client(client, self._free).serve()


class _Client:
    def __init__(self, end: socket.socket, free: "queue.LifoQueue[_Session]") -> None:
        self._stream = _Stream(end)
        self._free = free
        self._texts: dict[bytes, bytes] = {}
        self._session: _Session | None = None
        self._awaited = 0

    def serve(self) -> None:
        """Pass messages on until the client leaves."""
        try:
            while True:
                self._pass_on()
        except (EOFError, OSError):
            if self._session is not None:
                self._session.stream.end.sendall(_packed(b"Q", b"rollback\0"))

    def _pass_on(self) -> None:
        served = [] if self._session is None else [self._session.stream.end]
        ready, _, _ = select.select([self._stream.end, *served], [], [])
        if self._session is not None and self._session.stream.end in ready:
            for kind, content in self._session.stream.messages():
                self._stream.end.sendall(_packed(kind, content))
                self._awaited -= kind == b"Z"
                if kind == b"Z" and content == b"I" and not self._awaited:
                    self._free.put(self._session)
                    self._session = None
                    return
        if self._stream.end in ready:
            for kind, content in self._stream.messages():
                if kind == b"X":
                    raise EOFError
                self._session = self._session or self._free.get()
                self._awaited += kind in {b"S", b"Q"}
                sent = self._renamed(self._session, kind, content)
                self._session.stream.end.sendall(sent)

    def _renamed(self, session: _Session, kind: bytes, content: bytes) -> bytes:
        """Return what the server gets for a message."""
        if kind == b"P" and content[0]:
            name, _, text = content.partition(b"\0")
            self._texts[name] = text
            # Something that is answered in the same way, if the session has it.
            return self._prepared(session, text) or _packed(b"P", b"\0\0\0\0")
        if kind == b"B":
            portal, _, rest = content.partition(b"\0")
            name, _, rest = rest.partition(b"\0")
            if name:
                text = self._texts[name]
                first = self._prepared(session, text)
                return first + _packed(b"B", portal, b"\0", session.texts[text], b"\0", rest)
        return _packed(kind, content)

    def _prepared(self, session: _Session, text: bytes) -> bytes:
        """Return what prepares a text in a session; empty if it is."""
        if text in session.texts:
            return b""
        session.texts[text] = b"RENAMED_%d" % len(session.texts)
        return _packed(b"P", session.texts[text], b"\0", text)


@contextmanager
def renaming(url: str) -> Generator[RenamingPooler]:
    """Give such a pooler in front of the database *url*."""
    with (
        tempfile.TemporaryDirectory(prefix="oadb-pooler-") as name,
        closing(RenamingPooler(Path(name), url)) as pooler,
    ):
        yield pooler
