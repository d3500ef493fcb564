"""Settings and bans of OpenAlgo; what was set here is never undone."""

from datetime import UTC, datetime, timedelta

import psycopg
import pytest

from oadb import Config, Database, Secret
from oadb.bans import ip_bans
from oadb.settings import app_settings, smtp_settings
from tests.importing.openalgo import SMTP, Installation, cipher
from tests.importing.running import bring, told

SMTP_SALT = b"smtp-openalgo-salt"


def settings(there: Installation, **other: object) -> None:
    there.add(
        "settings",
        {
            "analyze_mode": 0, "smtp_server": "smtp.example.in", "smtp_port": 587,
            "smtp_username": "asha", "smtp_password_encrypted": cipher(SMTP, salt=SMTP_SALT),
            "smtp_use_tls": 0, "security_auto_ban_enabled": 1, "security_404_threshold": 0, **other,
        },
    )  # fmt: skip


def test_settings_are_brought_over_while_nobody_changed_them_here(
    db: Database, there: Installation
) -> None:
    settings(there)
    dry = bring(db, there, applies=False)
    assert app_settings.get_trading_mode(db) == "analyze"
    reports = bring(db, there)

    assert told(dry) == told(reports)
    assert "the trading mode is live" in told(reports)
    assert app_settings.get_trading_mode(db) == "live"
    account = smtp_settings.get_account(db)
    assert (account.server, account.port, account.is_tls_used) == ("smtp.example.in", 587, False)
    assert account.password == Secret(SMTP)
    limits = app_settings.get_security(db)
    assert (limits.auto_ban_enabled, limits.threshold_404, limits.threshold_api) == (True, 0, 100)

    said = "security_404_threshold is 0, which bans nobody here; OpenAlgo took it for 100"
    assert said in told(reports)

    app_settings.set_trading_mode(db, "analyze", changed_by=None)
    again = bring(db, there)
    assert app_settings.get_trading_mode(db) == "analyze"
    assert (again["settings"].written, again["settings"].there) == (0, 1)
    assert said not in told(again)


@pytest.mark.parametrize("installation", ["openalgo", "another"])
def test_who_goes_live_there_later_does_not_go_live_here(
    db: Database, there: Installation, installation: str
) -> None:
    there.add("settings", {"analyze_mode": 1})
    bring(db, there)
    there.change("settings", 1, analyze_mode=0)
    reports = bring(db, there, installation=installation)

    assert app_settings.get_trading_mode(db) == "analyze"
    assert (reports["settings"].written, reports["settings"].there) == (0, 1)


def test_of_the_settings_a_group_that_was_changed_here_stays(
    db: Database, there: Installation
) -> None:
    settings(there)
    app_settings.set_security(db, changed_by=None, threshold_api=7)
    bring(db, there)

    assert app_settings.get_security(db).threshold_404 == 100
    assert app_settings.get_trading_mode(db) == "live"
    assert smtp_settings.get(db).server == "smtp.example.in"


@pytest.mark.parametrize("modes", [(0, 1), (1, 0), (None,), (1,)])
def test_the_mode_is_live_only_where_every_row_says_so(
    db: Database, there: Installation, modes: tuple[int | None, ...]
) -> None:
    for mode in modes:
        there.add("settings", {"analyze_mode": mode})
    reports = bring(db, there)

    assert app_settings.get_trading_mode(db) == "analyze"
    assert reports["settings"].left_out == len(modes) - 1


def test_a_password_of_mail_that_cannot_be_opened_is_told(
    db: Database, there: Installation
) -> None:
    there.add_asha()
    settings(there, smtp_password_encrypted=cipher(SMTP, salt=b"another"))
    reports = bring(db, there)

    assert smtp_settings.get_account(db).password is None
    assert "smtp_password_encrypted cannot be decrypted" in told(reports)


def test_bans_last_for_as_long_as_they_were_to(db: Database, there: Installation) -> None:
    now = datetime.now(UTC).replace(tzinfo=None)
    ban = {"ban_reason": "404s", "is_permanent": 0}
    there.add(
        "ip_bans",
        {**ban, "ip_address": "203.0.113.1", "expires_at": str(now + timedelta(hours=5)),
         "ban_count": 7},
        {**ban, "ip_address": "203.0.113.2", "expires_at": str(now - timedelta(hours=1))},
        {**ban, "ip_address": "203.0.113.3", "is_permanent": 1},
        {**ban, "ip_address": "2001:db8::1", "expires_at": None},
        {**ban, "ip_address": "10.0.0.1", "is_permanent": 1},
        {**ban, "ip_address": "nowhere", "is_permanent": 1},
        {**ban, "ip_address": "203.0.113.7", "expires_at": "9999-12-31 23:59:59"},
        {**ban, "ip_address": "203.0.113.8", "is_permanent": 1},
        file="logs",
    )  # fmt: skip
    ip_bans.ban(db, "203.0.113.8", "here first", timedelta(hours=1), created_by="asha",
                repeat_offender_limit=0)  # fmt: skip
    reports = bring(db, there)
    again = bring(db, there)

    first, third = ip_bans.is_banned(db, "203.0.113.1"), ip_bans.is_banned(db, "203.0.113.3")
    assert first is not None
    assert first.expires_at is not None
    assert timedelta(hours=4.9) < first.expires_at - datetime.now(UTC) < timedelta(hours=5.1)
    assert (first.reason, first.offences) == ("404s", 7)
    assert third is not None
    assert third.expires_at is None
    assert third.offences == 1
    endless, here = ip_bans.is_banned(db, "203.0.113.7"), ip_bans.is_banned(db, "203.0.113.8")
    assert endless is not None
    assert endless.expires_at is None
    assert here is not None
    assert here.reason == "here first"
    assert ip_bans.is_banned(db, "203.0.113.2") is None
    assert ip_bans.is_banned(db, "2001:db8::1") is None
    assert reports["ip_bans"].left_out_ids() == {
        "it is over": ["2"],
        "it is not permanent and has no end: it kept nobody out": ["4"],
        "its network is never banned here": ["5"],
        "ip_address is no IP address": ["6"],
    }
    assert (reports["ip_bans"].written, reports["ip_bans"].there) == (3, 1)
    assert (again["ip_bans"].written, again["ip_bans"].there) == (0, 4)


def test_a_ban_that_is_over_here_and_not_there_is_brought_over_again(
    db: Database, config: Config, there: Installation
) -> None:
    there.add("ip_bans", {"ip_address": "203.0.113.1", "is_permanent": 1, "ban_count": 2},
              file="logs")  # fmt: skip
    ip_bans.ban(db, "203.0.113.1", "old", timedelta(hours=1), created_by="asha",
                repeat_offender_limit=0)  # fmt: skip
    with psycopg.connect(**config.connection_keywords()) as connection:
        connection.execute(
            "update oadb.ip_bans set banned_at = now() - interval '2 days', "
            "expires_at = now() - interval '1 day'"
        )
    bring(db, there)
    found = ip_bans.is_banned(db, "203.0.113.1")

    assert found is not None
    assert (found.expires_at, found.offences) == (None, 2)
