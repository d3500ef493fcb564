"""Nobody must be able to change the audit unnoticed: oadb audit verify names what was changed.

A superuser can change everything, and the chain of checksums with it; that is found by comparing
with an export, or a checksum, that was kept elsewhere.
"""

from collections.abc import Callable
from pathlib import Path

import pytest

from oadb import Database
from oadb.tools import audit_chain
from tests.support.audit_rows import (
    as_superuser,
    day,
    faults,
    forget_migrations,
    lines,
    link_days,
    noon,
    put,
)
from tests.support.command_line import oadb

pytestmark = pytest.mark.long("alters the audits of a database of its own each time")

YESTERDAY, BEFORE = day(1), day(2)

# Events 1 to 3 are of the day before yesterday, 4 to 6 of yesterday.
ATTACKS = {
    "another time": (
        (
            "update oadb.security_events set happened_at = happened_at + interval '1 us' "
            "where event_id = 2"
        ),
        f"event 2 of {BEFORE} was altered, or what was linked before it is missing",
    ),
    **{
        f"another {column}": (
            f"update oadb.security_events set {column} = {value} where event_id = 5",
            f"event 5 of {YESTERDAY} was altered, or what was linked before it is missing",
        )
        for column, value in {
            "kind": "'unbanned'",
            "user_id": "8",
            "acted_by": "8",
            "db_role": "'other'",
            "ip": "null",
            "detail": "'{}'",
        }.items()
    },
    "a deleted event": (
        "delete from oadb.security_events where event_id = 4",
        f"event 4 of {YESTERDAY} was deleted",
    ),
    "a deleted event and its link": (
        (
            "delete from oadb.security_events where event_id = 2; "
            "delete from oadb.security_event_links where event_id = 2"
        ),
        f"event 3 of {BEFORE} is at position 3, and {BEFORE}/2 comes next",
    ),
    "a deleted event whose link is replaced": (
        (
            "delete from oadb.security_events where event_id = 3; "
            "delete from oadb.security_event_links where event_id = 3"
        ),
        f"event 4 of {YESTERDAY} was altered, or what was linked before it is missing",
    ),
    "the first events": (
        (
            "delete from oadb.security_events where event_id <= 2; "
            "delete from oadb.security_event_links where event_id <= 2"
        ),
        f"event 3 of {BEFORE} is at position 3, and {BEFORE}/1 comes next",
    ),
    "the first day": (
        (
            "delete from oadb.security_events where event_id <= 3; "
            "delete from oadb.security_event_links where event_id <= 3"
        ),
        f"event 4 of {YESTERDAY} was altered, or what was linked before it is missing",
    ),
    "the first day, as if it had expired": (
        (
            "delete from oadb.security_events where event_id <= 3; "
            "delete from oadb.security_event_links where event_id <= 2"
        ),
        f"event 3 of {BEFORE} was deleted",
    ),
    "an event that is inserted": (
        (
            "insert into oadb.security_events (happened_at, kind, db_role) "
            "select happened_at, 'user_created', 'x' from oadb.security_events where event_id = 1"
        ),
        f"event 7 of {BEFORE} was inserted after its day was linked",
    ),
    "an event that is inserted with a link": (
        (
            "insert into oadb.security_events (happened_at, kind, db_role) "
            "select happened_at, 'user_created', 'x' from oadb.security_events where event_id = 3; "
            "insert into oadb.security_event_links "
            f"values ('{BEFORE}', 4, 7, sha256('made up'))"
        ),
        f"event 7 of {BEFORE} was altered, or what was linked before it is missing",
    ),
    "two events that change places": (
        (
            "update oadb.security_event_links set event_id = -1 where event_id = 1; "
            "update oadb.security_event_links set event_id = 1 where event_id = 2; "
            "update oadb.security_event_links set event_id = 2 where event_id = -1"
        ),
        f"event 2 of {BEFORE} was altered, or what was linked before it is missing",
    ),
    "a link that is moved to another day": (
        f"update oadb.security_event_links set day = '{BEFORE}', position = 4 where event_id = 4",
        f"event 4 of {BEFORE} is at position 4, and {YESTERDAY}/1 comes next",
    ),
    "another checksum": (
        "update oadb.security_event_links set checksum = sha256('other') where event_id = 2",
        f"event 2 of {BEFORE} was altered, or what was linked before it is missing",
    ),
}


@pytest.fixture
def url(oadb_database_url: str) -> str:
    """Give a database with three linked events on each of two days."""
    forget_migrations(oadb_database_url)
    link_days(oadb_database_url, 2, 1)
    assert faults(oadb_database_url) == []
    return oadb_database_url


@pytest.mark.parametrize("attack", ATTACKS)
def test_what_is_changed_is_named(url: str, attack: str) -> None:
    change, found = ATTACKS[attack]
    with as_superuser(url) as connection:
        connection.execute(change.encode())

    assert faults(url)[0] == found
    verified = oadb("audit", "verify", url=url)
    assert verified.returncode == 3
    assert verified.stdout.startswith(f"FAIL security events: {found}\n")


def test_linking_again_does_not_hide_what_was_inserted(url: str) -> None:
    put(url, noon(30))
    with Database.from_url(url) as db:
        assert audit_chain.link(db) == 0

    assert faults(url) == [f"event 7 of {day(30)} was inserted after its day was linked"]


def recomputed(url: str) -> None:
    """Alter an event, and compute the whole chain anew, as a superuser can."""
    with as_superuser(url) as connection:
        connection.execute("update oadb.security_events set detail = '{}' where event_id = 2")
        connection.execute("delete from oadb.security_event_links")
    with Database.from_url(url) as db:
        audit_chain.link(db)


def shortened(url: str) -> None:
    """Delete the end of the chain with its events."""
    with as_superuser(url) as connection:
        connection.execute("delete from oadb.security_event_links where event_id >= 4")
        connection.execute("delete from oadb.security_events where event_id >= 4")


def emptied(url: str) -> None:
    with as_superuser(url) as connection:
        connection.execute("truncate oadb.security_event_links, oadb.security_events")


@pytest.mark.parametrize("attack", [recomputed, shortened, emptied])
def test_a_chain_that_is_computed_anew_is_found_by_what_was_kept_elsewhere(
    url: str, tmp_path: Path, attack: Callable[[str], None]
) -> None:
    export = tmp_path / "audit.jsonl"
    export.write_text(oadb("audit", "export", url=url).stdout)
    checksum = f"{YESTERDAY}={lines(url)[-1].rpartition(': ')[2][1:-2]}"
    assert oadb("audit", "verify", "--expect", str(export), url=url).returncode == 0
    assert oadb("audit", "verify", "--expect", checksum, url=url).returncode == 0

    attack(url)
    assert oadb("audit", "verify", url=url).returncode == 0, "by itself it is sound"
    for kept in (str(export), checksum):
        found = oadb("audit", "verify", "--expect", kept, url=url)
        assert found.returncode == 3
        assert str(YESTERDAY) in found.stdout


def test_an_export_of_a_day_that_went_on_is_still_expected(url: str, tmp_path: Path) -> None:
    export = tmp_path / "audit.jsonl"
    export.write_text("\n".join(lines(url)[:5]))

    assert oadb("audit", "verify", "--expect", str(export), url=url).returncode == 0
    recomputed(url)
    assert oadb("audit", "verify", "--expect", str(export), url=url).returncode == 3
