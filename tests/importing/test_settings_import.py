"""Settings and bans are imported; what was changed in oadb stays."""

from datetime import UTC, datetime, timedelta

import pytest

from oadb import Database, Secret
from oadb.bans import ip_bans
from oadb.settings import app_settings, smtp_settings
from tests.importing.openalgo import SMTP, Installation, cipher
from tests.importing.running import run_import, text_of
from tests.support.rig import Observer

pytestmark = [pytest.mark.changes_rows, pytest.mark.long("imports an installation each time")]

HOUR = timedelta(hours=1)
SMTP_SALT = b"smtp-openalgo-salt"


def settings(origin: Installation, **other: object) -> None:
    origin.add(
        "settings",
        {
            "analyze_mode": 0,
            "smtp_server": "smtp.example.in",
            "smtp_port": 587,
            "smtp_username": "asha",
            "smtp_password_encrypted": cipher(SMTP, salt=SMTP_SALT),
            "smtp_use_tls": 0,
            "security_auto_ban_enabled": 1,
            "security_404_threshold": 0,
            "security_404_ban_duration": 0,
            "security_api_ban_duration": 48,
            **other,
        },
    )


def test_settings_are_imported_once(db: Database, origin: Installation) -> None:
    settings(origin)
    dry = run_import(db, origin, applies=False)
    assert app_settings.get_trading_mode(db) == "analyze"
    reports = run_import(db, origin)

    assert text_of(dry) == text_of(reports)
    assert "the trading mode is live" in text_of(reports)
    assert app_settings.get_trading_mode(db) == "live"
    account = smtp_settings.open(db)
    assert (account.server, account.port, account.use_tls) == ("smtp.example.in", 587, False)
    assert account.password == Secret(SMTP)
    limits = app_settings.get_security(db)
    assert (limits.auto_ban_enabled, limits.not_found_threshold, limits.not_found_ban) == (
        True,
        0,
        None,
    )
    assert (limits.bad_key_threshold, limits.bad_key_ban) == (100, 48 * HOUR)

    said = "security_404_threshold is 0, which bans nobody in oadb; OpenAlgo used 100"
    assert said in text_of(reports)

    app_settings.set_trading_mode(db, "analyze", by=None)
    again = run_import(db, origin)
    assert app_settings.get_trading_mode(db) == "analyze"
    assert (again["settings"].written, again["settings"].existing) == (0, 1)
    assert said not in text_of(again)


@pytest.mark.parametrize(("installation", "mode"), [("openalgo", "live"), ("another", "analyze")])
def test_going_live_later_is_followed_by_the_installation_whose_settings_they_are(
    db: Database, origin: Installation, installation: str, mode: str
) -> None:
    origin.add("settings", {"analyze_mode": 1})
    run_import(db, origin)
    origin.change("settings", 1, analyze_mode=0)
    reports = run_import(db, origin, installation=installation)

    assert app_settings.get_trading_mode(db) == mode
    assert (reports["settings"].written, reports["settings"].existing) == (0, 1)
    said = "! 1 changed in OpenAlgo, written: analyze_mode (id 1)" in text_of(reports)
    assert said == (mode == "live")


def test_a_group_of_settings_changed_in_oadb_stays(db: Database, origin: Installation) -> None:
    settings(origin)
    app_settings.update_security(db, by=None, bad_key_threshold=7)
    run_import(db, origin)

    assert app_settings.get_security(db).not_found_threshold == 100
    assert app_settings.get_trading_mode(db) == "live"
    assert smtp_settings.get(db).server == "smtp.example.in"


@pytest.mark.parametrize("modes", [(0, 1), (1, 0), (None,), (1,)])
def test_the_mode_is_live_only_if_every_row_says_so(
    db: Database, origin: Installation, modes: tuple[int | None, ...]
) -> None:
    for mode in modes:
        origin.add("settings", {"analyze_mode": mode})
    reports = run_import(db, origin)

    assert app_settings.get_trading_mode(db) == "analyze"
    assert reports["settings"].left_out == len(modes) - 1


def test_a_mail_password_that_cannot_be_decrypted_is_reported(
    db: Database, origin: Installation
) -> None:
    origin.add_asha()
    settings(origin, smtp_password_encrypted=cipher(SMTP, salt=b"another"))
    reports = run_import(db, origin)

    assert smtp_settings.open(db).password is None
    assert "smtp_password_encrypted cannot be decrypted" in text_of(reports)


def test_bans_last_until_their_original_end(db: Database, origin: Installation) -> None:
    now = datetime.now(UTC).replace(tzinfo=None)
    ban = {"ban_reason": "404s", "is_permanent": 0}
    origin.add(
        "ip_bans",
        {
            **ban,
            "ip_address": "203.0.113.1",
            "expires_at": str(now + timedelta(hours=5)),
            "ban_count": 7,
            "banned_at": "2025-03-01 10:00:00",
        },
        {**ban, "ip_address": "203.0.113.2", "expires_at": str(now - timedelta(hours=1))},
        {**ban, "ip_address": "203.0.113.3", "is_permanent": 1},
        {**ban, "ip_address": "2001:db8::1", "expires_at": None},
        {**ban, "ip_address": "10.0.0.1", "is_permanent": 1},
        {**ban, "ip_address": "nowhere", "is_permanent": 1},
        {**ban, "ip_address": "203.0.113.7", "expires_at": "9999-12-31 23:59:59"},
        {**ban, "ip_address": "203.0.113.8", "is_permanent": 1},
        file="logs",
    )
    ip_bans.ban(
        db,
        "203.0.113.8",
        "banned before",
        duration=timedelta(hours=1),
        by=None,
        repeat_offender_limit=0,
    )
    reports = run_import(db, origin)
    again = run_import(db, origin)

    first, third = ip_bans.find_by_ip(db, "203.0.113.1"), ip_bans.find_by_ip(db, "203.0.113.3")
    assert first is not None
    assert first.expires_at is not None
    assert timedelta(hours=4.9) < first.expires_at - datetime.now(UTC) < timedelta(hours=5.1)
    assert (first.reason, first.offences) == ("404s", 7)
    assert first.banned_at == datetime(2025, 3, 1, 10, tzinfo=UTC)
    assert third is not None
    assert third.expires_at is None
    assert third.offences == 1
    permanent, earlier = (
        ip_bans.find_by_ip(db, "203.0.113.7"),
        ip_bans.find_by_ip(db, "203.0.113.8"),
    )
    assert permanent is not None
    assert permanent.expires_at is None
    assert earlier is not None
    assert earlier.reason == "banned before"
    assert ip_bans.find_by_ip(db, "203.0.113.2") is None
    assert ip_bans.find_by_ip(db, "2001:db8::1") is None
    assert reports["ip_bans"].left_out_ids() == {
        "it has expired": ["2"],
        "it is neither permanent nor has an end: it had no effect": ["4"],
        "its network is exempt from bans in oadb": ["5"],
        "ip_address is not an IP address": ["6"],
    }
    assert (reports["ip_bans"].written, reports["ip_bans"].existing) == (3, 1)
    assert (again["ip_bans"].written, again["ip_bans"].existing) == (0, 4)


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({}, "banned by OpenAlgo"),
        ({"ban_reason": "", "created_by": ""}, "banned by OpenAlgo"),
        ({"ban_reason": "404s", "created_by": "asha"}, "404s"),
    ],
)
def test_a_ban_keeps_its_reason_if_it_has_one_and_says_that_it_was_imported(
    db: Database,
    observer: Observer,
    origin: Installation,
    given: dict[str, object],
    expected: str,
) -> None:
    origin.add("ip_bans", {"ip_address": "203.0.113.1", "is_permanent": 1, **given}, file="logs")
    run_import(db, origin)

    found = observer.rows("select reason, source, banned_by from oadb.ip_bans")
    assert found == [(expected, "import", None)]


def test_an_expired_ban_is_replaced_by_an_active_one_of_openalgo(
    db: Database, observer: Observer, origin: Installation
) -> None:
    origin.add(
        "ip_bans", {"ip_address": "203.0.113.1", "is_permanent": 1, "ban_count": 2}, file="logs"
    )
    ip_bans.ban(
        db, "203.0.113.1", "old", duration=timedelta(hours=1), by=None, repeat_offender_limit=0
    )
    observer.rows(
        "update oadb.ip_bans set banned_at = now() - interval '2 days', "
        "expires_at = now() - interval '1 day'"
    )
    run_import(db, origin)
    found = ip_bans.find_by_ip(db, "203.0.113.1")

    assert found is not None
    assert (found.expires_at, found.offences) == (None, 2)
