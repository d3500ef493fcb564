"""What security events cost: calls that write some, with their triggers and without."""

import secrets
from dataclasses import replace
from datetime import UTC, datetime

import argon2
import psycopg

from oadb import Config, Database, Secret
from oadb.accounts import login_attempts, sealed_passwords, sessions, users
from oadb.accounts.users import SignedInUser
from oadb.security.keyring import Key, KeyRing
from oadb.security.passwords import Passwords
from oadb.tools import audit_chain, audit_verification
from tests.benchmarks.conditions import config, database, table
from tests.benchmarks.rounds import ROUNDS, Variant, measure, ratio, seconds

CALLS = 20
_ROWS = 100_000
_PASSWORD = Secret("correct horse")
_AUDITED = ("users", "sessions")


def main() -> None:
    # A sign-in is a tenth of a second of hashing; here it is what the database does.
    sealed_passwords.passwords = Passwords(argon2.profiles.CHEAPEST)
    print("\n## Security events\n")
    print(f"{ROUNDS} rounds of {CALLS} calls each, in shuffled order, passwords hashed cheaply;")
    print("median of the ratios within a round, with its 95 % confidence interval.")
    with database() as audited, database() as plain:
        _disable(plain)
        with Database(_config(audited)) as with_events, Database(_config(plain)) as without:
            _compare(with_events, without)
        _chain(audited)


def _disable(url: str) -> None:
    with psycopg.connect(url) as connection:
        for name in _AUDITED:
            connection.execute(f"alter table oadb.{name} disable trigger user".encode())


def _config(url: str) -> Config:
    ring = KeyRing([Key(1, "primary", datetime.now(UTC), secrets.token_bytes(32))])
    return replace(config(url), keyring=ring, statement_timeout_seconds=3600.0)


def _compare(with_events: Database, without: Database) -> None:
    pairs = list(zip(_variants(with_events), _variants(without), strict=True))
    measure([each for pair in pairs for each in pair], calls=CALLS)
    table(
        ["call", "with events, ratio to without", "us", "us without"],
        (
            [
                audited.name,
                str(ratio(audited.seconds, plain.seconds)),
                f"{audited.microseconds:.0f}",
                f"{plain.microseconds:.0f}",
            ]
            for audited, plain in pairs
        ),
    )


def _variants(db: Database) -> list[Variant]:
    user_id = users.create(db, "measured", "measured@example.in").user_id
    users.set_password(db, user_id, _PASSWORD)
    account = _sign_in(db)
    token = sessions.create(db, account).token

    def create(calls: int) -> None:
        for _ in range(calls):
            sessions.create(db, account)

    def sign_in(calls: int) -> None:
        for _ in range(calls):
            sessions.create(db, _sign_in(db))

    def verify(calls: int) -> None:
        for _ in range(calls):
            sessions.verify(db, token)

    def rename(calls: int) -> None:
        for number in range(calls):
            users.update(db, user_id, email=f"measured{number}@example.in")

    return [
        Variant("login_attempts.sign_in and sessions.create", sign_in),
        Variant("sessions.create, which ends the oldest of five", create),
        Variant("sessions.verify, which writes none", verify),
        Variant("users.update, another e-mail", rename),
    ]


def _sign_in(db: Database) -> SignedInUser:
    user = login_attempts.sign_in(db, "measured", _PASSWORD, ip="203.0.113.7").user
    assert user is not None
    return user


def _chain(url: str) -> None:
    with psycopg.connect(url) as connection:
        connection.execute(
            "insert into oadb.security_events (kind, user_id, db_role, detail) "
            "select 'session_begun', n %% 1000, 'x', jsonb_build_object('session_id', n) "
            "from generate_series(1, %s) as n",
            [_ROWS],
        )
    with Database(_config(url)) as db:
        linked = seconds(lambda: audit_chain.link(db))
        verified = seconds(lambda: [*audit_verification.verify(db)])
        exported = seconds(lambda: sum(len(line) for line in audit_chain.export(db)))
    print(f"\nOf {_ROWS:,} events: linked in {linked:.1f} s, ", end="")
    print(f"verified in {verified:.1f} s, exported in {exported:.1f} s.")


if __name__ == "__main__":
    main()
