"""The address of a client behind proxies: only what listed proxies say is believed.

Each proxy appends the address that it was connected from, so the list is read from the right: the
first address that is not a listed proxy is the client. What stands to its left was sent by it.
"""

from collections.abc import Callable, Iterable
from functools import lru_cache
from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network
from typing import Literal

from oadb.errors import ParameterError
from oadb.security.addresses import address

__all__ = ["UNKNOWN_ADDRESS", "TrustedProxies"]

UNKNOWN_ADDRESS = "0.0.0.0"  # noqa: S104  # nothing is bound to it
"""For clients without an IP address, such as those of a Unix socket: all of them share it."""

ForwardingHeader = Literal["x-forwarded-for", "forwarded"]


class TrustedProxies:
    """The proxies in front of a service, by their networks."""

    def __init__(
        self,
        networks: Iterable[str] = (),
        *,
        header: ForwardingHeader = "x-forwarded-for",
        unix_socket: bool = False,
    ) -> None:
        """Trust the proxies in *networks*.

        Args:
            networks: such as 10.0.0.0/8 or 203.0.113.7.
            header: the one that the proxies set. The other one is never read: proxies pass on what
                clients have put into it.
            unix_socket: whether clients without an address are a proxy on a Unix socket.

        Raises:
            ParameterError: an invalid network or header.
        """
        if header not in _READERS:
            raise ParameterError("TrustedProxies: header must be x-forwarded-for or forwarded")
        if isinstance(networks, str):
            raise ParameterError("TrustedProxies: networks must be a list of networks, not a text")
        self.header: ForwardingHeader = header
        self._networks = [_parsed(each) for each in networks]
        self._unix_socket = unix_socket
        self.are_any = bool(self._networks) or unix_socket

    def client(self, peer: str | None, forwarded: str) -> str:
        """Return the address of the client in its shortest form; never raises.

        Args:
            peer: who is connected; None or no address: a Unix socket.
            forwarded: the values of the header, joined by commas in their order; may be empty.

        Returns:
            The address; that of the last proxy that is trusted where it does not name its client;
            UNKNOWN_ADDRESS if there is none.
        """
        found = _normal(peer or "")
        if not self.are_any or not self._trusts(found):
            return found or UNKNOWN_ADDRESS
        read = _READERS[self.header]
        for element in reversed(forwarded.split(",")):
            named = read(element)
            if named is None:
                break
            found = named
            if not self._trusts(found):
                break
        return found or UNKNOWN_ADDRESS

    def _trusts(self, found: str | None) -> bool:
        if found is None:
            return self._unix_socket
        parsed = ip_address(found)
        return any(parsed in network for network in self._networks)


def _parsed(network: object) -> IPv4Network | IPv6Network:
    try:
        if isinstance(network, str):
            return ip_network(network)
    except ValueError:
        pass
    raise ParameterError("TrustedProxies: networks must be networks, such as 10.0.0.0/8")


@lru_cache(maxsize=4096)
def _normal(text: str) -> str | None:
    try:
        return address(text)
    except ValueError:
        return None


def _host(text: str) -> str | None:
    """Return the address of ``192.0.2.1``, ``192.0.2.1:80``, ``2001:db8::1``, ``[2001:db8::1]``."""
    text = text.strip()
    if text.startswith("["):
        text = text[1:].partition("]")[0]
    elif text.count(":") == 1:
        text = text.partition(":")[0]
    return _normal(text) if len(text) <= 64 else None


def _host_of_element(element: str) -> str | None:
    """Return the address of ``for="[2001:db8::1]:80";proto=https`` (RFC 7239).

    Quotes that hold a comma are not joined again: a quote that a client left open would hide what
    the proxy appended.
    """
    pairs = (pair.partition("=") for pair in element.split(";"))
    named = [value for name, _, value in pairs if name.strip().lower() == "for"]
    return _host(named[0].strip().strip('"')) if len(named) == 1 else None


_READERS: dict[ForwardingHeader, Callable[[str], str | None]] = {
    "x-forwarded-for": _host,
    "forwarded": _host_of_element,
}
