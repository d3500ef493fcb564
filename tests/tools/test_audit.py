"""oadb audit and oadb maintain: security events are linked, exported, verified and forgotten."""

import hashlib
import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import psycopg
import pytest

from oadb import Config, Database
from oadb.accounts import users
from oadb.engine.binding.packages import find
from oadb.errors import ConfigError
from oadb.tools import (
    audit_chain,
    audit_findings,
    health,
    maintenance,
    maintenance_preview,
    retention,
)
from oadb.tools.findings import run_checks
from oadb.tools.retention import Retention
from tests.support.audit_rows import (
    day,
    faults,
    forget_migrations,
    lines,
    link_days,
    noon,
    put,
)
from tests.support.command_line import oadb
from tests.support.rig import Observer, threads

pytestmark = pytest.mark.long("audits a database of its own each time")

KEEP: Retention = dict.fromkeys(retention.DEFAULT_DAYS)


@pytest.fixture
def url(oadb_database_url: str) -> str:
    forget_migrations(oadb_database_url)
    return oadb_database_url


def maintain(url: str, **ages: timedelta) -> list[str]:
    config = Config.from_env({"DATABASE_URL": url, "DB_POOL_SIZE": "1"})
    return [str(finding) for finding in maintenance.run(config, {**KEEP, **ages})]


def preview(url: str, **ages: timedelta) -> list[str]:
    config = Config.from_env({"DATABASE_URL": url, "DB_POOL_SIZE": "1"})
    return [str(finding) for finding in maintenance_preview.run(config, {**KEEP, **ages})]


def places(url: str) -> list[tuple[str, int, int]]:
    found = Observer(url).rows(
        "select day::text, position, event_id from oadb.security_event_links order by 1, 2"
    )
    return [(day, position, event) for day, position, event in found]


# Links -------------------------------------------------------------------------------------------


def test_events_are_linked_by_day_in_their_order(url: str) -> None:
    put(url, noon(2), noon(1), noon(1))
    with Database.from_url(url) as db:
        assert audit_chain.link(db, batch=2) == 3
        assert audit_chain.link(db) == 0

    assert places(url) == [(str(day(2)), 1, 1), (str(day(1)), 1, 2), (str(day(1)), 2, 3)]
    assert faults(url) == []


def test_an_event_that_is_committed_late_is_linked_behind_those_before(url: str) -> None:
    """It waits for no open transaction, and loses none."""
    with psycopg.connect(url) as late, Database.from_url(url) as db:
        late.execute("insert into oadb.users (username, email) values ('late', 'late@x.in')")
        users.create(db, "asha", "asha@example.in")
        assert audit_chain.link(db) == 1
        late.commit()
        assert audit_chain.link(db) == 1

    assert [event for _, _, event in places(url)] == [2, 1]
    assert faults(url) == []


def test_an_event_of_a_day_that_has_passed_is_linked_in_the_day_that_runs(url: str) -> None:
    put(url, noon(0, -720), noon(1, 719))
    with Database.from_url(url) as db:
        audit_chain.link(db)

    assert places(url) == [(str(day(0)), 1, 1), (str(day(0)), 2, 2)]
    assert faults(url) == []


def test_two_who_link_at_once_make_one_chain(url: str) -> None:
    put(url, *(noon(1, minute) for minute in range(50)))
    with Database.from_url(url) as db, threads(2) as pool:
        linked = [*pool.map(lambda _: audit_chain.link(db, batch=3), range(2))]

    assert sum(linked) == 50
    assert faults(url) == []


def test_an_event_before_the_reach_is_linked_only_on_demand(url: str) -> None:
    link_days(url, 1)
    put(url, noon(4))

    assert oadb("audit", "link", url=url).stdout == "linked 0 events\n"
    assert len(faults(url)) == 1
    assert oadb("audit", "link", "--reach", "7d", url=url).stdout == "linked 1 events\n"
    assert faults(url) == []


def test_maintain_links_and_says_so(url: str) -> None:
    put(url, noon(1), noon(0, -720))
    said = "security_events: would link 2 events"

    assert preview(url) == [f"ok   {said}"]
    assert maintain(url) == ["ok   security_events: linked 2 events"]
    assert maintain(url) == preview(url) == []


# Export ------------------------------------------------------------------------------------------


def test_an_export_can_be_verified_with_a_few_lines_of_any_language(url: str) -> None:
    link_days(url, 2, 1)
    exported = oadb("audit", "export", url=url).stdout.splitlines()
    checksum = bytes(32)
    for line in exported:
        canonical, _, given = line.rpartition(', "checksum": ')
        checksum = hashlib.sha256(checksum + canonical.encode() + b"}").digest()
        assert given == f'"{checksum.hex()}"}}'

    assert len(exported) == 6
    first = json.loads(exported[0])
    assert first["by"] is None
    assert {**first, "checksum": ""} == {
        "day": str(day(2)),
        "position": 1,
        "event_id": 1,
        "happened_at": noon(2).isoformat(timespec="microseconds"),
        "kind": "email_changed",
        "user_id": 7,
        "by": None,
        "db_role": "service",
        "ip": "203.0.113.7",
        "detail": {"email": {"old": "ä@x.in", "new": "0@x.in"}},
        "checksum": "",
    }


def test_an_export_goes_on_where_another_one_ended(url: str) -> None:
    link_days(url, 3, 2, 1)
    whole = lines(url)
    last = json.loads(whole[3])

    def exported(*options: str) -> list[str]:
        return oadb("audit", "export", *options, url=url).stdout.splitlines()

    assert exported("--after", f"{last['day']}/{last['position']}") == whole[4:]
    assert exported("--since", str(day(2)), "--until", str(day(1))) == whole[3:6]


@pytest.mark.parametrize(
    "options",
    [
        ["export", "--since", "yesterday"],
        ["export", "--after", "2026-11-29"],
        ["export", "--after", "2026-13-29/1"],
    ],
)
def test_a_place_that_is_none_is_wrong_usage(url: str, options: list[str]) -> None:
    assert oadb("audit", *options, url=url).returncode == 2


@pytest.mark.parametrize("given", ["2026-11-29=12", "2026-13-29=" + "0" * 64, "/dev/null/x"])
def test_an_expectation_that_is_none_is_an_error_in_one_line(url: str, given: str) -> None:
    ended = oadb("audit", "verify", "--expect", given, url=url)

    assert ended.returncode == 1
    assert ended.stderr.count("\n") == 1


def test_a_file_that_is_no_export_is_an_error_in_one_line(url: str, tmp_path: Path) -> None:
    for text in ("{}", "[]", "no", '{"day": 1}', "\xff"):
        (tmp_path / "x").write_text(f"{text}\n", encoding="latin-1")
        ended = oadb("audit", "verify", "--expect", str(tmp_path / "x"), url=url)
        assert (ended.returncode, ended.stderr.count("\n")) == (1, 1)


# Verification ------------------------------------------------------------------------------------


def test_a_sound_chain_is_said_to_be_one(url: str) -> None:
    assert "none is linked yet" in oadb("audit", "verify", url=url).stdout
    link_days(url, 2, 1)
    put(url, noon(0, -720))
    verified = oadb("audit", "verify", url=url)
    checksum = json.loads(lines(url)[-1])["checksum"]

    assert verified.returncode == 0
    assert verified.stdout.splitlines() == [
        "ok   security events: 1 not linked yet; run oadb audit link",
        f"ok   security events: 6 linked in 2 days; {day(1)}/3 has the checksum {checksum}",
    ]


def test_what_is_not_linked_for_a_day_is_a_finding_of_the_doctor(url: str) -> None:
    def found() -> str:
        with Database.from_url(url) as db:
            return " ".join(map(str, run_checks(audit_findings.checks(db))))

    put(url, datetime.now(UTC) - timedelta(hours=1))
    assert found().startswith("ok ")
    put(url, noon(3))
    assert f"not linked since {noon(3):%Y-%m-%d %H:%M UTC}; run oadb maintain" in found()
    maintain(url)
    assert found().startswith("ok ")


def test_the_doctor_asks_for_it(url: str) -> None:
    config = Config.from_env({"DATABASE_URL": url, "DB_POOL_SIZE": "1"})

    assert "security events" in {each.subject for each in health.examine(config, [find("oadb")])}


# Retention ---------------------------------------------------------------------------------------


def test_expired_days_are_forgotten_and_the_chain_is_verified_from_their_checksum(
    url: str,
) -> None:
    link_days(url, 400, 399, 200, 1)
    kept = lines(url)[6:]
    ages = {"security_events": timedelta(days=365)}

    assert preview(url, **ages) == [
        f"ok   security_events: would delete the events of {day(ago)}" for ago in (400, 399)
    ]
    assert maintain(url, **ages) == [
        f"ok   security_events: deleted 3 events of {day(ago)}; its last link stays"
        for ago in (400, 399)
    ]
    assert lines(url) == kept
    assert places(url)[:2] == [(str(day(400)), 3, 3), (str(day(399)), 3, 6)]
    assert faults(url) == []
    assert maintain(url, **ages) == []


def test_a_forgotten_day_still_has_the_checksum_that_was_kept_elsewhere(url: str) -> None:
    link_days(url, 400, 1)
    checksum = json.loads(lines(url)[2])["checksum"]
    maintain(url, security_events=timedelta(days=365))

    def verified(kept: str) -> int:
        return oadb("audit", "verify", "--expect", f"{day(400)}={kept}", url=url).returncode

    assert verified(checksum) == 0
    assert verified("0" * 64) == 3


def test_nothing_younger_than_90_days_is_ever_deleted(url: str) -> None:
    with pytest.raises(ConfigError, match="expected days from 90 to 36500"):
        retention.from_env({"OADB_SECURITY_EVENTS_RETENTION_DAYS": "89"})
    link_days(url, 95, 80)

    maintain(url, security_events=timedelta(days=1))
    assert [event for _, _, event in places(url)] == [3, 4, 5, 6]
    assert faults(url) == []
