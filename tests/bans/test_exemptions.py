"""Exemptions from bans: builtin ones, those made by hand, and what a ban of them comes to."""

import threading
from datetime import timedelta

import pytest

from oadb import Database
from oadb.bans import ip_bans
from oadb.errors import ParameterError
from tests.support.bans import BY_HAND, db, ip
from tests.support.rig import Observer, threads

__all__ = ["db", "ip"]

HOUR = timedelta(hours=1)

NEVER = {
    "0.0.0.0": "unspecified", "10.1.2.3": "private", "100.64.0.1": "private: inside a provider",
    "127.0.0.1": "loopback", "127.9.9.9": "loopback", "169.254.1.1": "link-local",
    "172.17.0.1": "private", "192.0.0.8": "reserved", "192.168.1.1": "private",
    "198.18.0.1": "reserved", "224.0.0.1": "multicast", "255.255.255.255": "reserved",
    "::": "loopback, unspecified", "::1": "loopback, unspecified", "::ffff:127.0.0.1": "loopback",
    "::ffff:10.0.0.1": "private", "64:ff9b::10.0.0.1": "private",
    "::10.0.0.1": "loopback, unspecified", "64:ff9b:1::10.0.0.1": "private", "100::1": "reserved",
    "fc00::1": "private", "fd12:3456::1": "private", "fe80::1": "link-local",
    "fec0::1": "reserved", "ff02::1": "multicast", "2001:0:1::1": "Teredo", "4000::1": "reserved",
}  # fmt: skip  # a table


@pytest.mark.parametrize("address", NEVER)
def test_networks_without_clients_are_exempt_and_the_error_says_why(
    db: Database, observer: Observer, address: str
) -> None:
    with pytest.raises(ParameterError) as refused:
        ip_bans.ban(db, address, "x", by=None)

    assert str(refused.value) == (
        f"ip_bans.ban: the network of ip is exempt from bans: {NEVER[address]}"
    )
    assert ip_bans.find_by_ip(db, address) is None
    assert observer.ask("select count(*) from oadb.ip_bans where network >>= %s", address) == 0


@pytest.mark.parametrize("address", ["127.0.0.1", "172.17.0.1"])
def test_a_ban_of_a_gateway_written_by_hand_has_no_effect(
    db: Database, observer: Observer, address: str
) -> None:
    observer.rows(BY_HAND, address)
    assert ip_bans.find_by_ip(db, address) is None
    assert ip_bans.unban(db, address) is True


def test_a_ban_has_no_effect_while_its_network_is_exempt(db: Database) -> None:
    made = ip_bans.ban(db, "192.0.2.7", "x", duration=HOUR, by=None)

    assert ip_bans.exempt(db, "192.0.2.0/24", "the office") is True
    assert ip_bans.find_by_ip(db, "192.0.2.7") is None
    with pytest.raises(ParameterError, match="exempt from bans: the office"):
        ip_bans.ban(db, "192.0.2.8", "x", by=None)
    assert ip_bans.unexempt(db, "192.0.2.0/24") is True
    assert ip_bans.unexempt(db, "192.0.2.0/24") is False
    assert ip_bans.find_by_ip(db, "192.0.2.7") == made


@pytest.mark.parametrize(
    ("given", "kept", "inside", "outside"),
    [
        ("192.0.2.200", "192.0.2.200", "192.0.2.200", "192.0.2.201"),
        ("192.0.2.200/32", "192.0.2.200", "::ffff:192.0.2.200", "192.0.2.201"),
        ("::ffff:192.0.2.192/124", "192.0.2.192/28", "192.0.2.207", "192.0.2.208"),
        ("2001:db8:9::7", "2001:db8:9::/64", "2001:db8:9::1", "2001:db8:9:1::1"),
        ("2001:db8:9::7/128", "2001:db8:9::/64", "2001:db8:9::1", "2001:db8:9:1::1"),
        ("2001:db8:8::/48", "2001:db8:8::/48", "2001:db8:8:7::1", "2001:db8:9::1"),
    ],
)
def test_an_exemption_covers_a_network(
    db: Database, given: str, kept: str, inside: str, outside: str
) -> None:
    assert ip_bans.exempt(db, given, "first") is True
    assert ip_bans.exempt(db, given, "second") is True
    found = [each for each in ip_bans.list_exemptions(db) if not each.is_builtin]
    try:
        with pytest.raises(ParameterError, match="exempt from bans: second"):
            ip_bans.ban(db, inside, "x", by=None)
        assert ip_bans.ban(db, outside, "x", by=None).offences == 1
        assert [(each.network, each.reason) for each in found] == [(kept, "second")]
    finally:
        assert ip_bans.unexempt(db, given) is True
        ip_bans.unban(db, outside)


def test_a_builtin_exemption_stays(db: Database) -> None:
    for exemption in [each for each in ip_bans.list_exemptions(db) if each.is_builtin]:
        assert ip_bans.unexempt(db, exemption.network) is False
    assert ip_bans.exempt(db, "10.0.0.0/8", "mine") is False
    with pytest.raises(ParameterError, match="exempt from bans: private"):
        ip_bans.ban(db, "10.0.0.1", "x", by=None)


@pytest.mark.parametrize("wide", ["0.0.0.0/0", "::/0", "203.0.0.0/7", "2000::/7"])
def test_an_exemption_wider_than_8_bits_is_refused(db: Database, wide: str) -> None:
    with pytest.raises(ParameterError):
        ip_bans.exempt(db, wide, "x")


@pytest.mark.parametrize(
    "text", ["", "/", "203.0.113.7/24", "203.0.113.0/33", "x/8", "fe80::%1/64", "1.2.3.4/1/1"]
)
def test_an_invalid_network_is_refused(db: Database, text: str) -> None:
    for call in (ip_bans.unexempt, lambda db, text: ip_bans.exempt(db, text, "x")):
        with pytest.raises(ParameterError):
            call(db, text)


def test_a_ban_at_the_same_moment_as_an_exemption_has_no_effect(db: Database, ip: str) -> None:
    """The two transactions do not see each other; a later lookup sees both."""
    began, banned = threading.Event(), threading.Event()

    def exempt() -> None:
        with db.transaction() as tx:
            ip_bans.exempt(tx, ip, "x")
            began.set()
            assert banned.wait(10)

    with threads(1) as pool:
        exempting = pool.submit(exempt)
        assert began.wait(10)
        assert ip_bans.ban(db, ip, "x", by=None).offences == 1
        banned.set()
        exempting.result()

    assert ip_bans.find_by_ip(db, ip) is None
