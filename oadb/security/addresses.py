"""IP addresses of clients: their stored form, and the networks for which guesses are counted."""

from ipaddress import (
    IPv4Address,
    IPv4Network,
    IPv6Address,
    IPv6Network,
    ip_address,
    ip_network,
)

# A client with IPv6 has at least a /64 of addresses.
_IPV6_PREFIX = 64

# IPv6 addresses that end with the IPv4 address of the client: those of sockets for both versions
# (RFC 4291, 2.5.5.2), and those of translators (RFC 6052, 2.1).
_MAPPED = (IPv6Network("::ffff:0:0/96"), IPv6Network("64:ff9b::/96"))
_MAPPED_PREFIX = 96


def address(text: str) -> str:
    """Return an IP address in its shortest form.

    Raises:
        ValueError: an invalid address.
    """
    return str(_parsed(text))


def network(text: str) -> str:
    """Return the network of which a client has all addresses: an IPv4 /32, an IPv6 /64.

    Raises:
        ValueError: an invalid address.
    """
    parsed = _parsed(text)
    if isinstance(parsed, IPv4Address):
        return str(parsed)
    return str(IPv6Network((parsed, _IPV6_PREFIX), strict=False))


def block(text: str) -> str:
    """Return a network in its shortest form, or for an address the result of ``network``.

    An IPv6 network is at least a /64.

    Raises:
        ValueError: neither a network nor an address; or bits are set after the prefix, so that
            the intent is unclear.
    """
    if "/" not in text:
        return network(text)
    try:
        parsed = ip_network(text)
    except ValueError:
        parsed = None
    if parsed is None or "%" in text:
        raise ValueError("must be a network, such as 203.0.113.0/24")
    if isinstance(parsed, IPv4Network):
        return _shown(parsed)
    if parsed.subnet_of(_MAPPED[0]) or parsed.subnet_of(_MAPPED[1]):
        inner = (_last_four_bytes(parsed.network_address), parsed.prefixlen - _MAPPED_PREFIX)
        return _shown(IPv4Network(inner))
    return str(
        parsed if parsed.prefixlen <= _IPV6_PREFIX else parsed.supernet(new_prefix=_IPV6_PREFIX)
    )


def _parsed(text: str) -> IPv4Address | IPv6Address:
    try:
        parsed = ip_address(text)
    except ValueError:
        parsed = None
    if parsed is None or getattr(parsed, "scope_id", None):
        raise ValueError("must be an IPv4 or IPv6 address, such as 203.0.113.7")
    if isinstance(parsed, IPv6Address) and any(parsed in mapped for mapped in _MAPPED):
        return _last_four_bytes(parsed)
    return parsed


def _last_four_bytes(parsed: IPv6Address) -> IPv4Address:
    return IPv4Address(parsed.packed[-4:])


def _shown(parsed: IPv4Network) -> str:
    """Return an IPv4 network in the form of PostgreSQL's inet: without the /32 of an address."""
    return str(parsed).removesuffix("/32")
