"""``oadb check --watch`` checks again what was edited, and goes on whatever the edit was."""

import os
import queue
import re
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from oadb.testing.servers import Server

pytestmark = pytest.mark.long("starts the command on a hundred modules")

MODULE = """
from oadb import queries

query = queries(__name__)


@query
def number_{n}() -> int: ...


query.complete()
"""
ROWS = """
from typing import NamedTuple


class Number(NamedTuple):
    number: {type}
"""
OF_ROWS = (
    MODULE.replace("-> int", "-> Number")
    .format(n=7)
    .replace("from oadb", "from watched.rows import Number\nfrom oadb")
)


class Watched:
    """The command, running, and its lines."""

    def __init__(self, folder: Path, url: str) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-u", "-m", "oadb", "check", "--watch", "--package", "watched"],
            cwd=folder,
            env={
                **os.environ,
                "PYTHONPATH": f"{folder}:{Path(__file__).parents[2]}",
                "DATABASE_URL": url,
            },
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        self._lines: queue.Queue[str] = queue.Queue()
        self._reader = threading.Thread(target=self._read)
        self._reader.start()
        self.started: list[str] = []

    def _read(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self._lines.put(line.rstrip())

    def stop(self) -> None:
        self.process.kill()
        self.process.wait()
        self._reader.join()
        assert self.process.stdout is not None
        self.process.stdout.close()

    def until(self, pattern: str) -> list[str]:
        """Return the lines up to one that matches."""
        lines: list[str] = []
        while not lines or not re.search(pattern, lines[-1]):
            lines.append(self._lines.get(timeout=30))
        return lines


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "watched").mkdir()
    (tmp_path / "watched" / "__init__.py").touch()
    (tmp_path / "sql" / "queries").mkdir(parents=True)
    for n in range(100):
        (tmp_path / "watched" / f"part_{n}.py").write_text(MODULE.format(n=n))
        write(tmp_path, n, f"select {n} as number")
    return tmp_path


@pytest.fixture
def watched(folder: Path, oadb_server: Server) -> Iterator[Watched]:
    with oadb_server.clone("template1") as url, running(folder, url) as started:
        yield started


@contextmanager
def running(folder: Path, url: str) -> Iterator[Watched]:
    watched = Watched(folder, url)
    try:
        watched.started = watched.until("watching")
        yield watched
    finally:
        watched.stop()


def write(folder: Path, n: int, sql: str) -> None:
    """Write a query file at once, as editors do."""
    file = folder / "sql" / "queries" / f"part_{n}.sql"
    new = file.with_suffix(".new")
    new.write_text(f"-- name: number_{n}\n{sql};\n")
    new.replace(file)


def test_what_is_edited_is_checked_again_soon(folder: Path, watched: Watched) -> None:
    for n in range(3):
        write(folder, n, "select 'text' as number")
        lines = watched.until(r"ms\)$")
        assert "is declared as int, but is text" in lines[0]
        assert f"part_{n}.sql:2" in lines[0]
        write(folder, n, "select 5 as number")
        assert watched.until(r"ms\)$")[-1].startswith(f"part_{n}: all declarations agree")


def test_it_goes_on_after_every_mistake(folder: Path, watched: Watched) -> None:
    module = folder / "watched" / "part_7.py"
    text = module.read_text()
    for broken, said in (
        ("def (", "SyntaxError: "),
        ("raise KeyError('no')", "KeyError: 'no'"),
        (text.replace("-> int", "-> str"), "is declared as str, but is int4"),
        (text.replace("number_7", "other"), "part_7.sql:2: part_7.number_7 is declared nowhere"),
    ):
        module.write_text(broken)
        assert any(said in line for line in watched.until(r"ms\)$")), said
    module.write_text(text)
    assert "all declarations agree" in watched.until(r"ms\)$")[-1]
    write(folder, 8, "select missing as number")
    assert any('column "missing" does not exist' in line for line in watched.until(r"ms\)$"))


@pytest.mark.long("starts the command, which watches")
def test_a_module_that_was_broken_at_the_start_is_noticed_when_it_is_mended(
    folder: Path, oadb_server: Server
) -> None:
    module = folder / "watched" / "part_7.py"
    text = module.read_text()
    module.write_text("raise KeyError('no')")
    with oadb_server.clone("template1") as url, running(folder, url) as watched:
        assert any("KeyError: 'no'" in line for line in watched.started)
        module.write_text(text)
        assert watched.until(r"ms\)$")[-1].startswith("part_7: all declarations agree")


@pytest.mark.long("starts the command, which watches")
def test_an_edited_module_of_row_classes_is_imported_again_and_everything_checked(
    folder: Path, oadb_server: Server
) -> None:
    rows = folder / "watched" / "rows.py"
    rows.write_text(ROWS.format(type="int"))
    (folder / "watched" / "part_7.py").write_text(OF_ROWS)
    with oadb_server.clone("template1") as url, running(folder, url) as watched:
        for type_, said in (("str", "is declared as str, but is int4"), ("int", "all declar")):
            rows.write_text(ROWS.format(type=type_))
            assert any(said in line for line in watched.until(r"ms\)$"))


def test_ctrl_c_ends_it(watched: Watched) -> None:
    watched.process.send_signal(signal.SIGINT)
    assert watched.process.wait(timeout=30) == 130
