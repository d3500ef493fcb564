"""Addresses of clients: one form for each; invalid ones are refused."""

import traceback
from time import process_time

import pytest

from oadb.security.addresses import address, block, network, networks


@pytest.mark.parametrize(
    ("text", "shortest", "its_network"),
    [
        pytest.param("203.0.113.7", "203.0.113.7", "203.0.113.7", id="IPv4"),
        pytest.param("0.0.0.0", "0.0.0.0", "0.0.0.0", id="IPv4 unspecified"),
        pytest.param("255.255.255.255", "255.255.255.255", "255.255.255.255", id="IPv4 broadcast"),
        pytest.param("2001:db8::1", "2001:db8::1", "2001:db8::/64", id="IPv6"),
        pytest.param(
            "2001:0DB8:0000:0000:0000:0000:0000:0001",
            "2001:db8::1",
            "2001:db8::/64",
            id="IPv6 long",
        ),
        pytest.param(
            "2001:db8:1:2:ffff:ffff:ffff:ffff",
            "2001:db8:1:2:ffff:ffff:ffff:ffff",
            "2001:db8:1:2::/64",
            id="IPv6 end of network",
        ),
        pytest.param("::1", "::1", "::/64", id="IPv6 loopback"),
        pytest.param("::ffff:203.0.113.7", "203.0.113.7", "203.0.113.7", id="IPv4 in IPv6"),
        pytest.param("::FFFF:cb00:7107", "203.0.113.7", "203.0.113.7", id="IPv4 in IPv6 in hex"),
        pytest.param("64:ff9b::203.0.113.7", "203.0.113.7", "203.0.113.7", id="IPv4 translated"),
        pytest.param(
            "64:ff9b:1::203.0.113.7", "203.0.113.7", "203.0.113.7", id="translated at home"
        ),
        pytest.param(
            "64:ff9b:1:ffff:0:1:203.0.113.7", "203.0.113.7", "203.0.113.7", id="translated by a /64"
        ),
        pytest.param(
            "64:ff9b:1:cb00:71:700::", "203.0.113.7", "203.0.113.7", id="translated by the /48"
        ),
        pytest.param("2002:cb00:7107:9::1", "203.0.113.7", "203.0.113.7", id="6to4"),
        pytest.param("2002:CB00:7107:FFFF::1", "203.0.113.7", "203.0.113.7", id="6to4 end"),
        pytest.param("2003:cb00:7107::1", "2003:cb00:7107::1", "2003:cb00:7107::/64", id="no 6to4"),
        pytest.param("::203.0.113.7", "::cb00:7107", "::/64", id="IPv4 compatible"),
        pytest.param("fe80::1", "fe80::1", "fe80::/64", id="link local"),
    ],
)
def test_an_address_has_one_form_and_one_network(
    text: str, shortest: str, its_network: str
) -> None:
    assert address(text) == shortest
    assert address(shortest) == shortest
    assert network(text) == its_network
    assert network(shortest) == its_network


def test_all_addresses_of_a_client_are_in_one_network() -> None:
    one = {network(f"2001:db8:1:2:{n:x}::{n:x}") for n in range(1, 100)}
    two = {network(f"2001:db8:1:{n:x}::1") for n in range(1, 100)}

    assert one == {"2001:db8:1:2::/64"}
    assert len(two) == 99


def test_a_client_with_ipv6_may_have_three_networks_to_itself() -> None:
    assert networks("2001:db8:1:2ff::9") == [
        "2001:db8:1:2ff::/64",
        "2001:db8:1:200::/56",
        "2001:db8:1::/48",
    ]
    assert networks("203.0.113.7") == networks("2002:cb00:7107:2ff::9") == ["203.0.113.7"]


INVALID = {
    "empty": "",
    "blank": " ",
    "space before": " 203.0.113.7",
    "newline behind": "203.0.113.7\n",
    "name": "localhost",
    "port": "203.0.113.7:443",
    "brackets": "[2001:db8::1]",
    "network": "203.0.113.0/24",
    "IPv6 network": "2001:db8::/64",
    "leading zero": "203.0.113.07",
    "octal": "0313.0.113.7",
    "hexadecimal": "0xcb.0.113.7",
    "number": "3405803783",
    "short": "203.0.113",
    "too large": "203.0.113.256",
    "negative": "203.0.113.-7",
    "scope": "fe80::1%eth0",
    "empty scope": "fe80::1%",
    "scope of a mapped one": "::ffff:203.0.113.7%1",
    "two elisions": "2001::db8::1",
    "nine groups": "1:2:3:4:5:6:7:8:9",
    "full-width digits": "２０３.0.113.7",  # noqa: RUF001  # the digits are the mistake
    "arabic digits": "٢٠٣.0.113.7",
    "NUL": "203.0.113.7\0",
    "surrogate": "203.0.113.\ud800",
    "list": "203.0.113.7, 198.51.100.1",
    "SQL": "'; drop table oadb.users; --",
    "long": "1." * 5_000_000,
    "long in IPv6": "1:" * 5_000_000,
}


@pytest.mark.parametrize("case", INVALID)
def test_an_invalid_address_is_refused_and_not_shown(case: str) -> None:
    started = process_time()
    for refuse in (address, network, networks):
        with pytest.raises(ValueError, match=r"^must be") as refused:
            refuse(INVALID[case])
        assert str(refused.value) == "must be an IPv4 or IPv6 address, such as 203.0.113.7"
        assert refused.value.__context__ is None
        assert refused.value.__cause__ is None
        assert len("".join(traceback.format_exception(refused.value))) < 5000
    assert process_time() - started < 5


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("203.0.113.7", "203.0.113.7"),
        ("203.0.113.7/32", "203.0.113.7"),
        ("203.0.113.0/24", "203.0.113.0/24"),
        ("203.0.113.0/255.255.255.0", "203.0.113.0/24"),
        ("0.0.0.0/0", "0.0.0.0/0"),
        ("::ffff:203.0.113.0/120", "203.0.113.0/24"),
        ("64:ff9b::203.0.113.7/128", "203.0.113.7"),
        ("::ffff:0:0/96", "0.0.0.0/0"),
        ("::fffe:0:0/95", "::/64"),
        ("2001:DB8::7", "2001:db8::/64"),
        ("2001:db8::7/128", "2001:db8::/64"),
        ("2001:db8::/32", "2001:db8::/32"),
        ("2002:cb00:7107::/48", "203.0.113.7"),
        ("2002:cb00:7107:9::/64", "203.0.113.7"),
        ("2002:cb00::/32", "203.0.0.0/16"),
        ("2002::/16", "0.0.0.0/0"),
        ("2002::/15", "2002::/15"),
        ("64:ff9b:1::203.0.113.0/120", "203.0.113.0/24"),
        ("64:ff9b:1::/48", "64:ff9b:1::/48"),
    ],
)
def test_a_block_has_one_form(text: str, shown: str) -> None:
    assert block(text) == shown
    assert block(shown) == shown


@pytest.mark.parametrize(
    "text",
    [
        "/",
        "/24",
        "203.0.113.7/24",
        "203.0.113.0/33",
        "203.0.113.0/-1",
        "203.0.113.0/24/24",
        "2001:db8::1/64",
        "fe80::%eth0/64",
        "203.0.113.0/\ud800",
        "203.0.113.0/24\n",
        "x/8",
        "1/" * 1_000_000,
    ],
    ids=lambda text: ascii(text[:30]),
)
def test_an_invalid_block_is_refused_and_not_shown(text: str) -> None:
    with pytest.raises(ValueError, match=r"^must be") as refused:
        block(text)

    assert str(refused.value) == "must be a network, such as 203.0.113.0/24"
    assert refused.value.__context__ is None


@pytest.mark.parametrize("case", [each for each in INVALID if "/" not in INVALID[each]])
def test_a_block_of_an_invalid_address_is_refused(case: str) -> None:
    with pytest.raises(ValueError, match=r"^must be an IPv4 or IPv6 address"):
        block(INVALID[case])
