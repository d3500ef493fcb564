"""Imports the settings of an OpenAlgo installation, and follows what changes in them.

They are those of the first installation that is imported. A group of settings that was changed in
oadb before stays as it is, until somebody chooses.
"""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import timedelta
from hashlib import sha256

from oadb.engine.binding.values import UNSET, Unset
from oadb.engine.executors import Executor
from oadb.errors import RowError
from oadb.importing import imports
from oadb.importing.ciphers import Ciphers
from oadb.importing.columns import flag, optional_flag, optional_text, whole
from oadb.importing.comparing import Counterpart, State
from oadb.importing.imports import Reach
from oadb.importing.openalgo_tables import Row
from oadb.importing.reports import TableReport
from oadb.importing.sources import Sources
from oadb.security.secret import Secret
from oadb.settings import app_settings, smtp_settings
from oadb.settings.app_settings import SecuritySettings, TradingMode

_TABLE = "settings"

_LONGEST = 10_000

_PASSWORD, _AUTO_BAN = "smtp_password_encrypted", "security_auto_ban_enabled"
_TEXTS = ("smtp_server", "smtp_username", "smtp_from_email", "smtp_helo_hostname")
_NUMBERS = (
    "security_404_threshold",
    "security_404_ban_duration",
    "security_api_threshold",
    "security_api_ban_duration",
    "security_repeat_offender_limit",
)


@dataclass(slots=True)
class Settings:
    """Imports the settings. OpenAlgo may use any of several rows: live mode needs all of them."""

    installation: str
    sources: Sources
    ciphers: Ciphers
    identity = ""

    def read(self, row: Row) -> State:
        """Return every setting that has a value."""
        rows = self._rows(row)
        password = self._password(row)
        texts = {name: optional_text(row, name) for name in _TEXTS}
        port, use_tls = row.get("smtp_port"), optional_flag(row, "smtp_use_tls")
        values = {
            "analyze_mode": _mode(rows),
            **{name: value for name, value in texts.items() if value is not None},
        }
        values |= {"smtp_port": str(port)} if isinstance(port, int) else {}
        values |= {} if password is None else {_PASSWORD: password.reveal()}
        values |= {} if use_tls is None else {"smtp_use_tls": str(use_tls)}
        return values | _numbers(row)

    def create(self, tx: Executor, row: Row, report: TableReport) -> bool:
        """Set each group that was never changed in oadb; False if there is none."""
        rows = self._rows(row)
        if imports.is_begun(tx, _TABLE):
            return False
        row_id = whole(row, "id")
        reach = Reach(b"", row_id, sha256(str(row_id).encode()).digest(), None, 1)
        imports.advance(tx, self.installation, _TABLE, reach)
        changed = imports.list_changed_settings(tx)
        done = [
            "trading_mode" not in changed and self._set_mode(tx, rows, report),
            "smtp_settings" not in changed and self._set_smtp(tx, row, report),
            "security_settings" not in changed and _set_security(tx, row, (_AUTO_BAN, *_NUMBERS)),
        ]
        if "security_settings" not in changed:
            _note_thresholds(row, report)
        return any(done)

    def find(
        self, tx: Executor, _row: Row, there: State, _target: str | None
    ) -> Counterpart | None:
        """Return the settings of oadb; None if they are those of another installation."""
        if imports.get_progress(tx, self.installation, _TABLE) is None:
            return None
        mail, limits = smtp_settings.open(tx), app_settings.get_security(tx)
        values = {
            "analyze_mode": app_settings.get_trading_mode(tx),
            "smtp_server": mail.server,
            "smtp_port": None if mail.port is None else str(mail.port),
            "smtp_username": mail.username,
            "smtp_from_email": mail.from_address,
            "smtp_helo_hostname": mail.helo_name,
            _PASSWORD: None if mail.password is None else mail.password.reveal(),
            "smtp_use_tls": str(mail.use_tls) if "smtp_use_tls" in there else None,
        }
        # Without a value in OpenAlgo, a number of oadb stays.
        values |= {name: value for name, value in _shown(limits).items() if name in there}
        return Counterpart("", {name: value for name, value in values.items() if value is not None})

    def follow(
        self, tx: Executor, row: Row, there: State, here: Counterpart, names: frozenset[str]
    ) -> str:
        """Take what changed."""
        if "analyze_mode" in names:
            is_live = there["analyze_mode"] == "live"
            app_settings.set_trading_mode(tx, "live" if is_live else "analyze", by=None)
        if any(name.startswith("smtp_") for name in names):
            self._follow_smtp(tx, row, there, here, names)
        _set_security(tx, row, names)
        return ""

    def _follow_smtp(
        self, tx: Executor, row: Row, there: State, here: Counterpart, names: frozenset[str]
    ) -> None:
        """Take what changed of the mail account; its password goes with where it is sent."""
        password: Secret | Unset | None = UNSET
        if _PASSWORD in names or there.get(_PASSWORD) == here.values.get(_PASSWORD):
            password = self._password(row)
            if password is None and optional_text(row, _PASSWORD, _LONGEST) is not None:
                raise RowError(f"{_PASSWORD} cannot be decrypted: set a new one")
        port = row.get("smtp_port")

        def line(name: str) -> str | Unset | None:
            return optional_text(row, name) if name in names else UNSET

        smtp_settings.update(
            tx,
            by=None,
            server=line("smtp_server"),
            port=UNSET if "smtp_port" not in names else port if isinstance(port, int) else None,
            username=line("smtp_username"),
            password=password,
            from_address=line("smtp_from_email"),
            helo_name=line("smtp_helo_hostname"),
            use_tls=flag(row, "smtp_use_tls") if "smtp_use_tls" in names else UNSET,
        )

    def _rows(self, row: Row) -> list[Row]:
        """Return all rows, of which *row* must be the first.

        Raises:
            RowError: it is another one.
        """
        rows = [*self.sources.rows(_TABLE)]
        if row.get("id") != rows[0].get("id"):
            raise RowError("there is another row of settings before it")
        return rows

    def _password(self, row: Row) -> Secret | None:
        """Return the password of the mail account; None if there is none that can be decrypted."""
        given = optional_text(row, _PASSWORD, _LONGEST)
        return None if given is None else self.ciphers.open("smtp", given)

    def _set_mode(self, tx: Executor, rows: list[Row], report: TableReport) -> bool:
        mode = _mode(rows)
        report.remarks.append(f"the trading mode is {mode}")
        return app_settings.set_trading_mode(tx, mode, by=None)

    def _set_smtp(self, tx: Executor, row: Row, report: TableReport) -> bool:
        port, opened = row.get("smtp_port"), self._password(row)
        if opened is None and optional_text(row, _PASSWORD, _LONGEST) is not None:
            report.note(row.get("id"), f"{_PASSWORD} cannot be decrypted: set a new one")
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


def _mode(rows: list[Row]) -> TradingMode:
    """Return live only if all rows say so, because OpenAlgo may use any of them."""
    is_live = all(optional_flag(row, "analyze_mode") is False for row in rows)
    return "live" if is_live else "analyze"


def _numbers(row: Row) -> dict[str, str]:
    """Return the settings of security that have a value; hours of a ban, 0 for a permanent one."""
    is_enabled = optional_flag(row, _AUTO_BAN)
    given = {name: str(whole(row, name)) for name in _NUMBERS if row.get(name) is not None}
    return given if is_enabled is None else {**given, _AUTO_BAN: str(is_enabled)}


def _shown(limits: SecuritySettings) -> dict[str, str]:
    """Return the settings of security in oadb under the names of OpenAlgo."""
    hours = [
        0 if each is None else each // timedelta(hours=1)
        for each in (limits.not_found_ban, limits.bad_key_ban)
    ]
    numbers = (
        limits.not_found_threshold,
        hours[0],
        limits.bad_key_threshold,
        hours[1],
        limits.repeat_offender_limit,
    )
    shown = {name: str(number) for name, number in zip(_NUMBERS, numbers, strict=True)}
    return {**shown, _AUTO_BAN: str(limits.auto_ban_enabled)}


def _set_security(tx: Executor, row: Row, names: Collection[str]) -> bool:
    """Set those settings of security that are named and have a value."""

    def count(column: str) -> int | Unset:
        is_left = column not in names or row.get(column) is None
        return UNSET if is_left else whole(row, column)

    def duration(column: str) -> timedelta | Unset | None:
        hours = count(column)
        return hours if isinstance(hours, Unset) else timedelta(hours=hours) or None

    is_enabled = optional_flag(row, _AUTO_BAN) if _AUTO_BAN in names else None
    return app_settings.update_security(
        tx,
        by=None,
        auto_ban_enabled=UNSET if is_enabled is None else is_enabled,
        not_found_threshold=count("security_404_threshold"),
        not_found_ban=duration("security_404_ban_duration"),
        bad_key_threshold=count("security_api_threshold"),
        bad_key_ban=duration("security_api_ban_duration"),
        repeat_offender_limit=count("security_repeat_offender_limit"),
    )


def _note_thresholds(row: Row, report: TableReport) -> None:
    for column in ("security_404_threshold", "security_api_threshold"):
        if row.get(column) == 0:
            report.note(
                row.get("id"), f"{column} is 0, which bans nobody in oadb; OpenAlgo used 100"
            )
