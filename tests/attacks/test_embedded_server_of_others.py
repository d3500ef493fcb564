"""Other users of the machine neither prepare, enter nor foresee what an embedded server uses."""

import os
import pwd
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import psycopg
import pytest

from oadb.embedded import embedded_server
from oadb.errors import ConfigError

needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root can become another user")


@pytest.fixture
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("e") / "data"
    folder.mkdir(mode=0o700)
    return folder


@pytest.fixture
def shared(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Give the folder for temporary files of all users."""
    shared = tmp_path_factory.mktemp("s")
    shared.chmod(0o1777)
    monkeypatch.setattr(tempfile, "tempdir", str(shared))
    return shared


def state(folder: Path) -> tuple[int, int, list[str]]:
    status = folder.stat()
    return status.st_uid, status.st_mode, sorted(map(str, folder.rglob("*")))


@pytest.mark.parametrize("mode", [0o755, 0o770, 0o701, 0o1777])
def test_a_folder_that_others_can_enter_is_refused_as_it_is(folder: Path, mode: int) -> None:
    folder.chmod(mode)
    before = state(folder)

    with pytest.raises(ConfigError, match=f"{folder} is not closed to others: chmod 700"):
        embedded_server.start(folder)

    assert state(folder) == before


@needs_root
@pytest.mark.parametrize("files", [[], ["lock"], ["lock", "users", "log"]], ids=str)
def test_a_folder_of_somebody_else_is_refused_as_it_is(folder: Path, files: list[str]) -> None:
    for name in files:
        (folder / name).touch()
    os.chown(folder, *pwd.getpwnam("daemon")[2:4])
    before = state(folder)

    with pytest.raises(ConfigError, match=f"{folder} belongs to user {before[0]}, not to you"):
        embedded_server.start(folder)

    assert state(folder) == before


def test_a_link_to_a_folder_of_others_is_refused(tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to("/usr")

    with pytest.raises(ConfigError, match="/usr is not closed to others"):
        embedded_server.start(tmp_path / "link")


@pytest.mark.long("starts servers")
def test_the_folder_of_a_long_path_cannot_be_made_before(folder: Path, shared: Path) -> None:
    places: list[Path] = []
    for _ in range(2):
        place = long_path(folder)
        places.append(socket_folder(place))
        shutil.rmtree(place)

    assert {place.parent for place in places} == {shared}
    assert places[0] != places[1]
    assert [*shared.iterdir()] == []


@pytest.mark.long("starts servers")
def test_the_folder_of_a_long_path_is_left_if_somebody_else_made_it_again(
    folder: Path, shared: Path
) -> None:
    place = long_path(folder)
    first = socket_folder(place)
    again = socket_folder(place)
    first.mkdir(mode=0o755)

    assert again == first
    assert first.parent == shared
    assert socket_folder(place) != first
    assert [*first.iterdir()] == []


def long_path(folder: Path) -> Path:
    place = folder / ("long" * 30) / "data"
    place.parent.mkdir(exist_ok=True)
    return place


def socket_folder(place: Path) -> Path:
    """Start the server of a folder, stop it, and return where its socket was."""
    server = embedded_server.start(place)
    try:
        found = Path(server.keywords["host"])
        assert found.stat().st_mode & 0o777 == 0o700
    finally:
        server.stop()
    return found


@pytest.mark.long("starts a server")
@needs_root
def test_a_user_who_reaches_the_socket_is_refused(folder: Path) -> None:
    for parent in folder.parents[:4]:
        parent.chmod(parent.stat().st_mode | 0o001)
    server = embedded_server.start(folder)
    sockets = Path(server.keywords["host"])
    try:
        for parent in (sockets, *sockets.parents[:5]):
            parent.chmod(parent.stat().st_mode | 0o001)
        (sockets / ".s.PGSQL.5432").chmod(0o777)

        assert "Peer authentication failed" in said_to("daemon", sockets)
        with psycopg.connect(**server.keywords) as connection:
            found = connection.execute("select distinct auth_method from pg_hba_file_rules")
            assert found.fetchall() == [("peer",)]
    finally:
        server.stop()


def said_to(user: str, sockets: Path) -> str:
    """Return what the server says to another user of the machine."""
    program = f"""
import socket, struct
s = socket.socket(socket.AF_UNIX)
s.connect({str(sockets / ".s.PGSQL.5432")!r})
body = struct.pack("!I", 196608) + b"user\\0postgres\\0database\\0postgres\\0\\0"
s.sendall(struct.pack("!I", len(body) + 4) + body)
print(s.recv(4096))
"""
    command = ["/usr/bin/python3" if Path("/usr/bin/python3").exists() else sys.executable, "-c"]
    other: Any = {"user": user, "group": user, "extra_groups": [], "cwd": "/"}
    return subprocess.check_output([*command, program], text=True, **other)
