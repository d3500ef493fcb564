"""How long rows are kept: OADB_<TABLE>_RETENTION_DAYS, a number of days, or -1: forever."""

import re
from collections.abc import Mapping
from datetime import timedelta

from oadb.errors import ConfigError

Retention = Mapping[str, timedelta | None]
"""The age at which the rows of each table are deleted; None: never."""

DEFAULT_DAYS = {
    "api_logs": 1825,
    "analyzer_logs": 365,
    "traffic": 30,
    "latency": 30,
    "rollups": 1825,
    "login_attempts": 365,
    "security_events": 1825,
    "setting_changes": 1825,
    "pending_orders": 1825,
    "instrument_loads": 365,
    "deleted_users": 90,
}
"""Calls of the API, rollups, orders and audits are kept for five years, traffic and latency for a
month, and what audits say of deleted users, but for their ids, for three months."""

FEWEST_DAYS = {"security_events": 90}
"""The database refuses to delete younger events."""

MOST_DAYS = 36_500
_NAME = re.compile(r"OADB_(.*)_RETENTION_DAYS", re.ASCII | re.IGNORECASE | re.DOTALL)


def from_env(environ: Mapping[str, str]) -> Retention:
    """Read the retention of every table from environment variables.

    Raises:
        ConfigError: an unknown variable of this form, or a value out of range.
    """
    known = {_variable(table): table for table in DEFAULT_DAYS}
    unknown = sorted(name for name in environ if _NAME.fullmatch(name) and name not in known)
    if unknown:
        raise ConfigError(f"{unknown[0]} is unknown; expected one of {', '.join(known)}")
    return {table: _age(name, environ, table) for name, table in known.items()}


def _variable(table: str) -> str:
    return f"OADB_{table.upper()}_RETENTION_DAYS"


def _age(name: str, environ: Mapping[str, str], table: str) -> timedelta | None:
    text = environ.get(name, "").strip() or str(DEFAULT_DAYS[table])
    fewest = FEWEST_DAYS.get(table, 1)
    if text == "-1":
        return None
    if not re.fullmatch("[0-9]{1,5}", text) or not fewest <= int(text) <= MOST_DAYS:
        raise ConfigError(
            f"{name} is {environ[name]!r}; expected days from {fewest} to {MOST_DAYS}, "
            "or -1: forever"
        )
    return timedelta(days=int(text))
