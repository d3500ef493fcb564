"""The address of a client is what listed proxies say, and nothing that a stranger can write."""

import pytest

from oadb.errors import ParameterError
from oadb.integrations.client_address import UNKNOWN_ADDRESS, TrustedProxies

NETWORKS = ["10.0.0.0/8", "2001:db8:ffff::/48", "203.0.113.7"]
FOR = TrustedProxies(NETWORKS)
FORWARDED = TrustedProxies(NETWORKS, header="forwarded")


@pytest.mark.parametrize(
    ("peer", "named", "client"),
    [
        ("198.51.100.4", "", "198.51.100.4"),
        ("198.51.100.4", "192.0.2.1", "198.51.100.4"),  # of a stranger
        ("10.0.0.1", "", "10.0.0.1"),
        ("10.0.0.1", "192.0.2.1", "192.0.2.1"),
        ("::ffff:10.0.0.1", "192.0.2.1", "192.0.2.1"),
        ("10.0.0.1", "192.0.2.66, 192.0.2.1", "192.0.2.1"),
        ("10.0.0.1", "192.0.2.1, 203.0.113.7,10.9.9.9", "192.0.2.1"),
        ("10.0.0.1", "10.0.0.3, 10.0.0.2", "10.0.0.3"),
        ("10.0.0.1", "192.0.2.1:4711", "192.0.2.1"),
        ("10.0.0.1", "[2001:db8::5]:80", "2001:db8::5"),
        ("10.0.0.1", "2001:DB8:0::5", "2001:db8::5"),
        ("2001:db8:ffff::1", "192.0.2.1", "192.0.2.1"),
        ("10.0.0.1", "192.0.2.1, unknown", "10.0.0.1"),
        ("10.0.0.1", "192.0.2.1, 10.0.0.2, _hidden", "10.0.0.1"),
        ("10.0.0.1", "192.0.2.1, _hidden, 10.0.0.2", "10.0.0.2"),
        ("10.0.0.1", ",,,", "10.0.0.1"),
        ("10.0.0.1", "1.1.1.1\x00", "10.0.0.1"),
        ("10.0.0.1", "1" * 100_000, "10.0.0.1"),
        ("10.0.0.1", "192.0.2.1%eth0", "10.0.0.1"),
        ("testclient", "192.0.2.1", UNKNOWN_ADDRESS),
        (None, "192.0.2.1", UNKNOWN_ADDRESS),
    ],
)
def test_addresses_are_read_from_the_right(peer: str | None, named: str, client: str) -> None:
    assert FOR.client(peer, named) == client


@pytest.mark.parametrize(
    ("named", "client"),
    [
        ("for=192.0.2.1", "192.0.2.1"),
        ("For=192.0.2.1 ; proto=https;by=10.0.0.1", "192.0.2.1"),
        ('for="192.0.2.1:4711"', "192.0.2.1"),
        ('for="[2001:db8::5]:80", for=10.0.0.9', "2001:db8::5"),
        ("for=198.51.100.1, for=192.0.2.1", "192.0.2.1"),
        ('for="198.51.100.1, for=192.0.2.1', "192.0.2.1"),  # a quote that a client left open
        ("for=192.0.2.1;for=198.51.100.1", "10.0.0.1"),
        ("proto=https", "10.0.0.1"),
        ("for=unknown", "10.0.0.1"),
        ("192.0.2.1", "10.0.0.1"),
        ("for=;;=,=", "10.0.0.1"),
    ],
)
def test_forwarded_is_read_from_the_right(named: str, client: str) -> None:
    assert FORWARDED.client("10.0.0.1", named) == client


def test_nobody_is_trusted_unless_listed() -> None:
    assert TrustedProxies().client("127.0.0.1", "192.0.2.1") == "127.0.0.1"


def test_a_proxy_on_a_unix_socket_is_trusted_if_said() -> None:
    proxies = TrustedProxies(["10.0.0.0/8"], unix_socket=True)

    assert proxies.client(None, "192.0.2.1, 10.0.0.1") == "192.0.2.1"
    assert proxies.client("<local>", "") == UNKNOWN_ADDRESS


@pytest.mark.parametrize("networks", [["10.0.0.1/8"], ["everything"], "10.0.0.0/8", [7]])
def test_networks_that_are_none_are_refused(networks: list[str]) -> None:
    with pytest.raises(ParameterError, match="networks"):
        TrustedProxies(networks)


def test_another_header_is_refused() -> None:
    with pytest.raises(ParameterError, match="x-forwarded-for or forwarded"):
        TrustedProxies(header="x-real-ip")  # type: ignore[arg-type]  # on purpose
