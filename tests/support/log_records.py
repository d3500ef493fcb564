"""What was logged under one name: background threads of other tests log meanwhile."""

import logging

import pytest


def logged(caplog: pytest.LogCaptureFixture, name: str) -> list[logging.LogRecord]:
    return [record for record in [*caplog.records] if record.name == name]


def said(caplog: pytest.LogCaptureFixture, name: str) -> list[str]:
    return [record.getMessage() for record in logged(caplog, name)]
