"""A server that is stopped before it has started."""

import os
from collections.abc import Generator
from concurrent.futures import Future
from pathlib import Path

import pytest

from oadb.embedded import embedded_server
from oadb.embedded.cluster import Cluster
from oadb.embedded.system_user import account_for
from oadb.embedded.temporary_folders import temporary_folder
from oadb.errors import UnavailableError
from tests.support.rig import eventually, threads

pytestmark = pytest.mark.fault

# Says what it is asked for, and starts a server when it is told to.
PG_CTL = """#!/bin/sh
echo "$1" >>'{asked}'
test "$1" != start || read -r line <'{told}'
exec '{pg_ctl}' "$@"
"""


@pytest.fixture
def folder() -> Generator[Path]:
    with temporary_folder() as folder:
        yield folder


@pytest.fixture
def waiting(folder: Path) -> Cluster:
    """Give a server whose start waits for a line in the pipe "told"."""
    real, programs = embedded_server.binaries(), folder / "bin"
    programs.mkdir(mode=0o755)
    for name in ("postgres", "initdb"):
        (programs / name).symlink_to(real / name)
    os.mkfifo(folder / "told")
    (folder / "asked").touch()
    text = PG_CTL.format(asked=folder / "asked", told=folder / "told", pg_ctl=real / "pg_ctl")
    (programs / "pg_ctl").write_text(text)
    (programs / "pg_ctl").chmod(0o755)
    for name in ("told", "asked"):
        (folder / name).chmod(0o666)
    return Cluster(folder, programs, account_for(folder, programs, real))


def asked(folder: Path, what: str) -> int:
    return (folder / "asked").read_text().split().count(what)


def test_a_server_that_is_about_to_start_is_stopped(folder: Path, waiting: Cluster) -> None:
    with threads(2) as pool:
        started: Future[None] = pool.submit(waiting.ensure_running, embedded_server.TEMPORARY)
        eventually(lambda: asked(folder, "start"), 30)
        stopped = pool.submit(waiting.stop, "immediate")
        try:
            eventually(lambda: asked(folder, "stop") > 1)
        finally:
            (folder / "told").write_text("now\n")
        stopped.result()
        running = waiting.alive()
        assert isinstance(started.exception(), UnavailableError | None)
        waiting.stop("immediate")

    assert not running
