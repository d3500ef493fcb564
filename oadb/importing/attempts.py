"""The sign-ins of OpenAlgo, which are a history as its logs are."""

from collections.abc import Callable, Mapping
from datetime import datetime
from functools import partial

from oadb.accounts.login_attempts import LoginMethod, LoginOutcome
from oadb.errors import RowError
from oadb.importing import imports, verifying
from oadb.importing.columns import described_text, explained_text, ip, one_of, text
from oadb.importing.histories import History
from oadb.importing.imports import ImportedAttempt
from oadb.importing.openalgo_tables import Row
from oadb.validation.time_zones import INDIA

ATTEMPTS = "login_attempts"

_ATTEMPT_OUTCOMES: Mapping[str, LoginOutcome] = {
    "success": "succeeded",
    "failed": "failed",
    "resumed": "resumed",
}
# The later two are of users with a second factor: a sign-in by its code, and a resumed session.
_METHODS: Mapping[str, LoginMethod] = {
    "password": "password",
    "oauth": "oauth",
    "resume": "resume",
    "totp": "code",
    "totp_resume": "resume",
}


def attempts(user_of: Callable[[object], int | None]) -> History[ImportedAttempt]:
    """Return the login attempts; *user_of* returns the user id in oadb of a name."""
    columns = (
        "id", "username", "ip_address", "device_info", "status", "login_type", "broker",
        "failure_reason", "timestamp",
    )  # fmt: skip  # a table
    convert = partial(_attempt, user_of)
    return History(
        ATTEMPTS,
        columns,
        "timestamp",
        INDIA,
        convert,
        imports.record_attempts,
        verifying.list_missing_attempts,
    )


def _attempt(
    user_of: Callable[[object], int | None], row: Row, moment: datetime
) -> ImportedAttempt:
    try:
        address = ip(row, "ip_address")
    except RowError:
        address = None
    return ImportedAttempt(
        moment,
        text(row, "username", 254),
        user_of(row.get("username")),
        address,
        described_text(row, "device_info", 500),
        described_text(row, "broker", 50),
        one_of(row, "login_type", _METHODS, "password"),
        one_of(row, "status", _ATTEMPT_OUTCOMES),
        explained_text(row, "failure_reason", 500),
    )
