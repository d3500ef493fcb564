"""Addresses of clients: as they are stored, and the network by which guessing is counted."""

from ipaddress import (
    IPv4Address,
    IPv4Network,
    IPv6Address,
    IPv6Network,
    ip_address,
    ip_network,
)

from oadb.errors import ParameterError

# Who has an IPv6 line has at least a /64 of addresses.
_IPV6_PREFIX = 64

# IPv6 addresses that end with the IPv4 address of the client: as a socket for both sees it
# (RFC 4291, 2.5.5.2), and as a translator writes it (RFC 6052, 2.1).
_MAPPED = (IPv6Network("::ffff:0:0/96"), IPv6Network("64:ff9b::/96"))
_MAPPED_PREFIX = 96


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


def block(label: str, text: str) -> str:
    """Return a network of any size, or an address as the network that ``network`` makes of it.

    An IPv6 network is at least a /64. Raises ParameterError for what is neither, also for
    a network with bits set behind its prefix: it is not clear what was meant.
    """
    if "/" not in text:
        return network(label, text)
    try:
        parsed = ip_network(text)
    except ValueError:
        parsed = None
    if parsed is None or "%" in text:
        raise ParameterError(f"{label}: network must be one such as 203.0.113.0/24")
    if isinstance(parsed, IPv4Network):
        return _shown(parsed)
    if parsed.subnet_of(_MAPPED[0]) or parsed.subnet_of(_MAPPED[1]):
        inner = (_last_four_bytes(parsed.network_address), parsed.prefixlen - _MAPPED_PREFIX)
        return _shown(IPv4Network(inner))
    return str(
        parsed if parsed.prefixlen <= _IPV6_PREFIX else parsed.supernet(new_prefix=_IPV6_PREFIX)
    )


def _parsed(label: str, text: str) -> IPv4Address | IPv6Address:
    try:
        parsed = ip_address(text)
    except ValueError:
        parsed = None
    if parsed is None or getattr(parsed, "scope_id", None):
        raise ParameterError(f"{label}: ip must be an IPv4 or IPv6 address, such as 203.0.113.7")
    if isinstance(parsed, IPv6Address) and any(parsed in known for known in _MAPPED):
        return _last_four_bytes(parsed)
    return parsed


def _last_four_bytes(parsed: IPv6Address) -> IPv4Address:
    return IPv4Address(parsed.packed[-4:])


def _shown(parsed: IPv4Network) -> str:
    """Return an IPv4 network as PostgreSQL shows an inet: without the /32 of one address."""
    return str(parsed).removesuffix("/32")
