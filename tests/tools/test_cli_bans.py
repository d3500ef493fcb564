"""oadb bans: list, add, remove."""

import subprocess
from datetime import UTC, datetime, timedelta

import psycopg
import pytest

from oadb import Database
from oadb.accounts import users
from oadb.bans import ip_bans
from tests.support.command_line import oadb

IP = "203.0.113.7"
ADD = ("add", IP, "--reason", "guessing keys")


def bans(url: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    return oadb("bans", *arguments, url=url)


@pytest.mark.parametrize(
    ("options", "length"),
    [
        ((), timedelta(hours=24)),
        (("--for", "1h30m"), timedelta(minutes=90)),
        (("--permanent",), None),
    ],
)
def test_an_address_is_banned_by_the_platform_for_a_while_or_permanently(
    db: Database, oadb_database_url: str, options: tuple[str, ...], length: timedelta | None
) -> None:
    done = bans(oadb_database_url, *ADD, *options)

    ban = ip_bans.find_by_ip(db, IP)
    assert (done.returncode, done.stderr) == (0, "")
    assert ban is not None
    assert (ban.reason, ban.source, ban.by) == ("guessing keys", "person", None)
    if length is None or ban.expires_at is None:
        assert (length, ban.expires_at) == (None, None)
        assert done.stdout == f"banned {IP} permanently\n"
    else:
        assert ban.expires_at - ban.banned_at == length
        assert done.stdout == f"banned {IP} until {ban.expires_at:%Y-%m-%d %H:%M %Z}\n"


def test_bans_are_listed_with_their_author_and_reason(db: Database, oadb_database_url: str) -> None:
    assert bans(oadb_database_url, "list").stdout == "no bans\n"
    asha = users.create(db, "asha", "asha@example.in").user_id
    ip_bans.ban(db, "203.0.113.8", "scanning\nports", duration=None, by=asha)
    bans(oadb_database_url, *ADD)
    with psycopg.connect(oadb_database_url) as connection:
        connection.execute(
            "update oadb.ip_bans set banned_at = '2026-01-01', expires_at = '2026-01-02' "
            "where network = '203.0.113.7'"
        )

    listed = [
        " ".join(line.split()) for line in bans(oadb_database_url, "list").stdout.splitlines()
    ]
    today = datetime.now(UTC)
    assert len(listed) == 1
    assert listed[0].startswith(f"203.0.113.8 permanently offence 1, by user {asha} at {today:%Y}-")
    assert listed[0].endswith(" UTC: scanning ports")
    everything = bans(oadb_database_url, "list", "--with-expired").stdout.splitlines()
    assert [line.split()[0] for line in everything] == ["203.0.113.8", IP]
    assert "by the platform at 2026-01-01 00:00 UTC: guessing keys" in everything[1]


def test_every_page_of_bans_is_listed(
    oadb_database_url: str, db: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    every_page = ip_bans.list_all

    def small_pages(db: Database, *, with_expired: bool, cursor: str | None, limit: int) -> object:
        assert limit == 1000
        return every_page(db, with_expired=with_expired, cursor=cursor, limit=2)

    for number in range(5):
        ip_bans.ban(db, f"203.0.113.{number}", "x", by=None)
    monkeypatch.setattr(ip_bans, "list_all", small_pages)
    assert len(bans(oadb_database_url, "list").stdout.splitlines()) == 5


def test_a_ban_is_removed(db: Database, oadb_database_url: str) -> None:
    ip_bans.ban(db, IP, "x", by=None)

    done = bans(oadb_database_url, "remove", IP)
    assert (done.returncode, done.stdout) == (0, f"removed the ban of {IP}\n")
    assert ip_bans.find_by_ip(db, IP) is None
    again = bans(oadb_database_url, "remove", IP)
    assert (again.returncode, again.stdout) == (0, f"there is no ban of {IP}; nothing to remove\n")


def test_an_exempt_network_is_not_banned_and_the_reason_is_said(oadb_database_url: str) -> None:
    done = bans(oadb_database_url, "add", "10.0.0.1", "--reason", "x")

    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith(
        "oadb: IP 10.0.0.1 is not banned: the network of ip is exempt from bans: "
    )


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (
            ("add", "nowhere", "--reason", "x"),
            "must be an IPv4 or IPv6 address, such as 203.0.113.7",
        ),
        (("remove", "203.0.113.0/24"), "must be an IPv4 or IPv6 address, such as 203.0.113.7"),
        (("add", IP), "'--reason'"),
        ((*ADD, "--for", "60"), "'--for'"),
        ((*ADD, "--for", "1h", "--permanent"), "--for and --permanent exclude each other"),
    ],
)
def test_a_mistake_is_wrong_usage(arguments: tuple[str, ...], message: str) -> None:
    done = bans("postgresql:///nowhere", *arguments)

    assert (done.returncode, done.stdout) == (2, "")
    assert message in done.stderr.splitlines()[-1]
