"""Times: how long verifying a key takes, and whether it reveals that a name exists."""

import threading
import time
from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from statistics import median

import psycopg

from oadb import Config, Database, Secret
from oadb.accounts import api_keys, users
from oadb.keys import proof
from oadb.security.keyring import KeyRing
from tests.trust.ground import Measured, key, require, server

FEW, MANY = 10, 100_000
ROUNDS, CALLS = 40, 50
PAIRS = 600

_FILL = """
insert into oadb.api_keys (
    user_id, api_key_id, name, hint, token_digest, fingerprint, scopes, order_mode
)
select
    user_id, gen_random_uuid(), 'filled', hint,
    sha256(n::text::bytea), fingerprint, scopes, order_mode
from oadb.api_keys, generate_series(1, %s) as n
where name = 'seed'
"""


@dataclass(frozen=True, slots=True)
class Filled:
    """A database with a number of keys, and the token of one."""

    db: Database
    config: Config
    user_id: int
    token: Secret


@contextmanager
def filled(count: int) -> Generator[Filled]:
    """Give a database on a private server with *count* keys."""
    with server(KeyRing([key(1)])) as (_, config), Database(config) as db:
        proof.prove(db)
        user = users.create(db, "keys", "keys@example.in").user_id
        token = api_keys.create(db, user, "seed", order_mode="auto").token
        _fill(config, count - 1)
        yield Filled(db, config, user, token)


@dataclass(frozen=True, slots=True)
class Verified:
    """The time of verify compared with other lookups: ratios, and their texts."""

    many_to_few: float
    many_to_plain: float
    measured: list[Measured]


def verify(few: Filled, many: Filled, where: str) -> Verified:
    """Time verify with few and with many keys, and lookups by primary key, all in turns."""
    hers = many.db.as_user(many.user_id)
    among_few, among_many, plain, acting = _medians(
        lambda: api_keys.verify(few.db, few.token),
        lambda: api_keys.verify(many.db, many.token),
        lambda: users.get(many.db, many.user_id),
        lambda: users.get(hers, many.user_id),
    )
    found = [
        _compared(
            f"api_keys.verify with {MANY:,} keys beside {FEW}, {where}", among_many, among_few
        ),
        _compared(f"api_keys.verify beside users.get, {where}", among_many, plain),
        _compared(f"users.get over db.as_user beside without, {where}", acting, plain),
    ]
    return Verified(among_many / among_few, among_many / plain, found)


def required(verified: Verified) -> list[Measured]:
    """Return the measurements; raise if they exceed the promises."""
    shown = ", ".join(f"{each.promise} {each.found}" for each in verified.measured)
    require(verified.many_to_few <= 1.2, f"{shown}: as fast with many keys, within 20 %")
    require(verified.many_to_plain <= 1.3, f"{shown}: at most 1.3 times a point lookup")
    return verified.measured


def planned(many: Filled) -> Measured:
    """Return the plan by which the database finds a key among many."""
    return Measured("api_keys.verify: plan", _plan(many.config))


def _compared(promise: str, one: float, other: float) -> Measured:
    found = f"{one / other:.2f} ({one * 1e6:.0f} us and {other * 1e6:.0f} us)"
    return Measured(f"{promise}, ratio", found)


def names(db: Database, *, logins: int) -> Measured:
    """Measure how well the time distinguishes an unknown name from one with a wrong password."""
    proof.prove(db)
    user = users.create(db, f"known{logins}", f"known{logins}@example.in").user_id
    users.set_password(db, user, Secret("correct horse"))
    wrong = Secret("incorrect horse")
    known: list[float] = []
    unknown: list[float] = []
    with _signing_in(db, logins):
        for number in range(PAIRS):
            pair = [(known, f"known{logins}"), (unknown, f"nobody{number}")]
            for times, name in pair if number % 2 else reversed(pair):
                times.append(once(lambda: users.verify_password(db, name, wrong)))  # noqa: B023  # called in this iteration only
    found = auc(known, unknown)
    beside = f"{logins} logins running" if logins else "idle"
    promise = f"unknown against known user, {PAIRS} pairs, {beside}: AUC"
    require(abs(found - 0.5) <= 0.05, f"{promise} {found:.3f}")
    return Measured(promise, f"{found:.3f} (0.5: indistinguishable; at most 0.55)")


def auc(one: Sequence[float], other: Sequence[float]) -> float:
    """Return the probability that a value of *one* exceeds one of *other* (Mann-Whitney U)."""
    ranked = sorted([(value, 1) for value in one] + [(value, 0) for value in other])
    ranks = sum(rank for rank, (_, is_one) in enumerate(ranked, 1) if is_one)
    return (ranks - len(one) * (len(one) + 1) / 2) / (len(one) * len(other))


@contextmanager
def _signing_in(db: Database, count: int) -> Generator[None]:
    """Keep *count* threads signing in with a wrong password."""
    done = threading.Event()

    def sign_in() -> None:
        while not done.is_set():
            users.verify_password(db, "somebody", Secret("incorrect horse"))

    threads = [threading.Thread(target=sign_in) for _ in range(count)]
    for thread in threads:
        thread.start()
    try:
        yield
    finally:
        done.set()
        for thread in threads:
            thread.join()


def once(call: Callable[[], object]) -> float:
    started = time.perf_counter()
    call()
    return time.perf_counter() - started


def _medians(*calls: Callable[[], object]) -> list[float]:
    """Return the median of each, in seconds, taken in turns."""
    times: list[list[float]] = [[] for _ in calls]
    for _ in range(ROUNDS):
        for call, taken in zip(calls, times, strict=True):
            call()
            taken.extend(once(call) for _ in range(CALLS))
    return [median(taken) for taken in times]


def _fill(config: Config, count: int) -> None:
    with psycopg.connect(**config.connection_keywords(), autocommit=True) as connection:
        connection.execute(_FILL, (count,))
        connection.execute("vacuum analyze oadb.api_keys")


def _plan(config: Config) -> str:
    """Return the plan that the server keeps for the statement of verify."""
    plain = api_keys._find_by_digest.chosen((b"", 1, None))
    with psycopg.connect(**config.connection_keywords()) as connection:
        lines = connection.execute(b"explain (generic_plan, costs off) " + plain.sql).fetchall()
    plan = [line.strip().removeprefix("->  ") for (line,) in lines]
    promised = "Index Scan using api_keys_token_digest_idx on api_keys"
    condition = "Index Cond: (token_digest = $1)"
    require({promised, condition} <= {*plan}, f"plan: {plan}")
    return promised
