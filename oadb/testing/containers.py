"""A PostgreSQL container, where a Docker engine answers."""

import os
import secrets
import socket
from collections.abc import Generator
from contextlib import ExitStack, contextmanager
from importlib import import_module
from importlib.util import find_spec
from typing import Protocol, cast

from oadb.errors import UnavailableError

_DEFAULT_IMAGE = "postgres:18-alpine"

# To find out that no engine answers must cost next to nothing; a download may take its time, but
# one that says nothing for this long is not coming.
_PING_SECONDS = 2
_PULL_SECONDS = 60

# The data of a test need not survive a crash of the machine.
_COMMAND = "-c fsync=off -c full_page_writes=off -c cluster_name=throwaway"


class _Images(Protocol):
    def list(self, name: str) -> list[object]: ...

    def pull(self, repository: str) -> object: ...


class _Engine(Protocol):
    """What is used of docker.DockerClient, which has no types of its own."""

    @property
    def images(self) -> _Images: ...

    def ping(self) -> bool: ...

    def close(self) -> None: ...


class _Container(Protocol):
    """What is used of testcontainers' PostgresContainer; the package may be missing."""

    def with_command(self, command: str) -> object: ...

    def start(self) -> object: ...

    def stop(self) -> None: ...

    def get_container_host_ip(self) -> str: ...

    def get_exposed_port(self, port: int) -> int: ...


class _NewContainer(Protocol):
    def __call__(
        self, image: str, *, username: str, password: str, dbname: str, driver: None
    ) -> _Container: ...


@contextmanager
def postgres() -> Generator[dict[str, str]]:
    """Run the image in OADB_TEST_IMAGE (postgres:18-alpine); give libpq keywords of a superuser.

    If this process is killed, testcontainers' Ryuk removes the container, unless it is disabled.

    Raises:
        UnavailableError: No engine answers within two seconds, or it cannot get or run the image;
            the text has the reason.
    """
    if find_spec("testcontainers") is None:
        raise UnavailableError("testcontainers is not installed")
    image = os.environ.get("OADB_TEST_IMAGE") or _DEFAULT_IMAGE
    password = secrets.token_hex()
    with ExitStack() as cleanup:
        try:
            _find_engine()
            _fetch(image)
            container = _new(image, password)
            cleanup.callback(container.stop)
            container.start()
            keywords = _keywords(container, password)
        except Exception as error:
            # Docker, requests, urllib3 and testcontainers have no error in common.
            raise UnavailableError(f"{image} in Docker: {error}") from error
        yield keywords


def _find_engine() -> None:
    """Raise OSError at once where nobody listens; docker's own client would leak its socket."""
    host = os.environ.get("DOCKER_HOST") or "unix:///var/run/docker.sock"
    if host.startswith("unix://"):
        with socket.socket(socket.AF_UNIX) as probe:
            probe.settimeout(_PING_SECONDS)
            probe.connect(host.removeprefix("unix://"))


def _fetch(image: str) -> None:
    """Have the engine hold *image*, downloaded if need be."""
    engine = _engine(_PING_SECONDS)
    try:
        engine.ping()
        held = engine.images.list(name=image)
    finally:
        engine.close()
    if held:
        return
    engine = _engine(_PULL_SECONDS)
    try:
        engine.images.pull(image)
    finally:
        engine.close()


def _engine(timeout: int) -> _Engine:
    return cast("_Engine", import_module("docker").from_env(timeout=timeout))


def _new(image: str, password: str) -> _Container:
    module = import_module("testcontainers.community.postgres")
    new = cast("_NewContainer", module.PostgresContainer)
    container = new(image, username="postgres", password=password, dbname="postgres", driver=None)
    container.with_command(_COMMAND)
    return container


def _keywords(container: _Container, password: str) -> dict[str, str]:
    return {
        "host": container.get_container_host_ip(),
        "port": str(container.get_exposed_port(5432)),
        "user": "postgres",
        "password": password,
        "dbname": "postgres",
    }
