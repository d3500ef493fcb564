"""Bans by host: the addresses of the traffic log whose requests were for a host, and no others."""

from collections.abc import Generator
from datetime import UTC, datetime, timedelta

import pytest

from oadb import AsyncDatabase, Database
from oadb.accounts import sessions
from oadb.bans import host_bans, ip_bans
from oadb.bans.host_bans import HostBan
from oadb.errors import NoRowError, ParameterError
from oadb.logs import traffic
from oadb.logs.traffic import Request
from oadb.settings import app_settings
from oadb.testing.servers import Server
from tests.conftest import configured
from tests.support.accounts import account, new_user
from tests.support.rig import Observer

HOUR = timedelta(hours=1)


@pytest.fixture
def visited(oadb_server: Server, oadb_template: str) -> Generator[Database]:
    """Give a database whose traffic log has four clients of three hosts."""
    with oadb_server.clone(oadb_template) as url, Database(configured(url)) as db:
        for ip, host in [
            ("203.0.113.7", "Shop.Example.com"),
            ("203.0.113.7", "example.com:5000"),
            ("203.0.113.8", "example.com"),
            ("2001:db8::1", "example.com"),
            ("2001:db8::2", "example.com"),
            ("198.51.100.7", "example.org"),
            ("198.51.100.7", None),
            ("127.0.0.1", "example.com"),
        ]:
            request = Request(ip=ip, method="GET", path="/", status=404, duration_ms=1.0, host=host)
            traffic.record(db, request)
        yield db


def banned(db: Database) -> set[str]:
    return {ban.network for ban in ip_bans.list_all(db)}


def test_the_networks_that_asked_for_a_host_are_banned(visited: Database) -> None:
    made = host_bans.ban_clients(visited, "EXAMPLE.com", "scanner", by=None)

    assert made == HostBan(clients=4, banned=3, spared=1)
    assert banned(visited) == {"203.0.113.7", "203.0.113.8", "2001:db8::/64"}
    for ban in ip_bans.list_all(visited):
        assert (ban.reason, ban.offences, ban.source, ban.by) == ("scanner", 1, "person", None)
        assert ban.expires_at is not None
        assert ban.expires_at - ban.banned_at == timedelta(hours=24)
    assert host_bans.ban_clients(visited, "shop.example", "x", by=None, duration=HOUR).clients == 1


def test_a_part_that_no_host_has_bans_nobody_and_no_character_is_special(
    visited: Database,
) -> None:
    assert host_bans.ban_clients(visited, "exampleXcom", "x", by=None) == HostBan(0, 0, 0)
    for wrong in ("", " ", "%%%", "ex", "___", "example%", "a b c", "exam ple", "-ab", "x" * 254):
        with pytest.raises(ParameterError, match="host must be a host or 3 to 253 characters"):
            host_bans.ban_clients(visited, wrong, "x", by=None)

    assert banned(visited) == set()


def test_repeating_it_changes_nothing_and_a_longer_ban_is_not_shortened(
    visited: Database,
) -> None:
    ip_bans.ban(visited, "203.0.113.7", "by hand", duration=None, by=None)
    first = host_bans.ban_clients(visited, "example.com", "x", by=None)
    again = host_bans.ban_clients(visited, "example.com", "x", by=None, duration=HOUR)

    assert (first.banned, again) == (2, HostBan(4, 0, 1))
    found = ip_bans.find_by_ip(visited, "203.0.113.7")
    assert found is not None
    assert (found.reason, found.expires_at) == ("by hand", None)
    permanent = host_bans.ban_clients(visited, "example.com", "for good", by=None, duration=None)
    assert permanent.banned == 2
    assert {ban.expires_at for ban in ip_bans.list_all(visited)} == {None}


def test_a_repeat_offender_is_banned_permanently(visited: Database) -> None:
    app_settings.update_security(visited, repeat_offender_limit=2, by=None)
    host_bans.ban_clients(visited, "example.com", "x", by=None, duration=HOUR)
    host_bans.ban_clients(visited, "example.com", "x", by=None, duration=2 * HOUR)

    assert {(ban.offences, ban.expires_at) for ban in ip_bans.list_all(visited)} == {(2, None)}


def test_exempt_networks_and_those_of_users_are_spared(visited: Database) -> None:
    """The host may be one under which users reach the service."""
    user = account(visited, new_user(visited))
    sessions.create(visited, user, ip="203.0.113.8")
    ip_bans.exempt(visited, "2001:db8::/32", "an office")

    assert host_bans.ban_clients(visited, "example.com", "x", by=None) == HostBan(4, 1, 3)
    assert banned(visited) == {"203.0.113.7"}


def test_only_requests_of_the_window_count(visited: Database) -> None:
    ahead = datetime.now(UTC) + HOUR

    assert host_bans.ban_clients(visited, "example.com", "x", by=None, since=ahead).clients == 0
    assert host_bans.ban_clients(visited, "example.com", "x", by=None, since=ahead - 2 * HOUR)


def test_who_banned_them_must_exist_and_is_recorded(visited: Database) -> None:
    with pytest.raises(NoRowError, match=r"^host_bans\.ban_clients: there is no user 777777777"):
        host_bans.ban_clients(visited, "example.com", "x", by=777777777)
    assert banned(visited) == set()

    admin = new_user(visited)
    host_bans.ban_clients(visited, "example.com", "x", by=admin)
    assert {ban.by for ban in ip_bans.list_all(visited)} == {admin}


async def test_it_works_for_asyncio(adb: AsyncDatabase, oadb_database_url: str) -> None:
    Observer(oadb_database_url).rows(
        "insert into oadb.traffic (logged_at, ip, method, path, status, duration_ms, host) "
        "values (now(), '203.0.113.7', 'GET', '/', 404, 1, 'example.com') returning 1"
    )

    assert await host_bans.ban_clients(adb, "example", "x", by=None) == HostBan(1, 1, 0)
