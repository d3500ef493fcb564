"""What is answered to probes: whether the process is alive, and whether it can work.

A probe learns which findings are not ok, and the log what to do about them: the answers are for
anybody who can reach the port.
"""

import json
import logging
from datetime import timedelta
from http import HTTPStatus

from oadb.engine.readiness import Readiness
from oadb.errors import Error

logger = logging.getLogger("oadb.web")

WAIT = timedelta(seconds=2)
"""How long each look at the database may take: probes give up after a few seconds."""

ProbeAnswer = tuple[int, list[tuple[str, str]], bytes]
"""Status, headers and body."""

_HEADERS = [("Content-Type", "application/json"), ("Cache-Control", "no-store")]


def _answer(code: HTTPStatus, **members: object) -> ProbeAnswer:
    return code, _HEADERS, json.dumps(members).encode()


ALIVE = _answer(HTTPStatus.OK, status="ok")
"""The process answers; its database is not asked, since a restart would not help there."""


def ready_answer(found: Readiness) -> ProbeAnswer:
    """Return 200 if the service can work, else 503 with the subjects that are not ok."""
    failed = [finding for finding in found.findings if not finding.ok]
    if not failed:
        return _answer(HTTPStatus.OK, status="ready")
    for finding in failed:
        logger.warning("not ready: %s", finding)
    subjects = [finding.subject for finding in failed]
    return _answer(HTTPStatus.SERVICE_UNAVAILABLE, status="not ready", failed=subjects)


def unready_answer(error: Error) -> ProbeAnswer:
    """Return 503 for a service that could not even begin to look."""
    logger.warning("not ready: %s", error)
    return _answer(HTTPStatus.SERVICE_UNAVAILABLE, status="not ready", failed=["configuration"])
