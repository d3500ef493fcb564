"""Time zones: India's, and the check of a name before it is sent to the server."""

from datetime import timedelta, timezone
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from oadb.errors import ParameterError

INDIA = timezone(timedelta(hours=5, minutes=30), "IST")
"""The zone of exchanges, brokers and expiry dates; it has no daylight saving time."""

# Files beside those of the zones: the zone of this machine, zones with leap seconds, no zone.
_LOCAL = frozenset({"localtime", "posixrules", "Factory"})
_OTHERS = ("posix/", "right/")


def require(label: str, zone: str) -> None:
    """Check that *zone* is a name of the IANA time zone database.

    The server would also accept IST, for Israel, and COM1, for an hour west of Greenwich; Python
    would also accept other files in the folder of the zones.

    Args:
        label: the caller and the parameter, for the error.

    Raises:
        ParameterError: no such time zone.
    """
    try:
        ZoneInfo(zone)
        known = zone not in _LOCAL and not zone.startswith(_OTHERS)
    except (ZoneInfoNotFoundError, TypeError, ValueError, OSError):
        known = False
    if not known:
        raise ParameterError(f"{label} is not a time zone; expected one such as Asia/Kolkata")
