"""Names of time zones, checked before the server sees them."""

from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from oadb.errors import ParameterError


def require(label: str, zone: str) -> None:
    """Refuse what is no name of the IANA time zone database. Raises ParameterError.

    The server alone would also take IST, for Israel, and COM1, for an hour west of Greenwich.
    *label* names who asks, for the error.
    """
    try:
        ZoneInfo(zone)
    except (ZoneInfoNotFoundError, TypeError, ValueError, OSError):
        raise ParameterError(
            f"{label}: zone is no time zone; expected one such as Asia/Kolkata"
        ) from None
