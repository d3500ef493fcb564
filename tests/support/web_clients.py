"""Clients of a web service, many of which fail, are refused or leave: what is stored afterwards.

The services are those of tests/integrations, behind real servers.
"""

import socket
import threading
from collections.abc import Generator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from functools import partial

import uvicorn
from fastapi import FastAPI
from flask import Flask
from werkzeug.serving import make_server

from oadb import Database
from oadb.accounts import users
from tests.support.rig import eventually

# What the path of a request ends with, and the status of its answer; None: the client leaves.
KINDS = {
    "answered": ("", 200),
    "slow": ("/slowly", 200),
    "refused": ("/status/400", 400),
    "failed": ("/error/bug", 500),
    "busy": ("/error/busy", 503),
    "swallowed": ("/swallow", 500),
    "left": ("/slowly", None),
    "vanished": ("/slowly", None),
}


@dataclass(frozen=True, slots=True)
class Outcome:
    """What clients saw and what is stored."""

    asked: int
    answered: int
    missing: int
    """Users of answered requests that are not stored."""
    left_over: int
    """Users of other requests that are stored."""
    surprises: tuple[str, ...]
    """Answers with another status than expected."""


def ask_many(
    serving: AbstractContextManager[int],
    stored: Database,
    count: int,
    prefix: str = "",
    clients: int = 8,
) -> Outcome:
    """Ask *count* times, in turns of all kinds; look for each answered user at once.

    What is stored is looked at once more when the server has ended.
    """
    kinds = [*KINDS]
    named = [(f"{prefix}{kinds[n % len(kinds)]}{n}", kinds[n % len(kinds)]) for n in range(count)]
    first = users.count(stored)
    with serving as port, ThreadPoolExecutor(clients) as pool:
        statuses = [*pool.map(partial(_ask_one, port, stored), named)]
    expected = [KINDS[kind][1] for _, kind in named]
    done = [name for (name, _), status in zip(named, expected, strict=True) if status == 200]
    stays = {name for name in done if users.find_by_username(stored, name)}
    return Outcome(
        asked=count,
        answered=len(done),
        missing=sum(status == (200, False) for status in statuses) + len({*done} - stays),
        left_over=users.count(stored) - first - len(stays),
        surprises=tuple(
            f"{name}: {status}"
            for (name, _), (status, _), wanted in zip(named, statuses, expected, strict=True)
            if status != wanted
        ),
    )


def _ask_one(port: int, stored: Database, named: tuple[str, str]) -> tuple[int | None, bool]:
    """Ask for one user; return the status, and whether the user is there then."""
    name, kind = named
    path, status = KINDS[kind]
    with socket.create_connection(("127.0.0.1", port), timeout=60) as connection:
        head = f"POST /v1/users/{name}{path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n"
        connection.sendall(f"{head}Content-Length: 0\r\n\r\n".encode())
        if status is None:
            if kind == "vanished":  # without the polite end: the server gets a reset
                connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
            return None, False
        first = connection.makefile("rb").readline()
    return int(first.split()[1]), users.find_by_username(stored, name) is not None


@contextmanager
def uvicorn_serving(app: FastAPI) -> Generator[int]:
    """Serve an application with uvicorn; give the port."""
    config = uvicorn.Config(app, "127.0.0.1", 0, log_level="critical", lifespan="on")
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run)
    thread.start()
    try:
        eventually(lambda: server.started)
        yield server.servers[0].sockets[0].getsockname()[1]
    finally:
        server.should_exit = True
        thread.join(60)


@contextmanager
def werkzeug_serving(app: Flask) -> Generator[int]:
    """Serve an application with Flask's own server; give the port."""
    server = make_server("127.0.0.1", 0, app, threaded=True)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield server.server_port
    finally:
        server.shutdown()
        thread.join(60)
        server.server_close()
        # Threads of requests are not waited for by the server.
        eventually(lambda: app.extensions["oadb"].db.stats().leased == 0)
        app.extensions["oadb"].close()
