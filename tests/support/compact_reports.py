"""Reports of tests travel from the workers of xdist as one value of bytes each.

execnet, which carries them, writes and reads every part of a report in Python, such as the 15
keywords of a test: a third of what a small test costs.
"""

import marshal
from collections.abc import Generator
from typing import Any

import pytest

_REPORT = "report of oadb"


@pytest.hookimpl(wrapper=True)
def pytest_report_to_serializable() -> Generator[
    None, dict[str, Any] | None, dict[str, Any] | None
]:
    data = yield
    return None if data is None else {_REPORT: marshal.dumps(data)}


@pytest.hookimpl(wrapper=True)
def pytest_report_from_serializable(data: dict[str, Any]) -> Generator[None, object, object]:
    report = data.pop(_REPORT, None)
    if report is not None:
        data.update(marshal.loads(report))  # of our own worker
    return (yield)
