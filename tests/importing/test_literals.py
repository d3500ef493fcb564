"""The words that OpenAlgo's callers write come over as they mean them.

Each list has the literals of the calls in OpenAlgo, not those of its declarations.
"""

import pytest

from oadb import Database
from oadb.accounts import login_attempts
from oadb.logs import analyzer_logs, api_logs, latency
from tests.importing.openalgo import Installation
from tests.importing.running import run_import

pytestmark = pytest.mark.changes_rows

API_TYPES = [
    "analyzer_status", "analyzer_toggle", "basketorder", "cancelallorder", "cancelgttorder",
    "cancelorder", "closeposition", "gttorderbook", "margin", "modifygttorder", "modifyorder",
    "openposition", "optionsmultiorder", "optionsorder", "orderstatus", "placegttorder",
    "placeorder", "placesmartorder", "splitorder",
]  # fmt: skip  # a list

SIGN_INS = {
    ("success", "password"): ("succeeded", "password"),
    ("failed", "password"): ("failed", "password"),
    ("success", "oauth"): ("succeeded", "oauth"),
    ("success", "resume"): ("succeeded", "resume"),
    ("resumed", "resume"): ("resumed", "resume"),
    ("success", "totp"): ("succeeded", "code"),
    ("failed", "totp"): ("failed", "code"),
    ("success", "totp_resume"): ("succeeded", "resume"),
}

OUTCOMES = {"SUCCESS": "succeeded", "FAILED": "failed", "PARTIAL": "partial"}


@pytest.fixture
def at() -> dict[str, object]:
    return {"created_at": "2025-07-31 09:15:00"}


def test_every_type_of_an_order_is_kept(
    db: Database, origin: Installation, at: dict[str, object]
) -> None:
    for table in ("order_logs", "analyzer_logs"):
        bodies: dict[str, object] = {"request_data": "{}", "response_data": "{}", **at}
        origin.add(table, *({"api_type": each, **bodies} for each in API_TYPES))
    run_import(db, origin)

    assert sorted(call.endpoint for call in api_logs.list_calls(db)) == [
        f"/api/v1/{each}" for each in API_TYPES
    ]
    assert sorted(each.api_type for each in analyzer_logs.list_analyses(db)) == API_TYPES


def test_every_kind_of_a_sign_in_is_kept(db: Database, origin: Installation) -> None:
    for status, kind in SIGN_INS:
        row = {"username": "asha", "status": status, "login_type": kind}
        origin.add("login_attempts", {**row, "timestamp": "2025-07-31 09:15:00"})
    reports = run_import(db, origin)
    found = [(each.outcome, each.method) for each in login_attempts.list_attempts(db)]

    assert reports["login_attempts"].left_out == 0
    assert sorted(found) == sorted(SIGN_INS.values())


def test_every_outcome_of_a_call_is_kept(db: Database, origin: Installation) -> None:
    for status in OUTCOMES:
        row = {"order_id": "1", "total_latency_ms": 5.0, "timestamp": "2025-07-31 09:15:00"}
        origin.add("order_latency", {**row, "status": status}, file="latency")
    run_import(db, origin)

    assert {each.outcome for each in latency.list_timings(db)} == {*OUTCOMES.values()}
