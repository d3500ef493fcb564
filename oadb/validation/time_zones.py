"""Time zones: India's, and the check of a name before it is sent to the server."""

from contextlib import suppress
from datetime import timedelta, timezone
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

INDIA = timezone(timedelta(hours=5, minutes=30), "IST")
"""The zone of exchanges, brokers and expiry dates; it has no daylight saving time."""

# Files beside those of the zones: the zone of this machine, zones with leap seconds, no zone.
_LOCAL = frozenset({"localtime", "posixrules", "Factory"})
_OTHERS = ("posix/", "right/")


def known(zone: str) -> str:
    """Return *zone*, a name of the IANA time zone database.

    The server would also accept IST, for Israel, and COM1, for an hour west of Greenwich; Python
    would also accept other files in the folder of the zones.

    Raises:
        ValueError: no such time zone.
    """
    with suppress(ZoneInfoNotFoundError, ValueError, OSError):
        ZoneInfo(zone)
        if zone not in _LOCAL and not zone.startswith(_OTHERS):
            return zone
    raise ValueError("must be a time zone, such as Asia/Kolkata")
