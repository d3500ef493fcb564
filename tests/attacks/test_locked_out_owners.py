"""Who guesses a password must not keep its owner out, and guesses at a bounded rate."""

from collections.abc import Callable
from datetime import timedelta
from itertools import cycle
from time import monotonic

import pytest

from oadb import Database, Secret
from oadb.accounts import known_clients, login_attempts, users
from oadb.accounts.login_attempts import SignIn
from oadb.accounts.users import SignedInUser
from tests.support.accounts import PASSWORD, account
from tests.support.lockouts import WRONG, pass_time
from tests.support.rig import Observer

pytestmark = pytest.mark.usefixtures("cheap_hashing")

HOME, ELSEWHERE = "203.0.113.7", "203.0.113.200"
ATTACKERS = [f"198.51.100.{number}" for number in range(50)]
HOUR = timedelta(hours=1)

# A counter that forgets one failure in k seconds never has more than limit + log2(k), rounded up:
# the wait of that one is k or longer, and one is forgotten meanwhile. So in the time t there are at
# most so many guesses, and t / k more; (log2(900) counts as 10: the wait is 512 s, then 900 s).
BURST = {"client": 5 + 10, "account": 20 + 8, "network": 20 + 6, "/56": 40 + 5, "/48": 80 + 4}
AN_HOUR = {"client": 4, "account": 20, "network": 60, "/56": 120, "/48": 240}


@pytest.fixture
def observer(oadb_database_url: str) -> Observer:
    return Observer(oadb_database_url)


@pytest.fixture
def owner(db: Database) -> SignedInUser:
    """Give a user with PASSWORD, who has never signed in."""
    user_id = users.create(db, "asha", "asha@example.in").user_id
    users.set_password(db, user_id, PASSWORD)
    return account(db, user_id)


def guess(db: Database, ip: str, name: str = "asha", token: Secret | None = None) -> SignIn:
    return login_attempts.sign_in(db, name, WRONG, ip=ip, device_token=token)


def enter(db: Database, ip: str, token: Secret | None = None) -> SignIn:
    return login_attempts.sign_in(db, "asha", PASSWORD, ip=ip, device_token=token)


def new_device(db: Database, name: str = "asha") -> Secret:
    """Sign in at home, and return the token of the device."""
    answer = login_attempts.sign_in(db, name, PASSWORD, ip=HOME, remember_device=True)
    assert answer.device_token is not None
    return answer.device_token


def besiege(db: Database, observer: Observer) -> None:
    """Guess from all networks until the account has to wait for minutes."""
    attackers = cycle(ATTACKERS)
    while (wait := guess(db, next(attackers)).wait) < timedelta(minutes=2):
        pass_time(observer, wait)


def let_in(db: Database, observer: Observer, sign_in: Callable[[int], SignIn]) -> tuple[int, int]:
    """Attack for 5 hours from all networks; count the owner's 100 sign-ins, and a stranger's."""
    owners = strangers = 0
    attackers = cycle(ATTACKERS)
    besiege(db, observer)
    for number in range(100):
        for _ in range(5):
            guess(db, next(attackers))
        owners += bool(sign_in(number))
        strangers += guess(db, f"203.0.113.{number + 20}").wait == timedelta()
        pass_time(observer, timedelta(minutes=3))
    return owners, strangers


@pytest.mark.long("5,000 guesses")
def test_an_owner_at_home_is_let_in_100_of_100_times_while_50_networks_guess(
    db: Database, observer: Observer, owner: SignedInUser
) -> None:
    assert owner == enter(db, HOME).user
    owners, strangers = let_in(db, observer, lambda _: enter(db, HOME))

    assert (owners, strangers) == (100, 0)


@pytest.mark.long("5,000 guesses")
def test_a_known_device_is_let_in_100_of_100_times_wherever_it_is(
    db: Database, observer: Observer, owner: SignedInUser
) -> None:
    token = new_device(db)
    owners, strangers = let_in(
        db, observer, lambda number: enter(db, ATTACKERS[number % 50], token)
    )

    assert owner.username == "asha"
    assert (owners, strangers) == (100, 0)


def test_one_client_cannot_keep_an_owner_out_of_any_other_network(
    db: Database, observer: Observer, owner: SignedInUser
) -> None:
    """A day of guesses from one network, each as soon as it may; the owner never was anywhere."""
    passed, guesses, let_in = timedelta(), 0, list[bool]()
    while passed < 24 * HOUR:
        wait = guess(db, ATTACKERS[0]).wait
        guesses += 1
        if guesses % 10 == 0:
            let_in.append(bool(enter(db, f"203.0.{guesses}.7")))
        pass_time(observer, wait)
        passed += wait

    assert owner.username == "asha"
    assert len(let_in) >= 9
    assert all(let_in)


# The rate of guesses ---------------------------------------------------------------------------


def guesses_in(
    db: Database, observer: Observer, hours: int, attempt: Callable[[int], SignIn]
) -> tuple[int, timedelta]:
    """Guess for so many hours, each time as soon as it may be, or a thousand times.

    Returns:
        How many passwords were verified, and how much time has passed, with that of the test.
    """
    began, passed, tries = monotonic(), timedelta(), 0
    while passed < hours * HOUR and tries < 1000:
        wait = attempt(tries).wait
        tries += 1
        pass_time(observer, wait)
        passed += wait
    refused = login_attempts.count(db, outcome="locked")
    return tries - refused, passed + timedelta(seconds=monotonic() - began)


RATES: dict[str, tuple[int, Callable[[int], tuple[str, str]]]] = {
    "client": (24, lambda _: ("asha", ATTACKERS[0])),
    "account": (12, lambda n: ("asha", f"10.{n // 65536}.{n // 256 % 256}.{n % 256}")),
    "network": (3, lambda n: (f"user{n}", ATTACKERS[0])),
    "/56": (1, lambda n: (f"user{n}", f"2001:db8:0:{n % 256:x}::1")),
    "/48": (1, lambda n: (f"user{n}", f"2001:db8:0:{n * 256 % 65536:x}::1")),
}


@pytest.mark.long("as many guesses as a day allows")
@pytest.mark.parametrize("counter", RATES)
def test_guesses_are_no_faster_than_a_counter_forgets_them(
    db: Database, observer: Observer, owner: SignedInUser, counter: str
) -> None:
    hours, client = RATES[counter]

    def attempt(number: int) -> SignIn:
        name, ip = client(number)
        return guess(db, ip, name)

    guesses, passed = guesses_in(db, observer, hours, attempt)

    assert owner.username == "asha"
    assert hours * AN_HOUR[counter] <= guesses <= BURST[counter] + AN_HOUR[counter] * passed / HOUR


def test_a_stolen_device_token_gives_the_guesses_of_one_client(
    db: Database, observer: Observer, owner: SignedInUser
) -> None:
    token = new_device(db)

    def attempt(number: int) -> SignIn:
        return guess(db, f"10.0.{number // 256}.{number % 256}", owner.username, token)

    guesses, passed = guesses_in(db, observer, 24, attempt)

    assert guesses <= BURST["client"] + AN_HOUR["client"] * passed / HOUR


def test_a_sign_in_of_the_owner_gives_an_attacker_elsewhere_no_further_guess(
    db: Database, observer: Observer, owner: SignedInUser
) -> None:
    assert enter(db, HOME)
    besiege(db, observer)
    assert enter(db, HOME).user == owner

    assert guess(db, ELSEWHERE).wait > timedelta(minutes=1)


def test_networks_of_one_ipv4_address_are_one(db: Database, observer: Observer) -> None:
    """6to4 and translated addresses carry an IPv4 address; each 6to4 /48 has 65,536 /64."""
    forms = (
        "2002:c633:6407:{0:x}::1", "64:ff9b:1:{0:x}::198.51.100.7", "64:ff9b::198.51.100.7",
        "::ffff:198.51.100.7", "198.51.100.7",
    )  # fmt: skip  # a table
    for number in range(10):
        guess(db, forms[number % 5].format(number), f"user{number}")
    counted = observer.rows("select subject, failures from oadb.lockouts where kind = 'network'")

    assert counted == [("198.51.100.7", 10)]


# What the counters tell ------------------------------------------------------------------------


def test_an_attacker_is_answered_alike_for_a_name_of_nobody(
    db: Database, observer: Observer, owner: SignedInUser
) -> None:
    assert enter(db, HOME).user == owner
    for number in range(12):
        for name in ("asha", "asho"):
            guess(db, ATTACKERS[number], name)
    counted = [
        observer.rows(
            "select kind, replace(subject, %s, '*'), failures from oadb.lockouts "
            "where subject like %s order by 1, 2",
            name,
            name + "%",
        )
        for name in ("asha", "asho")
    ]

    assert counted[0] == counted[1]
    assert len(counted[0]) == 13


# Device tokens ---------------------------------------------------------------------------------


def test_a_token_of_another_user_or_a_made_up_one_helps_nobody(
    db: Database, observer: Observer, owner: SignedInUser
) -> None:
    users.set_password(db, users.create(db, "mallory", "m@example.in").user_id, PASSWORD)
    of_another, made_up = new_device(db, "mallory"), known_clients.TOKEN.new()
    besiege(db, observer)

    for token in (of_another, made_up, Secret("oad_x"), Secret("\ud800"), None):
        assert not login_attempts.sign_in(
            db, owner.username, PASSWORD, ip=ELSEWHERE, device_token=token
        )


def test_a_device_that_was_forgotten_or_not_used_for_90_days_is_a_stranger(
    db: Database, observer: Observer, owner: SignedInUser
) -> None:
    old, forgotten = new_device(db), new_device(db)
    observer.rows("update oadb.known_devices set signed_in_at = now() - interval '90 days'")
    besiege(db, observer)
    assert not enter(db, ELSEWHERE, old)
    observer.rows("update oadb.known_devices set signed_in_at = now()")
    assert enter(db, ELSEWHERE, old)
    assert known_clients.forget(db, owner.user_id) == 4

    assert not enter(db, HOME, forgotten)


def test_a_network_is_a_stranger_30_days_after_the_last_sign_in(
    db: Database, observer: Observer, owner: SignedInUser
) -> None:
    assert enter(db, HOME).user == owner
    besiege(db, observer)
    assert enter(db, HOME)
    observer.rows("update oadb.known_networks set signed_in_at = now() - interval '30 days'")

    assert not enter(db, HOME)


def test_the_database_has_no_device_token(
    db: Database, observer: Observer, owner: SignedInUser
) -> None:
    token = new_device(db)
    stored = observer.ask("select known_devices::text from oadb.known_devices")

    assert owner.username == "asha"
    assert token.reveal() not in stored
    assert token.reveal().encode().hex() not in stored
