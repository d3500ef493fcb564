"""Known clients: which networks and devices count as those of a user, and for how long."""

from dataclasses import replace
from datetime import UTC, datetime

import psycopg
import pytest

from oadb import Database, Secret
from oadb.accounts import known_clients, login_attempts, users
from oadb.accounts.known_clients import MOST_DEVICES
from oadb.accounts.users import SignedInUser
from oadb.keys import proof
from oadb.security.keyring import Key, KeyRing
from tests.conftest import RING, configured
from tests.support.accounts import PASSWORD, account, new_user
from tests.support.lockouts import WRONG, attempt
from tests.support.migrations import run_script
from tests.support.rig import Observer
from tests.support.roots import some_root

pytestmark = pytest.mark.usefixtures("counting")


def signed_in(db: Database, asha: SignedInUser, ip: str, token: Secret | None = None) -> Secret:
    """Sign in, and return the token that the device has then."""
    answer = login_attempts.sign_in(
        db, asha.username, PASSWORD, ip=ip, device_token=token, remember_device=True
    )
    assert answer
    made = answer.device_token or token
    assert made is not None
    return made


def known(observer: Observer, user_id: int) -> tuple[list[str], int]:
    """Return the networks of a user, and the number of devices."""
    networks = observer.rows(
        "select abbrev(network) from oadb.known_networks where user_id = %s order by 1", user_id
    )
    devices = observer.ask("select count(*) from oadb.known_devices where user_id = %s", user_id)
    return [each for (each,) in networks], devices


def test_a_sign_in_makes_its_network_known_and_a_device_if_it_is_asked_to(
    db: Database, observer: Observer, asha: SignedInUser, ip: str
) -> None:
    assert not login_attempts.sign_in(db, asha.username, WRONG, ip=ip, remember_device=True)
    assert known(observer, asha.user_id) == ([], 0)

    first = login_attempts.sign_in(db, asha.username, PASSWORD, ip="2001:db8:7:7::1")
    assert (first.user, first.device_token) == (asha, None)
    signed_in(db, asha, ip)
    assert known(observer, asha.user_id) == ([ip, "2001:db8:7:7::/64"], 1)


def test_a_known_device_keeps_its_token(
    db: Database, observer: Observer, asha: SignedInUser, ip: str
) -> None:
    token = signed_in(db, asha, ip)
    observer.rows(
        "update oadb.known_devices set signed_in_at = now() - interval '89 days' "
        "where user_id = %s",
        asha.user_id,
    )

    assert signed_in(db, asha, ip, token) == token
    assert known(observer, asha.user_id)[1] == 1
    assert observer.ask(
        "select signed_in_at > now() - interval '1 day' from oadb.known_devices where user_id = %s",
        asha.user_id,
    )


def test_a_user_has_the_devices_that_signed_in_last(
    db: Database, observer: Observer, asha: SignedInUser, ip: str
) -> None:
    first, second = signed_in(db, asha, ip), signed_in(db, asha, ip)
    for _ in range(MOST_DEVICES - 2):
        signed_in(db, asha, ip)
    signed_in(db, asha, ip, first)
    signed_in(db, asha, ip)

    assert known(observer, asha.user_id)[1] == MOST_DEVICES
    assert signed_in(db, asha, ip, first) == first
    assert signed_in(db, asha, ip, second) != second


def test_an_identity_provider_makes_the_network_known(
    db: Database, observer: Observer, asha: SignedInUser, ip: str
) -> None:
    assert login_attempts.sign_in_with_oauth(db, asha.user_id, ip=ip)
    assert known(observer, asha.user_id) == ([ip], 0)


def test_a_device_moves_to_the_new_root_key_when_it_signs_in(
    url: str, db: Database, asha: SignedInUser, ip: str
) -> None:
    """Otherwise it is forgotten when the old key is retired."""
    token = signed_in(db, asha, ip)
    old = RING.primary
    both = KeyRing(
        [replace(old, state="decrypt-only"), Key(2, "primary", datetime.now(UTC), some_root(2))]
    )
    with Database(replace(configured(url), keyring=both)) as rotated:
        proof.admit(rotated, 2)
        stored = known_clients.digests(both, token)
        assert len(stored) == 2
        assert signed_in(rotated, asha, ip, token) == token
        tries = attempt(rotated, asha.username, ip, digests=stored[:1])

    assert tries.device_id is not None


def test_clients_are_forgotten_with_their_user_and_after_their_time(
    db: Database, observer: Observer, asha: SignedInUser, ip: str
) -> None:
    known_clients.delete_expired_networks(db)
    signed_in(db, asha, ip)
    other = users.create(db, f"x{asha.username}", f"x{asha.email}").user_id
    for days in (31, 91):
        observer.rows(
            "insert into oadb.known_networks values (%s, %s, now() - %s * interval '1 day')",
            other,
            f"192.0.2.{days}",
            days,
        )
        observer.rows(
            "insert into oadb.known_devices values "
            "(%s, default, sha256('x'), now() - %s * interval '1 day')",
            other,
            days,
        )

    assert known_clients.delete_expired_networks(db, batch=1) == 1
    assert known_clients.delete_expired_networks(db) == 1
    assert known_clients.delete_expired_devices(db) == 1
    assert known(observer, other) == ([], 1)
    assert users.delete(db, other)
    assert known(observer, other) == ([], 0)
    assert known(observer, asha.user_id) == ([ip], 1)


def test_a_name_of_nobody_has_no_known_network(
    alone: Database, oadb_database_url: str, ip: str
) -> None:
    """Not even that of the first user."""
    first = new_user(alone)
    known_clients.remember_network(alone, first, ip)
    kinds = [attempt(alone, name, ip).kinds for name in ("nobody", account(alone, first).username)]

    assert Observer(oadb_database_url).ask("select min(user_id) from oadb.users") == first == 1
    assert ["account" in each for each in kinds] == [True, False]


ATTEMPTS = [
    ("203.0.113.1", "succeeded", 1),
    ("203.0.113.1", "succeeded", 29),
    ("2001:db8:1:2::9", "succeeded", 29),
    ("203.0.113.2", "succeeded", 31),
    ("203.0.113.3", "failed", 1),
    (None, "succeeded", 1),
]


def test_the_migration_knows_networks_from_the_audit_and_moves_bans_of_6to4(url: str) -> None:
    # Those that changed since then what 0033 makes are undone before it.
    undone = ("0060_find_networks_in_use", "0044_partition_login_attempts", "0033_protect_owners")
    with psycopg.connect(url) as connection, connection.transaction(force_rollback=True):
        for name in undone:
            run_script(connection, f"{name}.rollback")
        created = connection.execute(
            "insert into oadb.users (username, email) values ('old', 'old@example.in') "
            "returning user_id"
        ).fetchone()
        assert created is not None
        for ip, outcome, days in ATTEMPTS:
            connection.execute(
                "insert into oadb.login_attempts (username, user_id, method, ip, outcome, "
                "attempted_at) values ('old', %s, 'password', %s, %s, "
                "now() - %s * interval '1 day')",
                (created[0], ip, outcome, days),
            )
        for network, reason in (
            ("2002:cb00:7107:1::/64", "shorter"),
            ("2002:cb00:7107:2::/64", "permanent"),
            ("2001:db8::/64", "stays"),
        ):
            connection.execute(
                "insert into oadb.ip_bans (network, reason, offences, banned_at, expires_at) "
                "values (%s, %s, 1, now(), case when %s = 'shorter' then now() + '1 h' end)",
                (network, reason, reason),
            )
        run_script(connection, "0033_protect_owners")
        networks = connection.execute(
            "select abbrev(network), signed_in_at > now() - interval '2 days' "
            "from oadb.known_networks where user_id = %s order by 1",
            created,
        ).fetchall()
        bans = connection.execute(
            "select abbrev(network), reason from oadb.ip_bans order by network"
        ).fetchall()

    assert networks == [("2001:db8:1:2::/64", False), ("203.0.113.1", True)]
    assert bans == [("203.0.113.7", "permanent"), ("2001:db8::/64", "stays")]
