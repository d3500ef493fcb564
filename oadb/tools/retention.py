"""How long rows are kept: OADB_<TABLE>_RETENTION_DAYS, a number of days, or -1 for ever."""

import re
from collections.abc import Mapping
from datetime import timedelta

from oadb.errors import ConfigError

Retention = Mapping[str, timedelta | None]
"""For each table, how old its rows may become; None for ever."""

DEFAULT_DAYS = {
    "api_logs": 1825,
    "analyzer_logs": 365,
    "traffic": 30,
    "latency": 30,
    "rollups": 1825,
    "login_attempts": 365,
}
"""What was asked of the API is kept for five years; how the service fared for a month, and
counted, for as long as that."""

MOST_DAYS = 36500

_NAME = re.compile(r"OADB_(.*)_RETENTION_DAYS", re.ASCII | re.IGNORECASE | re.DOTALL)


def from_env(environ: Mapping[str, str]) -> Retention:
    """Read the environment. Raises ConfigError naming the variable and what it may be."""
    known = {_variable(table): table for table in DEFAULT_DAYS}
    unknown = sorted(name for name in environ if _NAME.fullmatch(name) and name not in known)
    if unknown:
        raise ConfigError(f"{unknown[0]} is unknown; there are {', '.join(known)}")
    return {table: _age(name, environ, DEFAULT_DAYS[table]) for name, table in known.items()}


def _variable(table: str) -> str:
    return f"OADB_{table.upper()}_RETENTION_DAYS"


def _age(name: str, environ: Mapping[str, str], default: int) -> timedelta | None:
    text = environ.get(name, "").strip() or str(default)
    if text == "-1":
        return None
    if not re.fullmatch("[0-9]{1,5}", text) or not 1 <= int(text) <= MOST_DAYS:
        raise ConfigError(
            f"{name} is {environ[name]!r}; it must be days from 1 to {MOST_DAYS}, or -1 for ever"
        )
    return timedelta(days=int(text))
