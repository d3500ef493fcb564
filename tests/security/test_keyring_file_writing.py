"""Writing key rings to files: completely or not at all, and readable by their owner only."""

import os
import signal
import stat
import subprocess
import sys
from collections.abc import Generator
from pathlib import Path
from typing import NoReturn

import pytest

from oadb.errors import KeyRingError
from oadb.security import keyring_file
from oadb.security.keyring_file import read, write
from tests.support.error_texts import error_texts_and_variables
from tests.support.rings import NEW, OLD, ROOT


@pytest.fixture(params=[0o000, 0o022, 0o077], ids=oct)
def _umask(request: pytest.FixtureRequest) -> Generator[None]:
    before = os.umask(request.param)
    yield
    os.umask(before)


@pytest.mark.usefixtures("_umask")
@pytest.mark.parametrize("new", [True, False], ids=["new", "replaced"])
def test_a_written_ring_is_readable_by_its_owner_alone(tmp_path: Path, new: bool) -> None:
    path = tmp_path / "ring"
    write(path, OLD, new=new)

    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert read(path).keys == OLD.keys
    assert [*tmp_path.iterdir()] == [path]


def test_replacing_a_ring_replaces_its_mode(path: Path) -> None:
    path.chmod(0o644)
    write(path, NEW)

    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert read(path).keys == NEW.keys
    assert [*path.parent.iterdir()] == [path]


def test_a_ring_is_written_to_the_current_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    write(Path("ring"), OLD, new=True)

    assert read(Path("ring")).keys == OLD.keys


def test_a_new_ring_never_replaces_one(path: Path) -> None:
    with pytest.raises(KeyRingError, match="exists already; a key ring is never overwritten"):
        write(path, NEW, new=True)

    assert path.read_text() == OLD.to_json()
    assert [*path.parent.iterdir()] == [path]


@pytest.mark.parametrize("kind", ["folder", "dangling link", "pipe"])
def test_a_new_ring_replaces_nothing_else_either(tmp_path: Path, kind: str) -> None:
    path = tmp_path / "ring"
    if kind == "folder":
        path.mkdir()
    elif kind == "pipe":
        os.mkfifo(path)
    else:
        path.symlink_to(tmp_path / "elsewhere")
    before = path.lstat()
    with pytest.raises(KeyRingError, match="exists already"):
        write(path, NEW, new=True)

    assert path.lstat().st_ino == before.st_ino
    assert [*tmp_path.iterdir()] == [path]


def fail(*_: object, **__: object) -> NoReturn:
    raise OSError(28, "No space left on device")


def interrupt(*_: object, **__: object) -> NoReturn:
    raise KeyboardInterrupt


@pytest.mark.parametrize("step", ["replace", "fsync"])
def test_a_write_that_fails_leaves_the_old_ring_and_no_draft(
    path: Path, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    monkeypatch.setattr(keyring_file.os, step, fail)
    with pytest.raises(KeyRingError, match="No space left on device") as error:
        write(path, NEW)
    monkeypatch.undo()

    assert path.read_text() == OLD.to_json()
    assert [*path.parent.iterdir()] == [path]
    assert ROOT not in error_texts_and_variables(error.value)


@pytest.mark.parametrize("step", ["replace", "fsync"])
def test_a_write_that_is_interrupted_leaves_the_old_ring_and_no_draft(
    path: Path, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    monkeypatch.setattr(keyring_file.os, step, interrupt)
    with pytest.raises(KeyboardInterrupt):
        write(path, NEW)
    monkeypatch.undo()

    assert path.read_text() == OLD.to_json()
    assert [*path.parent.iterdir()] == [path]


@pytest.mark.parametrize("step", ["link", "fsync"])
def test_a_new_ring_that_cannot_be_written_leaves_no_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    monkeypatch.setattr(keyring_file.os, step, fail)
    with pytest.raises(KeyRingError, match="No space left on device"):
        write(tmp_path / "ring", OLD, new=True)
    monkeypatch.undo()

    assert [*tmp_path.iterdir()] == []


KILLED = """
import os, signal, sys
from pathlib import Path
from oadb.security import keyring_file

def die(*_):
    os.kill(os.getpid(), signal.SIGKILL)

ring = keyring_file.read(Path(sys.argv[1]))
setattr(os, sys.argv[2], die)
keyring_file.write(Path(sys.argv[1]), ring)
"""


@pytest.mark.parametrize("step", ["replace", "fsync"])
@pytest.mark.holds("F47")
def test_a_process_that_is_killed_while_it_writes_leaves_the_old_ring(
    path: Path, step: str
) -> None:
    done = subprocess.run([sys.executable, "-c", KILLED, str(path), step], check=False)

    assert done.returncode == -signal.SIGKILL
    assert path.read_text() == OLD.to_json()
    # The rest of the draft holds the roots: other users cannot read it either.
    assert all(stat.S_IMODE(left.stat().st_mode) == 0o600 for left in path.parent.iterdir())


def test_a_ring_cannot_be_written_where_there_is_no_folder(tmp_path: Path) -> None:
    with pytest.raises(KeyRingError, match="No such file or directory") as error:
        write(tmp_path / "missing" / "ring", OLD)

    assert ROOT not in error_texts_and_variables(error.value)
    assert [*tmp_path.iterdir()] == []


def test_a_ring_does_not_replace_a_folder(tmp_path: Path) -> None:
    path = tmp_path / "ring"
    path.mkdir()
    with pytest.raises(KeyRingError, match=f"^{path}: "):
        write(path, OLD)

    assert path.is_dir()
    assert [*tmp_path.iterdir()] == [path]


def test_the_ring_and_its_name_are_on_the_disk_before_it_is_written(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A power failure after the return must find it; before the rename, the old one."""
    done: list[str] = []
    fsync, rename = os.fsync, os.replace

    def synced(descriptor: int) -> None:
        done.append("folder" if stat.S_ISDIR(os.fstat(descriptor).st_mode) else "file")
        fsync(descriptor)

    def renamed(source: Path, target: Path) -> None:
        done.append("rename")
        rename(source, target)

    monkeypatch.setattr(keyring_file.os, "fsync", synced)
    monkeypatch.setattr(keyring_file.os, "replace", renamed)
    write(path, NEW)

    assert done == ["file", "rename", "folder"]
