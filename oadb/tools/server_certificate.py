"""When the certificate of a server expires. libpq does not say, so we ask for it again."""

import socket
import ssl
from datetime import datetime

from cryptography import x509

# The message by which a client of PostgreSQL asks for TLS, and the answer that grants it.
_REQUEST, _GRANTED = bytes.fromhex("0000000804d2162f"), b"S"

# Seconds for each answer.
_PATIENCE = 3.0


def find_expiry(address: str, port: int, name: str) -> datetime | None:
    """Return when the certificate of a server expires; None if it does not show it.

    Args:
        address: where it listens, by TCP.
        name: what it is called; it may choose its certificate by it.
    """
    try:
        shown = _shown(address, port, name)
        return None if shown is None else x509.load_der_x509_certificate(shown).not_valid_after_utc
    except (OSError, ValueError):
        return None


def _shown(address: str, port: int, name: str) -> bytes | None:
    """Make a handshake; nothing else is sent, so it need not be known who answers."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    with socket.create_connection((address, port), timeout=_PATIENCE) as plain:
        plain.sendall(_REQUEST)
        if plain.recv(1) != _GRANTED:
            return None
        with context.wrap_socket(plain, server_hostname=name) as secure:
            return secure.getpeercert(binary_form=True)
