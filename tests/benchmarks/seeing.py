"""What verifying a session costs: as one statement that also wrote, and as a read with notes."""

import secrets
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from time import perf_counter, sleep

from oadb import Database, Secret
from oadb.accounts import sessions, users
from oadb.accounts.session_rows import TOKEN, Session
from oadb.accounts.user_rows import SignedInUser
from oadb.engine.binding.operations import operation
from oadb.engine.binding.queries import Queries
from oadb.engine.binding.statements import parse
from oadb.engine.executors import AsyncExecutor
from oadb.keys import proof
from oadb.security.keyring import Key, KeyRing
from oadb.security.refusals import Refusal
from tests.benchmarks.conditions import config, database, main, table
from tests.benchmarks.rounds import ROUNDS, Variant, measure, ratio
from tests.support.accounts import account

_SESSIONS = 100

Verify = Callable[[Database, Secret], object]

_SQL = """
-- name: find
-- repeatable: a second run only writes a later time
with found as materialized (
    select
        sessions.user_id, sessions.session_id, sessions.fingerprint, sessions.device, sessions.ip,
        sessions.broker, sessions.data, sessions.created_at, sessions.last_seen_at,
        sessions.expires_at, sessions.authenticated_at, sessions.assurance
    from oadb.sessions
    inner join oadb.users on sessions.user_id = users.user_id
    where
        (
            sessions.token_digest = :token_digest
            or sessions.token_digest = any(:others)  --? others
        )
        and sessions.lapses_at > now()
        and users.disabled_at is null
),
seen as (
    update oadb.sessions
    set
        last_seen_at = now(),
        lapses_at = least(sessions.expires_at, now() + sessions.idle_timeout)
    from found
    where
        sessions.user_id = found.user_id
        and sessions.session_id = found.session_id
        and sessions.last_seen_at < now() - interval '1 minute'
)
select
    user_id, session_id, device, host(ip) as ip, broker, data, created_at, last_seen_at,
    expires_at, authenticated_at, assurance, fingerprint, now() - authenticated_at as age
from found;

-- name: age
update oadb.sessions set last_seen_at = now() - interval '2 minutes';
"""

query = Queries("before", parse(_SQL, "before", "before.sql"))


@dataclass(frozen=True, slots=True)
class FoundBefore(Session):
    """What the statement that wrote returned."""

    fingerprint: bytes = field(repr=False)
    age: timedelta

    @property
    def row(self) -> tuple[int, object]:
        return self.user_id, self.session_id

    session = sessions.FoundSession.session


@query
def find(token_digest: bytes, others: list[bytes] | None = None) -> FoundBefore | None: ...


@query
def age() -> None: ...


query.complete()


@operation
async def verify_and_write(
    db: AsyncExecutor,
    token: Secret,
    *,
    at_least: int = 1,
    max_age: timedelta | None = None,
) -> Session | Refusal:
    found = await proof.find_by_token(db, TOKEN, token, find)
    if found is None:
        return Refusal.UNKNOWN
    is_old = max_age is not None and found.age > max_age
    return Refusal.TOO_WEAK if is_old or found.assurance < at_least else found.session


def _compare(db: Database) -> None:
    tokens = [sessions.create(db, _user(db)).token for _ in range(_SESSIONS)]

    def recent(verify: Verify) -> Callable[[int], None]:
        def run(calls: int) -> None:
            for number in range(calls):
                verify(db, tokens[number % _SESSIONS])

        return run

    def due(verify: Verify, *, with_notes: bool) -> Callable[[int], float]:
        def run(calls: int) -> float:
            age(db)
            started = perf_counter()
            for token in tokens:
                verify(db, token)
            seconds = perf_counter() - started
            while db.stats().notes_queued:
                sleep(0.0005)
            return (perf_counter() - started if with_notes else seconds) * calls / _SESSIONS

        return run

    pairs = [
        ("seen within the minute", recent(verify_and_write), recent(sessions.verify)),
        (
            "not seen within the minute",
            due(verify_and_write, with_notes=False),
            due(sessions.verify, with_notes=False),
        ),
        (
            "the same, until all is noted",
            due(verify_and_write, with_notes=True),
            due(sessions.verify, with_notes=True),
        ),
    ]
    variants = [(name, Variant(name, old), Variant(name, new)) for name, old, new in pairs]
    measure([each for _, *both in variants for each in both], calls=_SESSIONS)
    table(
        ["session", "read and notes, ratio to one statement", "us", "us before"],
        (
            [
                name,
                str(ratio(new.seconds, old.seconds)),
                f"{new.microseconds:.0f}",
                f"{old.microseconds:.0f}",
            ]
            for name, old, new in variants
        ),
    )


def _user(db: Database) -> SignedInUser:
    name = secrets.token_hex(8)
    return account(db, users.create(db, name, f"{name}@example.in").user_id)


def run() -> None:
    main("Sessions that are seen")
    print(f"\n{ROUNDS} rounds of {_SESSIONS} calls each, in shuffled order; median of the ratios")
    print("within a round, with its 95 % confidence interval.\n")
    ring = KeyRing([Key(1, "primary", datetime.now(UTC), secrets.token_bytes(32))])
    with database() as url, Database(replace(config(url), keyring=ring)) as db:
        _compare(db)


if __name__ == "__main__":
    run()
