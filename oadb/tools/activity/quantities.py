"""Sizes and durations as a reader takes them in."""

from datetime import timedelta

_UNITS = ("bytes", "KB", "MB", "GB", "TB")


def size(count: float) -> str:
    """Return a number of bytes, such as 1.5 GB, in units of 1024."""
    unit = 0
    while abs(count) >= 1024 and unit < len(_UNITS) - 1:
        count, unit = count / 1024, unit + 1
    return (
        f"{count:,.0f} {_UNITS[unit]}" if count >= 10 or not unit else f"{count:.1f} {_UNITS[unit]}"
    )


def duration(length: timedelta) -> str:
    """Return a duration, such as 1.5 s, 12 minutes, 3 hours or 2 days."""
    seconds = length.total_seconds()
    for unit, name in ((86400, "days"), (3600, "hours"), (60, "minutes")):
        if seconds >= 2 * unit:
            return f"{seconds / unit:,.0f} {name}"
    return f"{seconds:.3g} s"
