"""A pytest plugin that records which test enters which function and runs which statement.

Each worker leaves a file in the folder of ``OADB_MUTATION_RECORDS``, with the time that each test
took, and whether it passed. What runs while modules are imported belongs to no test.
"""

import hashlib
import json
import os
import sys
import threading
import time
from collections.abc import Generator
from pathlib import Path
from types import CodeType, FrameType

import pytest

from oadb.engine import execution

RECORDS = "OADB_MUTATION_RECORDS"

# Each of them has the query that it sends as an argument.
_SENDING = {
    execution.sendable.__code__, execution.source.__code__, execution._copy_in.__code__,
}  # fmt: skip  # a table


class Recorder:
    """Records the functions and statements of one process, by test."""

    def __init__(self, root: Path) -> None:
        self._inside = f"{root}/oadb/"
        self._skipped = len(str(root)) + 1
        self._entered: set[CodeType] = set()
        self._sent: set[str] = set()
        self.ran: dict[str, set[str]] = {}
        self.seconds: dict[str, float] = {}
        self.failed: set[str] = set()

    def trace(self, frame: FrameType, _event: str, _arg: object) -> None:
        """Note the function that begins; its lines are not traced."""
        code = frame.f_code
        self._entered.add(code)
        if code in _SENDING:
            self._sent.add(frame.f_locals["query"].label.partition(" ")[0])

    def add(self, test: str, seconds: float) -> None:
        """Add what ran since the last call to what a test runs."""
        entered, self._entered = self._entered, set()
        sent, self._sent = self._sent, set()
        self.ran.setdefault(test, set()).update(
            sent,
            (
                f"{code.co_filename[self._skipped :]}:{code.co_firstlineno}"
                for code in entered
                if code.co_filename.startswith(self._inside)
            ),
        )
        self.seconds[test] = self.seconds.get(test, 0.0) + seconds

    def write(self, path: Path, root: Path) -> None:
        """Write what was recorded: the names that tests ran once, and their numbers with each."""
        names = sorted(set[str]().union(*self.ran.values()))
        numbers = {name: number for number, name in enumerate(names)}
        tests = {
            test: {
                "ran": sorted(numbers[name] for name in ran),
                "seconds": round(self.seconds[test], 2),
                "passed": test not in self.failed,
                "digest": digest(root / file_of(test)),
            }
            for test, ran in self.ran.items()
        }
        path.write_text(json.dumps({"names": names, "tests": tests}))


def test_of(item: str) -> str:
    """Return the name of a test with its file, without the values of its parameters."""
    return item.partition("[")[0]


def file_of(test: str) -> str:
    """Return the file of a test."""
    return test.partition("::")[0]


def digest(path: Path) -> str:
    """Return what tells whether a file of tests is the one that was recorded."""
    return hashlib.sha256(path.read_bytes()).hexdigest()


_recorder = pytest.StashKey[Recorder]()


def pytest_configure(config: pytest.Config) -> None:
    recorder = config.stash[_recorder] = Recorder(config.rootpath)
    config.pluginmanager.register(_Outcomes(recorder))
    threading.settrace(recorder.trace)
    sys.settrace(recorder.trace)


class _Outcomes:
    """Notes the tests that fail."""

    def __init__(self, recorder: Recorder) -> None:
        self._recorder = recorder

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if report.failed:
            self._recorder.failed.add(test_of(report.nodeid))


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_protocol(item: pytest.Item) -> Generator[None, object, object]:
    begun = time.process_time()
    try:
        return (yield)
    finally:
        spent = time.process_time() - begun
        item.config.stash[_recorder].add(test_of(item.nodeid), spent)


@pytest.hookimpl(tryfirst=True)
def pytest_unconfigure(config: pytest.Config) -> None:
    sys.settrace(None)
    folder = Path(os.environ[RECORDS])
    config.stash[_recorder].write(folder / f"{os.getpid()}.json", config.rootpath)
