"""Ports on which nothing listens."""

import socket
from contextlib import ExitStack, closing


def free_ports(count: int) -> list[int]:
    """Return as many ports of this machine, all different, that were free a moment ago."""
    with ExitStack() as bound:
        listeners = [bound.enter_context(closing(socket.socket())) for _ in range(count)]
        for listener in listeners:
            listener.bind(("127.0.0.1", 0))
        return [listener.getsockname()[1] for listener in listeners]
