"""Settings and bans of OpenAlgo; what was set here is never undone."""

from datetime import UTC, datetime, timedelta

import pytest

from oadb import Database, Secret, app_settings, ip_bans, smtp_settings
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

    app_settings.set_trading_mode(db, "analyze", changed_by=None)
    again = bring(db, there)
    assert app_settings.get_trading_mode(db) == "analyze"
    assert (again["settings"].written, again["settings"].there) == (0, 1)


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
        {**ban, "ip_address": "203.0.113.1", "expires_at": str(now + timedelta(hours=5))},
        {**ban, "ip_address": "203.0.113.2", "expires_at": str(now - timedelta(hours=1))},
        {**ban, "ip_address": "203.0.113.3", "is_permanent": 1},
        {**ban, "ip_address": "2001:db8::1", "expires_at": None},
        {**ban, "ip_address": "10.0.0.1", "is_permanent": 1},
        {**ban, "ip_address": "nowhere", "is_permanent": 1},
        file="logs",
    )
    reports = bring(db, there)
    again = bring(db, there)

    first, third = ip_bans.is_banned(db, "203.0.113.1"), ip_bans.is_banned(db, "203.0.113.3")
    assert first is not None
    assert first.expires_at is not None
    assert timedelta(hours=4.9) < first.expires_at - datetime.now(UTC) < timedelta(hours=5.1)
    assert (first.reason, first.offences) == ("404s", 1)
    assert third is not None
    assert third.expires_at is None
    assert ip_bans.is_banned(db, "203.0.113.2") is None
    reasons = reports["ip_bans"].left_out_ids()
    assert reasons["it is over"] == ["2"]
    assert reasons["ip_address is no IP address"] == ["6"]
    assert reports["ip_bans"].written + reports["ip_bans"].left_out == 6
    assert again["ip_bans"].written == 0
