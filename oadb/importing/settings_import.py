"""Imports the settings of an OpenAlgo installation, and its bans of IP addresses.

Settings are imported once. A group of settings that was ever changed in oadb stays as it is.
"""

from dataclasses import dataclass
from datetime import UTC, timedelta
from hashlib import sha256

from oadb.engine.binding.values import UNSET, Unset
from oadb.engine.executors import Executor
from oadb.errors import RowError
from oadb.importing import imports, takeover
from oadb.importing.ciphers import Ciphers
from oadb.importing.columns import (
    described_text,
    flag,
    ip,
    moment,
    optional_flag,
    optional_text,
    whole,
)
from oadb.importing.imports import Reach
from oadb.importing.openalgo_tables import Row
from oadb.importing.reports import TableReport
from oadb.importing.sources import Sources
from oadb.settings import app_settings, smtp_settings

_TABLE = "settings"

_LONGEST = 10_000


@dataclass(slots=True)
class Settings:
    """Imports the settings. OpenAlgo may use any of several rows: live mode needs all of them."""

    installation: str
    sources: Sources
    ciphers: Ciphers

    def take_over(self, tx: Executor, row: Row, report: TableReport) -> bool:
        """Set each group that was never changed in oadb; False if there is none.

        Only once: a later change in OpenAlgo, such as going live, has no effect on oadb.
        """
        rows = [*self.sources.rows(_TABLE)]
        if row.get("id") != rows[0].get("id"):
            raise RowError("there is another row of settings before it")
        if imports.is_begun(tx, _TABLE):
            return False
        row_id = whole(row, "id")
        reach = Reach(b"", row_id, sha256(str(row_id).encode()).digest(), None, 1)
        imports.advance(tx, self.installation, _TABLE, reach)
        changed = imports.list_changed_settings(tx)
        done = [
            "trading_mode" not in changed and self._set_mode(tx, rows, report),
            "smtp_settings" not in changed and self._set_smtp(tx, row, report),
            "security_settings" not in changed and _set_security(tx, row, report),
        ]
        return any(done)

    def _set_mode(self, tx: Executor, rows: list[Row], report: TableReport) -> bool:
        is_live = all(optional_flag(row, "analyze_mode") is False for row in rows)
        report.remarks.append(f"the trading mode is {'live' if is_live else 'analyze'}")
        return app_settings.set_trading_mode(tx, "live" if is_live else "analyze", by=None)

    def _set_smtp(self, tx: Executor, row: Row, report: TableReport) -> bool:
        port = row.get("smtp_port")
        password = optional_text(row, "smtp_password_encrypted", _LONGEST)
        opened = None if password is None else self.ciphers.open("smtp", password)
        if password is not None and opened is None:
            report.note(row.get("id"), "smtp_password_encrypted cannot be decrypted: set a new one")
        use_tls = optional_flag(row, "smtp_use_tls")
        return smtp_settings.update(
            tx,
            by=None,
            server=optional_text(row, "smtp_server"),
            port=port if isinstance(port, int) else None,
            username=optional_text(row, "smtp_username"),
            password=opened,
            from_address=optional_text(row, "smtp_from_email"),
            helo_name=optional_text(row, "smtp_helo_hostname"),
            use_tls=UNSET if use_tls is None else use_tls,
        )


def _set_security(tx: Executor, row: Row, report: TableReport) -> bool:
    def count(column: str) -> int | Unset:
        return UNSET if row.get(column) is None else whole(row, column)

    def duration(column: str) -> timedelta | Unset | None:
        hours = count(column)
        return hours if isinstance(hours, Unset) else timedelta(hours=hours) or None

    is_enabled = optional_flag(row, "security_auto_ban_enabled")
    changed = app_settings.update_security(
        tx,
        by=None,
        auto_ban_enabled=UNSET if is_enabled is None else is_enabled,
        not_found_threshold=count("security_404_threshold"),
        not_found_ban=duration("security_404_ban_duration"),
        bad_key_threshold=count("security_api_threshold"),
        bad_key_ban=duration("security_api_ban_duration"),
        repeat_offender_limit=count("security_repeat_offender_limit"),
    )
    for column in ("security_404_threshold", "security_api_threshold"):
        if count(column) == 0:
            report.note(
                row.get("id"), f"{column} is 0, which bans nobody in oadb; OpenAlgo used 100"
            )
    return changed


def take_over_ban(tx: Executor, row: Row, _report: TableReport) -> bool:
    """Ban an address until the end of its ban in OpenAlgo; False if it is already banned."""
    is_permanent, count = flag(row, "is_permanent"), row.get("ban_count")
    if not is_permanent and row.get("expires_at") is None:
        raise RowError("it is neither permanent nor has an end: it had no effect")
    return takeover.adopt_ban(
        tx,
        ip(row, "ip_address"),
        described_text(row, "ban_reason", 500) or "banned by OpenAlgo",
        None if is_permanent else moment(row, "expires_at", UTC),
        offences=max(count, 1) if isinstance(count, int) else 1,
    )
