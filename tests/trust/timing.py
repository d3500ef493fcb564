"""What a clock tells: how long a key takes to verify, and whether a name exists."""

import threading
import time
from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager
from statistics import median

import psycopg

from oadb import Config, Database, Secret, api_keys, keys, users
from tests.trust.ground import Measured, require

KEYS = 100_000
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


def verify(db: Database, config: Config) -> list[Measured]:
    """Time verify among 10 and among 100,000 keys, and beside a lookup by primary key."""
    user = users.create(db, "keys", "keys@example.in").user_id
    token = api_keys.issue(db, user, "seed", order_mode="auto").token
    _fill(config, 9)
    few, few_plain = _paired(lambda: api_keys.verify(db, token), lambda: users.get(db, user))
    _fill(config, KEYS - 10)
    many, plain = _paired(lambda: api_keys.verify(db, token), lambda: users.get(db, user))
    growth = (many / plain) / (few / few_plain)
    require(abs(growth - 1) <= 0.2, f"verify with 10 and 100,000 keys {growth:.2f}, within 20 %")
    require(many / plain <= 1.3, f"verify {many / plain:.2f}, at most 1.3 times a point lookup")
    return [
        Measured("api_keys.verify with 100,000 keys beside 10, ratio", f"{growth:.2f}"),
        Measured(
            "api_keys.verify beside a plain point lookup (users.get), ratio",
            f"{many / plain:.2f} ({many * 1e6:.0f} us and {plain * 1e6:.0f} us)",
        ),
        Measured("api_keys.verify: plan", _plan(config)),
        _acting(db, user),
    ]


def _acting(db: Database, user: int) -> Measured:
    """Time a lookup with an identity beside the same one without."""
    hers = db.as_user(user)
    acting, plain = _paired(lambda: users.get(hers, user), lambda: users.get(db, user))
    return Measured(
        "users.get over db.as_user beside without, ratio",
        f"{acting / plain:.2f} ({acting * 1e6:.0f} us and {plain * 1e6:.0f} us)",
    )


def names(db: Database, *, logins: int) -> Measured:
    """Say how well a clock tells an unknown name from a known one with a wrong password."""
    keys.prove(db)
    user = users.create(db, f"known{logins}", f"known{logins}@example.in").user_id
    users.set_password(db, user, Secret("correct horse"))
    wrong = Secret("incorrect horse")
    known: list[float] = []
    unknown: list[float] = []
    with _signing_in(db, logins):
        for number in range(PAIRS):
            pair = [(known, f"known{logins}"), (unknown, f"nobody{number}")]
            for times, name in pair if number % 2 else reversed(pair):
                times.append(_once(lambda: users.verify_password(db, name, wrong)))  # noqa: B023
    found = _auc(known, unknown)
    beside = f"{logins} logins running" if logins else "idle"
    promise = f"unknown against known user, {PAIRS} pairs, {beside}: AUC"
    require(abs(found - 0.5) <= 0.05, f"{promise} {found:.3f}")
    return Measured(promise, f"{found:.3f} (0.5: nothing to tell; at most 0.55)")


def _auc(one: Sequence[float], other: Sequence[float]) -> float:
    """Return the chance that a value of *one* is above one of *other* (Mann-Whitney U)."""
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


def _once(call: Callable[[], object]) -> float:
    started = time.perf_counter()
    call()
    return time.perf_counter() - started


def _paired(one: Callable[[], object], other: Callable[[], object]) -> tuple[float, float]:
    """Return the median of each, in seconds, taken in turns."""
    times: tuple[list[float], list[float]] = ([], [])
    for _ in range(ROUNDS):
        for call, taken in zip((one, other), times, strict=True):
            call()
            taken.extend(_once(call) for _ in range(CALLS))
    return median(times[0]), median(times[1])


def _fill(config: Config, count: int) -> None:
    with psycopg.connect(**config.connection_keywords(), autocommit=True) as connection:
        connection.execute(_FILL, (count,))
        connection.execute("vacuum analyze oadb.api_keys")


def _plan(config: Config) -> str:
    with psycopg.connect(**config.connection_keywords()) as connection:
        lines = connection.execute(
            "explain (costs off) select user_id from oadb.api_keys where token_digest = %s",
            (b"0" * 32,),
        ).fetchall()
    plan = [line.strip() for (line,) in lines]
    require(plan[0] == "Index Scan using api_keys_token_digest_idx on api_keys", f"plan: {plan}")
    return plan[0]
