"""Bans by a user who is deleted meanwhile: they wait, and are refused."""

import pytest

from oadb import Database
from oadb.bans import host_bans, ip_bans
from oadb.logs import traffic
from oadb.logs.traffic import Request
from tests.support.deleted_actors import refused_beside_a_deletion

pytestmark = pytest.mark.changes_rows


def test_no_ban_is_by_a_user_who_is_deleted_meanwhile(db: Database, oadb_database_url: str) -> None:
    request = Request(
        ip="203.0.113.7", method="GET", path="/", status=404, duration_ms=1.0, host="example.com"
    )
    traffic.record(db, request)
    refused_beside_a_deletion(
        db, oadb_database_url, lambda other, by: ip_bans.ban(other, "203.0.113.8", "x", by=by)
    )
    refused_beside_a_deletion(
        db,
        oadb_database_url,
        lambda other, by: host_bans.ban_clients(other, "example.com", "x", by=by),
    )

    assert ip_bans.list_all(db).rows == []
