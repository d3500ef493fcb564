"""What answers like a server with TLS, and records what it was sent; and certificates for it.

The embedded PostgreSQL is built without TLS. A ``Front`` answers the request for it, makes the
handshake with the certificate that it is given, and passes the rest on to a server in clear text.
"""

import asyncio
import ssl
from collections.abc import Generator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from tests.support.rig import Loop

REQUEST = bytes.fromhex("0000000804d2162f")
"""SSLRequest: the first message of a client that wants TLS."""

PORT = "/.s.PGSQL."
"""What stands before the port in the name of a Unix socket."""

_PIECE = 65536


class Authority:
    """A certificate authority."""

    def __init__(self, name: str) -> None:
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._name = _named(name)
        basic = x509.BasicConstraints(ca=True, path_length=None)
        self._certificate = (
            _certificate(self._name, self._name, self._key, timedelta(days=1))
            .add_extension(basic, critical=True)
            .sign(self._key, hashes.SHA256())
        )

    def write(self, file: Path) -> Path:
        """Write the certificate, for ``sslrootcert``."""
        file.write_bytes(self._certificate.public_bytes(serialization.Encoding.PEM))
        return file

    def issue(self, file: Path, host: str, *, valid: timedelta = timedelta(days=1)) -> Path:
        """Write a certificate for *host* with its key; with a negative *valid* it has expired."""
        key = ec.generate_private_key(ec.SECP256R1())
        certificate = (
            _certificate(_named(host), self._name, key, valid)
            .add_extension(x509.SubjectAlternativeName([x509.DNSName(host)]), critical=False)
            .sign(self._key, hashes.SHA256())
        )
        pem, form = serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8
        file.write_bytes(
            key.private_bytes(pem, form, serialization.NoEncryption())
            + certificate.public_bytes(pem)
        )
        return file


def _named(name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])


def _certificate(
    subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePrivateKey, valid: timedelta
) -> x509.CertificateBuilder:
    now = datetime.now(UTC)
    return x509.CertificateBuilder(
        issuer_name=issuer,
        subject_name=subject,
        public_key=key.public_key(),
        serial_number=x509.random_serial_number(),
        not_valid_before=now - timedelta(days=2),
        not_valid_after=now + valid,
    )


@dataclass
class Front:
    """Listens on a free port of 127.0.0.1; ``received`` is what came in clear, by connection."""

    socket: str
    certificate: Path | None
    """A certificate with its key; None: it offers no TLS."""
    port: int = 0
    received: list[bytearray] = field(default_factory=list)
    open: set[asyncio.StreamWriter] = field(default_factory=set)

    async def serve(self) -> asyncio.Server:
        """Listen."""
        server = await asyncio.start_server(self._answer, "127.0.0.1")
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
        clear = bytearray()
        self.received.append(clear)
        self.open.add(writer)
        try:
            # What a client does that was refused, or that refuses, is in what it sends.
            with suppress(OSError, ssl.SSLError, asyncio.IncompleteReadError):
                clear += await reader.readexactly(len(REQUEST))
                if self.certificate is None:
                    writer.write(b"N")
                    while data := await reader.read(_PIECE):
                        clear += data
                else:
                    await self._secure(writer)
                    await self._pass_on(reader, writer)
        finally:
            self.open.discard(writer)
            writer.transport.abort()

    async def _secure(self, writer: asyncio.StreamWriter) -> None:
        assert self.certificate is not None
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self.certificate)
        writer.write(b"S")
        await writer.start_tls(context)

    async def _pass_on(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if self.socket.startswith("/"):
            from_server, to_server = await asyncio.open_unix_connection(self.socket)
        else:
            host, _, port = self.socket.partition(PORT)
            from_server, to_server = await asyncio.open_connection(host, int(port))
        try:
            copies = [_copy(reader, to_server), _copy(from_server, writer)]
            tasks = [asyncio.ensure_future(each) for each in copies]
            await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
        finally:
            to_server.transport.abort()


async def _copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while data := await reader.read(_PIECE):
        writer.write(data)
        await writer.drain()


@contextmanager
def front(socket: str, certificate: Path | None) -> Generator[Front]:
    """Give a Front of the server with this Unix socket, or with this host instead of its folder."""
    made, loop = Front(socket, certificate), Loop()
    server = loop.wait_for(made.serve())
    try:
        yield made
    finally:
        loop.wait_for(made.end(server))
        loop.stop()
