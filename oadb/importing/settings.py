"""What OpenAlgo keeps of the whole platform: its settings, and addresses that are banned.

What was set here stays: a group of settings is brought over only while nothing of it was ever
changed here, and a ban only once.
"""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from oadb import app_settings, ip_bans, smtp_settings
from oadb.engine.executors import Executor
from oadb.errors import RowError
from oadb.importing.ciphers import Ciphers
from oadb.importing.fields import flag, ip, moment, optional_flag, optional_text, whole
from oadb.importing.reports import TableReport
from oadb.importing.sources import Row, Sources

_LONGEST = 10_000


def _changed_groups(tx: Executor) -> set[str]:
    """Return the groups of settings of which something was ever changed here."""
    found = set[str]()
    before = None
    while page := app_settings.list_changes(tx, before, 1000):
        found |= {change.group_name for change in page}
        before = page[-1].change_id
    return found


@dataclass(slots=True)
class Settings:
    """Brings the settings over; several rows, of which OpenAlgo reads any, must agree on live."""

    sources: Sources
    ciphers: Ciphers

    def bring(self, tx: Executor, row: Row, report: TableReport) -> bool:
        """Take over each group that nobody changed here; False if there is none."""
        rows = [*self.sources.rows("settings")]
        if row.get("id") != rows[0].get("id"):
            raise RowError("there is another row of settings before it")
        changed = _changed_groups(tx)
        done = [
            "trading_mode" not in changed and self._set_mode(tx, rows, report),
            "smtp_settings" not in changed and self._set_smtp(tx, row, report),
            "security_settings" not in changed and _set_security(tx, row),
        ]
        return any(done)

    def _set_mode(self, tx: Executor, rows: list[Row], report: TableReport) -> bool:
        is_live = all(optional_flag(row, "analyze_mode") is False for row in rows)
        report.remarks.append(f"the trading mode is {'live' if is_live else 'analyze'}")
        return app_settings.set_trading_mode(tx, "live" if is_live else "analyze", changed_by=None)

    def _set_smtp(self, tx: Executor, row: Row, report: TableReport) -> bool:
        port, password = (
            row.get("smtp_port"),
            optional_text(row, "smtp_password_encrypted", _LONGEST),
        )
        opened = None if password is None else self.ciphers.open("smtp", password)
        if password is not None and opened is None:
            report.note(row.get("id"), "smtp_password_encrypted cannot be decrypted: set a new one")
        return smtp_settings.set_account(
            tx, changed_by=None, server=optional_text(row, "smtp_server"),
            port=port if isinstance(port, int) else None,
            user_name=optional_text(row, "smtp_username"), password=opened,
            from_address=optional_text(row, "smtp_from_email"),
            helo_name=optional_text(row, "smtp_helo_hostname"),
            is_tls_used=optional_flag(row, "smtp_use_tls"),
        )  # fmt: skip


def _set_security(tx: Executor, row: Row) -> bool:
    def count(column: str) -> int | None:
        return None if row.get(column) is None else whole(row, column)

    return app_settings.set_security(
        tx, changed_by=None, auto_ban_enabled=optional_flag(row, "security_auto_ban_enabled"),
        threshold_404=count("security_404_threshold"),
        ban_duration_404=count("security_404_ban_duration"),
        threshold_api=count("security_api_threshold"),
        ban_duration_api=count("security_api_ban_duration"),
        repeat_offender_limit=count("security_repeat_offender_limit"),
    )  # fmt: skip


def bring_ban(tx: Executor, row: Row, report: TableReport) -> bool:
    """Keep an address out for as long as it was to be; False if it is banned already."""
    del report
    address, ends = ip(row, "ip_address"), None
    if not flag(row, "is_permanent") and row.get("expires_at") is not None:
        ends = moment(row, "expires_at", UTC) - datetime.now(UTC)
        if ends <= timedelta():
            raise RowError("it is over")
    if ip_bans.is_banned(tx, address) is not None:
        return False
    ip_bans.ban(
        tx, address, optional_text(row, "ban_reason", 500) or "banned by OpenAlgo", ends,
        created_by=optional_text(row, "created_by", 254) or "system", repeat_offender_limit=0,
    )  # fmt: skip
    return True
