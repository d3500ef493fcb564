"""What arguments must be besides their type: one rule for one mistake, in all modules."""

import re
from datetime import timedelta
from typing import Annotated

from oadb.engine.binding.values import Rule
from oadb.security import addresses
from oadb.validation import time_zones

INVISIBLE = (
    r"\u0001-\u0020\u007f-\u00a0\u00ad\u034f\u061c\u115f-\u1160\u1680\u17b4-\u17b5\u180b-\u180f"
    r"\u2000-\u200f\u2028-\u202f\u205f-\u206f\u2800\u3000\u3164\ufe00-\ufe0f\ufeff\uffa0\ufff9-\ufffb"
    r"\U000e0000-\U000e0fff"
)
"""White space and characters without a shape, as in oadb.is_visible."""

_VISIBLE = re.compile(f"[^{INVISIBLE}]")

LONGEST_DURATION = timedelta(days=36_500)
"""The longest duration, so that a time that is computed with one can be read back."""


def _bounded(value: timedelta) -> timedelta:
    if value <= timedelta():
        raise ValueError("must be above 0")
    if value > LONGEST_DURATION:
        raise ValueError("must be at most 36,500 days")
    return value


def is_visible(text: str) -> bool:
    """Return whether a text has a character that is neither white space nor without a shape."""
    return _VISIBLE.search(text) is not None


def _visible(text: str) -> str:
    if not is_visible(text):
        raise ValueError("must be a text that is not blank: give it a visible character")
    return text


def _at_least_one(value: int) -> int:
    if value < 1:
        raise ValueError("must be at least 1")
    return value


Ip = Annotated[str, Rule("an IP address", addresses.address)]
"""An IPv4 or IPv6 address, in any form; sent in its shortest one."""

ClientNetwork = Annotated[str, Rule("an IP address", addresses.network)]
"""An address; sent as the network of which its client has all addresses: a /32 or a /64."""

Network = Annotated[str, Rule("a network or an IP address", addresses.block)]
"""A network such as 203.0.113.0/24, or an address; sent in its shortest form, IPv6 to the /64."""

Label = Annotated[str, Rule("a text that is not blank", _visible)]
"""A name or a symbol that people and brokers read, with a visible character at least."""

Positive = Annotated[int, Rule("1 or more", _at_least_one)]
"""A number of 1 or more."""

Duration = Annotated[timedelta, Rule("above 0, at most 36,500 days", _bounded)]
"""A duration above 0, of at most LONGEST_DURATION."""

TimeZone = Annotated[str, Rule("an IANA time zone", time_zones.known)]
"""A name of the IANA time zone database, such as Asia/Kolkata."""
