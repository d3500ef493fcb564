"""What banned a network: of new bans, and of those from before migration 0028."""

from datetime import timedelta

import psycopg
import pytest
from psycopg.errors import CheckViolation

from oadb import Database
from oadb.bans import ip_bans, trackers
from oadb.settings import app_settings
from tests.support.accounts import new_user
from tests.support.bans import db, ip
from tests.support.migrations import run_script
from tests.support.rig import Observer

__all__ = ["db", "ip"]

HOUR = timedelta(hours=1)

BEFORE = [
    ("203.0.113.1", "3 requests that were not found", "system"),
    ("203.0.113.2", "100 requests with a wrong API key", "system"),
    ("203.0.113.3", "100 requests with a wrong API key", "ASHA"),
    ("203.0.113.4", "banned by OpenAlgo", "system"),
    ("203.0.113.5", "scanning", "system"),
    ("203.0.113.6", "scanning", "asha"),
    ("203.0.113.7", "scanning", "somebody"),
]


def test_a_ban_says_whether_a_person_or_a_tracker_made_it(db: Database, ip: str) -> None:
    app_settings.update_security(db, by=None, auto_ban_enabled=True, not_found_threshold=1)
    tracked = trackers.track_not_found(db, ip, "/").ban
    app_settings.update_security(db, by=None, auto_ban_enabled=False)
    asha = new_user(db)

    assert tracked is not None
    assert (tracked.source, tracked.by) == ("tracker", None)
    again = ip_bans.ban(db, ip, "x", duration=HOUR, by=asha)
    assert (again.source, again.by) == ("person", asha)
    assert ip_bans.list_all(db).rows[0] == again


def test_the_migration_reads_the_source_from_the_text_and_old_code_goes_on(url: str) -> None:
    old = (
        "insert into oadb.ip_bans (network, reason, offences, banned_at, created_by) "
        "values (%s, %s, 1, now(), %s)"
    )
    with psycopg.connect(url) as connection, connection.transaction(force_rollback=True):
        # Of a later migration.
        connection.execute("drop function oadb.record_security_event() cascade")
        run_script(connection, "0028_say_who_banned.rollback")
        connection.execute("delete from oadb.ip_bans")
        created = connection.execute(
            "insert into oadb.users (username, email) values ('asha', 'asha@example.in'), "
            "('system', 'system@example.in') returning user_id"
        ).fetchone()
        assert created is not None
        asha = created[0]
        for values in BEFORE:
            connection.execute(old, values)
        run_script(connection, "0028_say_who_banned")
        connection.execute(old, ("203.0.113.8", "by a process of before", "system"))
        found = connection.execute(
            "select source, banned_by from oadb.active_ip_bans order by network"
        ).fetchall()

    assert found == [
        ("tracker", None),
        ("tracker", None),
        ("person", asha),
        ("import", None),
        ("person", None),
        ("person", asha),
        ("person", None),
        ("person", None),
    ]


def test_only_a_ban_by_a_person_has_a_user(observer: Observer) -> None:
    insert = (
        "insert into oadb.ip_bans (network, reason, offences, banned_at, source, banned_by) "
        "values ('203.0.113.1', 'x', 1, now(), %s, 1)"
    )
    for source in ("tracker", "import"):
        with pytest.raises(CheckViolation, match="ip_bans_banned_by_check"):
            observer.rows(insert, source)
