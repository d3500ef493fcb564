"""Values for which statements are planned, and how conditions of plans show them."""

from datetime import UTC, datetime

from oadb.tools.plans.sample_values import named_in, sample_values
from tests.support.declaring import declared

NOW = datetime(2026, 3, 10, 12, tzinfo=UTC)


def test_a_call_asks_for_a_hundred_rows_ten_keys_and_three_days() -> None:
    sql = "select 1 as n where :ids::bigint[] is not null and now() > :since limit :most"
    statement = declared(sql, list[int], ids=list[int], since=datetime, most=int)

    assert sample_values(statement, NOW) == {
        "ids": "{" + ",".join(['"7100"'] * 10) + "}",
        "since": "2026-03-07 12:00:00.71011+00",
        "most": "102",
    }


def test_conditions_have_the_names_of_parameters_instead_of_values() -> None:
    values = {"user_id": "7100", "since": "2026-03-07 12:00:00.71011+00"}
    text = "((a.user_id = '7100'::bigint) AND (a.at > '2026-03-07 12:00:00.71011+00'::timestamp "

    assert named_in(f"{text}with time zone) AND (a.n = 71000))", values) == (
        "((a.user_id = :user_id) AND (a.at > :since) AND (a.n = 71000))"
    )


def test_a_text_that_the_statement_casts_is_one_of_that_type() -> None:
    sql = (
        "select 1 as n where :ip::text::inet is not null and :at::text::timestamptz[] is not null "
        "and :keys::text[]::uuid[] is not null and :ids::text::bigint[] is not null "
        "and cast(cast(:net as text) as inet) is not null and :ms::text::double precision > 0"
    )
    statement = declared(sql, list[int], ip=str, at=str, keys=list[str], ids=str, net=str, ms=str)
    values = sample_values(statement, NOW)

    assert values["ip"] == "2001:db8::7100"
    assert str(values["at"]).startswith('{"2026-03-10 12:00:00.71011+00",')
    assert str(values["keys"]).count("00000000-0000-0000-0000-000000007102") == 10
    assert str(values["ids"]).startswith('{"7103",')
    assert (values["net"], values["ms"]) == ("2001:db8::7104", "7105")
