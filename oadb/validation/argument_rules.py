"""What arguments must be besides their type: one rule for one mistake, in all modules."""

from datetime import timedelta
from typing import Annotated

from oadb.engine.binding.values import Rule
from oadb.security import addresses
from oadb.validation import time_zones

LONGEST_DURATION = timedelta(days=36_500)
"""The longest duration, so that a time that is computed with one can be read back."""


def _bounded(value: timedelta) -> timedelta:
    if value <= timedelta():
        raise ValueError("must be above 0")
    if value > LONGEST_DURATION:
        raise ValueError("must be at most 36,500 days")
    return value


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

Positive = Annotated[int, Rule("1 or more", _at_least_one)]
"""A number of 1 or more."""

Duration = Annotated[timedelta, Rule("above 0, at most 36,500 days", _bounded)]
"""A duration above 0, of at most LONGEST_DURATION."""

TimeZone = Annotated[str, Rule("an IANA time zone", time_zones.known)]
"""A name of the IANA time zone database, such as Asia/Kolkata."""
