"""Addresses of clients: as they are stored, and the network by which guessing is counted."""

from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address

from oadb.errors import ParameterError

# Who has an IPv6 line has at least a /64 of addresses.
_IPV6_PREFIX = 64


def address(label: str, text: str | None) -> str | None:
    """Return *text* in its shortest form. Raises ParameterError if it is no IP address.

    *label* names who asks, for the error.
    """
    return None if text is None else str(_parsed(label, text))


def network(label: str, text: str) -> str:
    """Return the network that one client can choose its address from: an IPv4 /32, an IPv6 /64."""
    parsed = _parsed(label, text)
    if isinstance(parsed, IPv4Address):
        return str(parsed)
    return str(IPv6Network((parsed, _IPV6_PREFIX), strict=False))


def _parsed(label: str, text: str) -> IPv4Address | IPv6Address:
    try:
        parsed = ip_address(text)
    except ValueError:
        parsed = None
    if parsed is None or getattr(parsed, "scope_id", None):
        raise ParameterError(f"{label}: ip must be an IPv4 or IPv6 address, such as 203.0.113.7")
    if isinstance(parsed, IPv6Address) and parsed.ipv4_mapped is not None:
        return parsed.ipv4_mapped  # the same client, seen by a socket for both
    return parsed
