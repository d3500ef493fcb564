"""Nothing of OpenAlgo is lost silently: what stays behind is counted, by name."""

import json

from oadb import Database
from oadb.accounts import login_attempts
from oadb.logs import api_logs, traffic
from tests.importing.openalgo import API_KEY, Installation
from tests.importing.running import run_import, text_of


def test_orders_that_trigger_keep_their_fields_and_what_is_hidden_is_counted(
    db: Database, origin: Installation
) -> None:
    order = {
        "trigger_type": "OCO", "triggerprice_sl": 95.5, "triggerprice_tg": 110, "leg": 2,
        "expires_at": "2027-07-31", "strike_int": 50, "total_open_orders": 3,
    }  # fmt: skip  # a table
    secrets = {"apikey": API_KEY, "Colour": "red", "hunter2": "x"}
    answer = {"status": "success", "trigger_id": "31007"}
    origin.add(
        "order_logs",
        {
            "api_type": "placegttorder",
            "request_data": json.dumps(order | secrets),
            "response_data": json.dumps(answer),
            "created_at": "2025-07-31 09:15:00",
        },
    )
    origin.add_logs(1)
    dry = run_import(db, origin, applies=False, kept_fields=("colour",))
    reports = run_import(db, origin, kept_fields=("colour",))
    (call,) = [each for each in api_logs.list_calls(db) if "gtt" in each.endpoint]

    assert call.request == {**order, "Colour": "red", "***": 2}
    assert call.response == answer
    assert reports["order_logs"].hidden == {"apikey": 2, "(other names)": 1}
    assert "left out of bodies: apikey 2, (other names) 1" in text_of(reports)
    assert text_of(dry) == text_of(reports)


def test_bodies_of_latency_are_counted_or_said_to_be_absent(
    db: Database, origin: Installation
) -> None:
    origin.add_logs(2)
    run_import(db, origin)
    absent = "no row has the body of a request or a response"
    assert absent in text_of(run_import(db, origin, installation="another", applies=False))
    origin.change("order_latency", 1, request_body="{}", response_body="{}")
    origin.change("order_latency", 2, response_body="{}")
    reports = run_import(db, origin, installation="another")

    assert reports["order_latency"].hidden == {"response_body": 2, "request_body": 1}
    assert absent not in text_of(reports)


def test_sign_ins_with_a_second_factor_and_requests_without_a_host_are_imported(
    db: Database, origin: Installation
) -> None:
    origin.add_logs(4)
    for row_id, kind in enumerate(("totp", "totp_resume", None, "oauth"), 1):
        origin.change("login_attempts", row_id, login_type=kind, status="success")
    origin.change("traffic_logs", 1, host="unknown")
    reports = run_import(db, origin)
    methods = [each.method for each in login_attempts.list_attempts(db)]

    assert methods[::-1] == ["code", "resume", "password", "oauth"]
    assert [each.host for each in traffic.list_requests(db)][::-1][0] is None
    assert not any(each.left_out for each in reports.values())


def test_decided_orders_are_reported_with_the_order_of_the_broker(
    db: Database, origin: Installation
) -> None:
    origin.script(
        "openalgo",
        f"""
        create table pending_orders (
            id integer primary key, status, broker_order_id, user_id, api_type, order_data,
            created_at, created_at_ist, approved_at, approved_at_ist, approved_by, rejected_at,
            rejected_at_ist, rejected_by, rejected_reason, broker_status
        );
        insert into pending_orders (id, status, broker_order_id) values
            (1, 'approved', '{"7" * 60}'), (2, 'rejected', null), (3, 'pending', null);
        """,
    )
    report = run_import(db, origin)["pending_orders"]

    lines = [line.strip() for line in report.lines("written")]
    assert lines[1:] == [
        "1 left out: it waits: approve or reject it in OpenAlgo (id 3)",
        f"1 over, not imported: approved, broker order id {'7' * 50} (id 1)",
        "1 over, not imported: rejected, not sent (id 2)",
    ]
