"""Which skips are allowed: with CI=true, a run in which a test skips for another reason fails.

Add a reason to ALLOWED only if the test cannot run on every machine that runs CI. Whatever a test
needs besides that belongs in the repository.
"""

import os
from typing import Any

import pytest

ALLOWED = {
    "needs root, and the right to mount a tmpfs": "only a small disk of its own can be full",
    "only root can become another user": "a container may have no root",
    "no Python that an ordinary user can run": "the Python of the tests may be in the home of root",
    "libpq before 17": "what is tested is a function of libpq 17",
    "PostgreSQL before 17": "its notification queue of 8 GB cannot be made smaller",
    "chromium is not installed": "a package of the system, which pip cannot install",
    "pgbouncer is not installed": "a package of the system, which pip cannot install",
    "PgBouncer before 1.21": "Debian 12 has 1.18; what newer ones do is also simulated",
    "redis-server is not installed": "a package of the system, which pip cannot install",
    "Debian's PostgreSQL 15 is not installed": "a package of the system, which pip cannot install",
    "reads /proc and limits address space": "other systems than Linux have neither",
    "the peers are in the extra 'bench'": "the extra 'dev', which runs the tests, is without them",
}
"""Reasons, word for word, and why a test may skip for each."""


class UnlistedSkips:
    """Collects the skips of a run for reasons that are not allowed, and makes the run fail."""

    def __init__(self) -> None:
        self._found: list[str] = []

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        self._note(report)

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        """Look at what is skipped as a whole, such as by importorskip."""
        self._note(report)

    def _note(self, report: pytest.TestReport | pytest.CollectReport) -> None:
        if not report.skipped or hasattr(report, "wasxfail"):
            return
        assert isinstance(report.longrepr, tuple)
        reason = report.longrepr[2].removeprefix("Skipped: ")
        if reason not in ALLOWED:
            self._found.append(f"{report.nodeid}: {reason}")

    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        passing = {pytest.ExitCode.OK, pytest.ExitCode.NO_TESTS_COLLECTED}
        if self._found and session.exitstatus in passing:
            session.exitstatus = pytest.ExitCode.TESTS_FAILED

    def pytest_terminal_summary(self, terminalreporter: Any) -> None:
        if self._found:
            terminalreporter.section("skips that tests/support/skips.py does not allow", red=True)
            for each in self._found:
                terminalreporter.line(each)


def pytest_configure(config: pytest.Config) -> None:
    if os.environ.get("CI") == "true":
        config.pluginmanager.register(UnlistedSkips())
