"""What answers like a PostgreSQL server and asks each client for its password in clear."""

import asyncio
import ssl
from collections.abc import Generator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

from oadb.testing.servers import Server
from tests.support.rig import Loop
from tests.support.tls import REQUEST

HOST = "0.0.0.0"
"""An address of this host that is not one of loopback, as an address across a network is not."""

SECRET = "tiger-lily"

# AuthenticationCleartextPassword: its length, and the method 3.
_ASK = b"R" + (8).to_bytes(4) + (3).to_bytes(4)
_GSS = bytes.fromhex("0000000804d21630")
_PASSWORD = b"p"


@dataclass
class Asking:
    """Listens on a free port; ``passwords`` is what it was told, ``clients`` whom it has asked."""

    certificate: Path | None
    """A certificate with its key; None: it offers no TLS."""
    port: int = 0
    passwords: list[str] = field(default_factory=list)
    clients: int = 0
    open: set[asyncio.StreamWriter] = field(default_factory=set)

    def url(self, **options: str) -> str:
        """Return its DATABASE_URL, with a password."""
        keywords = {"host": HOST, "port": str(self.port), "user": "asha", "password": SECRET}
        return Server("url", keywords | options).url("trading")

    async def serve(self) -> asyncio.Server:
        """Listen."""
        server = await asyncio.start_server(self._answer, HOST)
        self.port = server.sockets[0].getsockname()[1]
        return server

    async def end(self, server: asyncio.Server) -> None:
        """Stop listening, in the thread of the loop, and drop every connection."""
        server.close()
        for writer in [*self.open]:
            writer.transport.abort()
        while others := asyncio.all_tasks() - {asyncio.current_task()}:
            await asyncio.wait(others)

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.open.add(writer)
        try:
            with suppress(OSError, ssl.SSLError, asyncio.IncompleteReadError):
                while (message := await _message(reader)) in {REQUEST, _GSS}:
                    await self._secure(writer, message)
                self.clients += 1
                writer.write(_ASK)
                if await reader.readexactly(1) == _PASSWORD:
                    self.passwords.append(_text(await _message(reader)))
        finally:
            self.open.discard(writer)
            writer.transport.abort()

    async def _secure(self, writer: asyncio.StreamWriter, message: bytes) -> None:
        if self.certificate is None or message != REQUEST:
            writer.write(b"N")
            return
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self.certificate)
        writer.write(b"S")
        await writer.start_tls(context)


async def _message(reader: asyncio.StreamReader) -> bytes:
    length = await reader.readexactly(4)
    return length + await reader.readexactly(int.from_bytes(length) - 4)


def _text(message: bytes) -> str:
    return message[4:].rstrip(b"\0").decode()


@contextmanager
def asking(certificate: Path | None = None) -> Generator[Asking]:
    """Give such a server."""
    made, loop = Asking(certificate), Loop()
    server = loop.wait_for(made.serve())
    try:
        yield made
    finally:
        loop.wait_for(made.end(server))
        loop.stop()
