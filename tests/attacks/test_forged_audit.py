"""No role of a service must write, change, date or delete security events.

Only triggers of oadb's tables write them, as the owner of the tables; services read.
"""

from contextlib import suppress

import psycopg
import pytest
from psycopg.errors import InsufficientPrivilege

from oadb import Database
from oadb.accounts import security_events, sessions
from oadb.testing.servers import Server
from oadb.tools import audit_findings
from oadb.tools.findings import run_checks
from tests.support.each import for_each
from tests.support.rig import config
from tests.support.roles import (
    ROLES,
    Connection,
    alone,
    ask,
    connect,
    migrated,
    server,
    sessions_of,
    url_of,
)

__all__ = ["alone", "migrated", "server", "sessions_of"]

SERVICES = sorted({*ROLES} - {"oadb_owner", "oadb_migrate"})
FORGERIES = {
    "an event": "insert into oadb.security_events (kind, user_id, db_role) "
    "values ('user_created', 1, 'x')",
    "an id": "insert into oadb.security_events (event_id, kind, db_role) "
    "overriding system value values (1, 'user_created', 'x')",
    "a time": "insert into oadb.security_events (happened_at, kind, db_role) "
    "values ('2020-01-01', 'user_created', 'x')",
    "another event": "update oadb.security_events set user_id = 2",
    "no event": "delete from oadb.security_events",
    "no events": "truncate oadb.security_events",
    "a link": "insert into oadb.security_event_links values ('2026-01-01', 1, 1, sha256('x'))",
    "another link": "update oadb.security_event_links set event_id = 2",
    "no link": "delete from oadb.security_event_links",
    "no links": "truncate oadb.security_event_links",
    "no trigger": "alter table oadb.users disable trigger records_is_admin_changed",
    "no triggers": "set session_replication_role = replica",
    "another trigger": "drop trigger records_is_admin_changed on oadb.users",
    "another function": "create or replace function oadb.record_security_event() returns trigger "
    "language plpgsql as 'begin return null; end'",
    "a table of one's own": "create temporary table users (user_id bigint); "
    "create trigger forges after insert on users for each row "
    "execute function oadb.record_security_event('banned', 'user_id'); "
    "insert into users values (1)",
}


@pytest.mark.parametrize("role", SERVICES)
@for_each("what", FORGERIES)
def test_no_role_of_a_service_forges(
    sessions_of: dict[str, Connection], role: str, what: str
) -> None:
    with (
        sessions_of[role].transaction(force_rollback=True),
        pytest.raises(InsufficientPrivilege),
    ):
        sessions_of[role].execute(FORGERIES[what].encode())


@pytest.mark.parametrize(
    "what", ["another event", "no event", "no events", "another link", "no links"]
)
@pytest.mark.parametrize("role", ["oadb_owner", "oadb_migrate"])
def test_not_even_the_owner_does_so_by_mistake(
    sessions_of: dict[str, Connection], role: str, what: str
) -> None:
    with (
        sessions_of[role].transaction(force_rollback=True),
        pytest.raises(InsufficientPrivilege, match="is append-only"),
    ):
        sessions_of[role].execute(FORGERIES[what].encode())


OLD_ROWS = {
    "an event": (
        """insert into oadb.security_events (happened_at, kind, db_role)
        values (now() - interval '{} days', 'old', 'x')""",
        "delete from oadb.security_events where kind = 'old'",
    ),
    "a link": (
        """insert into oadb.security_event_links
        values ((now() at time zone 'UTC')::date - {}, 1, 0, sha256('x'))""",
        "delete from oadb.security_event_links where event_id = 0",
    ),
}


@pytest.mark.parametrize("what", OLD_ROWS)
def test_an_owner_may_delete_what_is_90_days_old_and_nothing_newer(
    sessions_of: dict[str, Connection], what: str
) -> None:
    owner, (insert, delete) = sessions_of["oadb_owner"], OLD_ROWS[what]
    with owner.transaction(force_rollback=True):
        owner.execute(insert.format(91).encode())

        assert owner.execute(delete.encode()).rowcount == 1
    with owner.transaction(force_rollback=True):
        owner.execute(insert.format(89).encode())
        with pytest.raises(InsufficientPrivilege, match="may be deleted after 90 days"):
            owner.execute(delete.encode())


@pytest.mark.parametrize(
    ("role", "change", "kind"),
    [
        ("oadb_app", "update oadb.users set is_admin = true where user_id = 1", "is_admin_changed"),
        ("oadb_app", "update oadb.trading_mode set mode = 'live'", "trading_mode_changed"),
        (
            "oadb_rotate",
            "update oadb.key_canaries set promoted_at = now() where key_id = 1",
            "root_key_promoted",
        ),
    ],
)
def test_what_a_service_changes_is_recorded_with_the_role_that_connected(
    server: Server, sessions_of: dict[str, Connection], role: str, change: str, kind: str
) -> None:
    sessions_of[role].execute(change.encode())
    with connect(server.url("separate")) as connection:
        newest = "select kind, db_role from oadb.security_events order by event_id desc limit 1"
        assert ask(connection, newest) == [(kind, f"a_{role}")]


def test_an_identity_sees_the_own_events_and_changes_none(server: Server, migrated: str) -> None:
    assert migrated
    with Database(config(url_of(server, "oadb_app"))) as db:
        assert sessions.end_all(db.as_user(2), 2) == 1
        found = security_events.list_all(db.as_user(2))

        assert {event.user_id for event in found} == {2}
        assert (found.rows[0].kind, found.rows[0].by) == ("session_ended", 2)
        assert security_events.list_by_user(db.as_user(2), 1).rows == []


FORGERIES_OF_A_USER = [
    "insert into oadb.security_events (kind, user_id, acted_by, db_role) "
    f"values ('banned', {user}, {user}, 'x')"
    for user in (1, 2, "null")
] + [FORGERIES[what] for what in FORGERIES if what.split()[0] in {"another", "no", "a"}]


@pytest.mark.parametrize("forgery", FORGERIES_OF_A_USER)
def test_an_identity_of_the_only_role_forges_nothing(alone: str, forgery: str) -> None:
    """That role owns the tables; row-level security and triggers bind it."""
    state = (
        "select md5(string_agg(e::text, '')) from oadb.security_events as e "
        "union all select count(*)::text from oadb.security_event_links"
    )
    with connect(alone) as connection:
        connection.execute(
            "insert into oadb.security_events (happened_at, kind, user_id, db_role) "
            "values (now() - interval '1 year', 'banned', 1, 'x')"
        )
        before = ask(connection, state)
        with suppress(psycopg.Error), connection.transaction():
            connection.execute("select oadb.act_as(1)")
            connection.execute(forgery.encode())
        assert ask(connection, state) == before


# The doctor --------------------------------------------------------------------------------------


def audit_finding(url: str) -> str:
    with Database(config(url)) as db:
        return " ".join(map(str, run_checks(audit_findings.checks(db))))


@pytest.mark.parametrize(
    ("fault", "remedy", "says"),
    [
        (
            "grant update (kind) on oadb.security_events to oadb_app",
            "revoke update (kind) on oadb.security_events from oadb_app",
            "oadb_app may update on oadb.security_events",
        ),
        (
            "grant insert on oadb.security_event_links to public",
            "revoke insert on oadb.security_event_links from public",
            "public may insert on oadb.security_event_links",
        ),
        (
            "alter table oadb.users disable trigger records_is_admin_changed",
            "alter table oadb.users enable trigger records_is_admin_changed",
            "no trigger writes is_admin_changed",
        ),
        (
            "alter table oadb.security_events disable trigger keep_rows",
            "alter table oadb.security_events enable trigger keep_rows",
            "rows can be changed",
        ),
    ],
)
def test_the_doctor_says_where_the_audit_does_not_stand(
    server: Server, migrated: str, fault: str, remedy: str, says: str
) -> None:
    assert migrated
    url = server.url("separate")
    assert audit_finding(url) == "ok   security events: written by triggers alone, and linked"
    with connect(url) as connection:
        connection.execute(fault.encode())
        try:
            found = audit_finding(url)
        finally:
            connection.execute(remedy.encode())
    assert found.startswith(f"FAIL security events: {says}")
