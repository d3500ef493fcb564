"""What is left of a temporary folder, and of the server in it, when its process is killed."""

import os
import signal
import subprocess
import sys
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

import pytest

from oadb.embedded import embedded_server
from oadb.embedded.temporary_folders import deleted_if_killed, temporary_folder
from tests.support.rig import eventually
from tests.support.servers_left import ServerLeft

pytestmark = pytest.mark.fault

# Each prints its folder and does nothing until its input ends or it is killed.
SERVER = """
import sys
from pathlib import Path
from oadb.embedded import embedded_server
with embedded_server.temporary(Path(sys.argv[1])) as server:
    print(server.keywords["host"], flush=True)
    sys.stdin.read()
"""
FOLDER = """
import sys
from pathlib import Path
from oadb.embedded.temporary_folders import temporary_folder
with temporary_folder(Path(sys.argv[1])) as folder:
    print(folder, flush=True)
    sys.stdin.read()
"""
GUARDED = """
import sys
from pathlib import Path
from oadb.embedded import embedded_server
from oadb.embedded.temporary_folders import deleted_if_killed
folder = Path(sys.argv[1])
with deleted_if_killed(folder, embedded_server.binaries()):
    embedded_server.start(folder / "below" / "data")
    print(folder / "below" / "data", flush=True)
    sys.stdin.read()
"""
FORKING = """
import os, sys
from pathlib import Path
from oadb.embedded.temporary_folders import temporary_folder
with temporary_folder(Path(sys.argv[1])) as folder:
    if not os.fork():
        sys.stdin.read()
        os._exit(0)
    print(folder, flush=True)
    os.wait()
"""


@pytest.fixture
def parent(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Give a folder for temporary folders, with a path short enough for a socket."""
    return tmp_path_factory.mktemp("t")


@contextmanager
def owner(program: str, parent: Path) -> Generator[subprocess.Popen[str]]:
    with subprocess.Popen(
        [sys.executable, "-c", program, parent],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        yield process


def printed(process: subprocess.Popen[str]) -> Path:
    assert process.stdout is not None
    return Path(process.stdout.readline().strip())


def kill(process: subprocess.Popen[str]) -> None:
    process.kill()
    process.wait()


def mark(folder: Path) -> Path:
    return folder.with_name(f".{folder.name}.lock")


def watchers(folder: Path) -> list[int]:
    """Return the processes that watch a folder."""
    command = ["ps", "-A", "-w", "-w", "-o", "pid=", "-o", "args="]
    shown = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    return [
        int(line.split()[0]) for line in shown.splitlines() if f"watcher.py {mark(folder)}" in line
    ]


def test_nothing_is_left_of_a_temporary_server_whose_process_is_killed(parent: Path) -> None:
    with owner(SERVER, parent) as process, ServerLeft(printed(process)) as server:
        assert server.is_running()

        kill(process)
        eventually(server.is_gone)
        eventually(lambda: not watchers(server.folder))


@pytest.mark.parametrize("sign", ["data.new/PG_VERSION", "data/postmaster.pid"])
def test_nothing_is_left_of_a_server_whose_process_is_killed_while_it_starts(
    parent: Path, sign: str
) -> None:
    with owner(SERVER, parent) as process:
        eventually(lambda: any(parent.glob(f"*/{sign}")))
        (folder,) = parent.glob("oadb-*")
        with ServerLeft(folder) as server:
            kill(process)
            eventually(server.is_gone, 30)


def test_nothing_is_left_of_a_folder_without_a_server(parent: Path) -> None:
    with owner(FOLDER, parent) as process:
        folder = printed(process)
        (folder / "sub").mkdir()
        (folder / "sub" / "file").touch()
        kill(process)
        eventually(lambda: not folder.exists())


def test_a_killed_process_leaves_nothing_although_a_child_that_it_forked_lives_on(
    parent: Path,
) -> None:
    with owner(FORKING, parent) as process:
        folder = printed(process)
        kill(process)
        eventually(lambda: not folder.exists())


def test_a_forked_child_that_ends_leaves_the_folder_to_its_parent(parent: Path) -> None:
    with temporary_folder(parent) as folder:
        child = os.fork()
        if not child:
            os._exit(0)
        os.waitpid(child, 0)
        with temporary_folder(parent):
            pass  # it would be deleted now, or by its watcher

        assert folder.exists()
        assert watchers(folder)

    assert not folder.exists()


def test_a_watcher_ends_with_its_folder(parent: Path) -> None:
    with temporary_folder(parent) as folder:
        eventually(lambda: watchers(folder))

    assert not watchers(folder)


def test_an_interrupt_in_the_terminal_is_not_for_the_watcher(parent: Path) -> None:
    with temporary_folder(parent) as folder:
        eventually(lambda: watchers(folder))
        (watcher,) = watchers(folder)

        assert os.getpgid(watcher) != os.getpgid(0)


def test_what_a_killed_watcher_cannot_delete_is_deleted_by_the_next_who_needs_a_folder(
    parent: Path,
) -> None:
    with owner(SERVER, parent) as process, ServerLeft(printed(process)) as server:
        eventually(lambda: watchers(server.folder))
        for watcher in watchers(server.folder):
            os.kill(watcher, signal.SIGKILL)
        kill(process)

        assert server.is_running()

        with temporary_folder(parent):
            assert server.is_gone()


def test_folders_in_use_are_left_alone(parent: Path) -> None:
    with embedded_server.temporary(parent) as server:
        folder = Path(server.keywords["host"])
        with (
            ServerLeft(folder) as left,
            temporary_folder(parent) as other,
            temporary_folder(parent),
        ):
            assert left.is_running()
            assert other.exists()


def leave(folder: Path, content: str) -> None:
    """Make a folder that looks like one whose owner was killed."""
    folder.mkdir()
    mark(folder).write_text(content)


def test_what_a_deletion_left_that_was_killed_is_deleted(parent: Path) -> None:
    leave(parent / "oadb-half", "\n")
    leave(parent / "oadb-whole", "\n")
    (parent / "oadb-whole").rmdir()
    with temporary_folder(parent):
        pass

    assert [*parent.iterdir()] == []


def test_other_folders_are_left_alone(parent: Path) -> None:
    (parent / "oadb-notes").mkdir()
    leave(parent / "oadb-just-made", "")
    leave(parent / "other", "\n")
    before = sorted(parent.iterdir())
    with temporary_folder(parent):
        pass

    assert sorted(parent.iterdir()) == before


def test_links_and_pipes_are_left_alone(parent: Path) -> None:
    leave(parent / "other", "\n")
    mark(parent / "oadb-link").symlink_to(mark(parent / "other"))
    os.mkfifo(mark(parent / "oadb-pipe"))
    for name in ("oadb-link", "oadb-pipe"):
        (parent / name).mkdir()
    leave(parent / "oadb-elsewhere", "\n")
    (parent / "oadb-elsewhere").rmdir()
    (parent / "oadb-elsewhere").symlink_to(parent / "other")
    (parent / "other" / "file").touch()
    before = sorted(parent.rglob("*"))
    with temporary_folder(parent):
        pass

    assert sorted(parent.rglob("*")) == before


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become another user")
def test_folders_of_other_users_are_left_alone(parent: Path) -> None:
    leave(parent / "oadb-daemons", "\n")
    os.chown(mark(parent / "oadb-daemons"), 1, 1)
    with temporary_folder(parent):
        pass

    assert (parent / "oadb-daemons").exists()


def test_servers_anywhere_in_a_folder_that_is_deleted_are_stopped(parent: Path) -> None:
    folder = parent / "guarded"
    folder.mkdir()
    with owner(GUARDED, folder) as process, ServerLeft(printed(process)) as server:
        kill(process)
        eventually(server.is_gone)

    assert not folder.exists()


def test_a_folder_is_kept_where_its_process_was_not_killed(parent: Path) -> None:
    with deleted_if_killed(parent):
        (parent / "file").touch()

    assert [path.name for path in parent.iterdir()] == ["file"]
    assert not watchers(parent)
