"""IP addresses of clients: their stored form, and the networks for which guesses are counted."""

from ipaddress import (
    IPv4Address,
    IPv4Network,
    IPv6Address,
    IPv6Network,
    ip_address,
    ip_network,
)

# A client with IPv6 has at least a /64 of addresses, and often all of a /56 or a /48.
_IPV6_PREFIX = 64
_WIDER_PREFIXES = (56, 48)

# IPv6 addresses that end with the IPv4 address of the client: those of sockets for both versions
# (RFC 4291, 2.5.5.2), and those of translators (RFC 6052, 2.1).
_MAPPED = (IPv6Network("::ffff:0:0/96"), IPv6Network("64:ff9b::/96"))
_MAPPED_PREFIX = 96

# Translators inside one organisation (RFC 8215): the IPv4 address is at the end, or around the
# byte that RFC 6052, 2.2, leaves zero; then 5 bytes of zeros follow.
_LOCAL = IPv6Network("64:ff9b:1::/48")

# 6to4 (RFC 3056): each IPv4 address has a /48.
_TUNNELLED = IPv6Network("2002::/16")
_TUNNELLED_PREFIX = 16


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
    return _prefix(parsed, _IPV6_PREFIX)


def networks(text: str) -> list[str]:
    """Return the networks that a client may have to itself: ``network``, and for IPv6 wider ones.

    The narrowest is first: a /64, a /56 and a /48.

    Raises:
        ValueError: an invalid address.
    """
    parsed = _parsed(text)
    if isinstance(parsed, IPv4Address):
        return [str(parsed)]
    return [_prefix(parsed, prefix) for prefix in (_IPV6_PREFIX, *_WIDER_PREFIXES)]


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
    carried = _carried_network(parsed)
    if carried is not None:
        return _shown(carried)
    return str(
        parsed if parsed.prefixlen <= _IPV6_PREFIX else parsed.supernet(new_prefix=_IPV6_PREFIX)
    )


def _parsed(text: object) -> IPv4Address | IPv6Address:
    try:
        # Of a number or of bytes ip_address would make an address, of which nobody spoke.
        parsed = ip_address(text) if isinstance(text, str) else None
    except ValueError:
        parsed = None
    if parsed is None or getattr(parsed, "scope_id", None):
        raise ValueError("must be an IPv4 or IPv6 address, such as 203.0.113.7")
    return parsed if isinstance(parsed, IPv4Address) else _carried(parsed) or parsed


def _prefix(parsed: IPv6Address, length: int) -> str:
    return str(IPv6Network((parsed, length), strict=False))


def _carried(parsed: IPv6Address) -> IPv4Address | None:
    """Return the IPv4 address that an IPv6 address carries; None: it is one of its own."""
    packed = parsed.packed
    if parsed in _TUNNELLED:
        return IPv4Address(packed[2:6])
    if parsed in _LOCAL and not any(packed[11:]) and not packed[8]:
        return IPv4Address(packed[6:8] + packed[9:11])
    if parsed in _LOCAL or any(parsed in mapped for mapped in _MAPPED):
        return IPv4Address(packed[-4:])
    return None


def _carried_network(parsed: IPv6Network) -> IPv4Network | None:
    """Return the network of the IPv4 addresses that all addresses of a network carry."""
    first = _carried(parsed.network_address)
    if parsed.subnet_of(_TUNNELLED):
        return _network(first, parsed.prefixlen - _TUNNELLED_PREFIX)
    if parsed.prefixlen < _MAPPED_PREFIX:
        return None
    return _network(first, parsed.prefixlen - _MAPPED_PREFIX)


def _network(first: IPv4Address | None, prefix: int) -> IPv4Network | None:
    return None if first is None else IPv4Network((first, min(prefix, 32)), strict=False)


def _shown(parsed: IPv4Network) -> str:
    """Return an IPv4 network in the form of PostgreSQL's inet: without the /32 of an address."""
    return str(parsed).removesuffix("/32")
