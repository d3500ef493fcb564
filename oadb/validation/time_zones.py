"""Time zones: India's, and names that are checked before the server sees them."""

from datetime import timedelta, timezone
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from oadb.errors import ParameterError

INDIA = timezone(timedelta(hours=5, minutes=30), "IST")
"""By which exchanges and brokers date, and contracts expire; it has no summer time."""

# Files beside the zones: what this machine is set to, zones with leap seconds, and no zone yet.
_LOCAL = frozenset({"localtime", "posixrules", "Factory"})
_OTHERS = ("posix/", "right/")


def require(label: str, zone: str) -> None:
    """Refuse what is no name of the IANA time zone database. Raises ParameterError.

    The server alone would also take IST, for Israel, and COM1, for an hour west of Greenwich; and
    Python what stands beside the zones in its files. *label* is who asks and the parameter.
    """
    try:
        ZoneInfo(zone)
        known = zone not in _LOCAL and not zone.startswith(_OTHERS)
    except (ZoneInfoNotFoundError, TypeError, ValueError, OSError):
        known = False
    if not known:
        raise ParameterError(f"{label} is no time zone; expected one such as Asia/Kolkata")
