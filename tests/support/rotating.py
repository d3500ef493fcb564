"""A key ring in a file, and a user with secrets of every kind, for tests of key rotation."""

import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from time import time

from pyotp.totp import TOTP

from oadb import Config, Database, Secret
from oadb.accounts import api_keys, broker_tokens, second_factors, sessions, users
from oadb.accounts.api_keys import VerifiedKey
from oadb.accounts.broker_tokens import BrokerToken, Tokens
from oadb.accounts.sessions import Session
from oadb.security import keyring_file
from oadb.settings import smtp_settings
from oadb.tools import key_rotation as tool
from oadb.trading import chartink, strategies
from oadb.trading.strategies import Strategy
from tests.support import command_line
from tests.support.accounts import account

TABLES = ("users", "sessions", "api_keys", "broker_tokens", "second_factors", "strategies")
REWRAPPED = (*TABLES[:-1], "smtp_settings", "strategies")


@dataclass
class Ring:
    """A key ring in a file; ``open`` opens the database with the present content of the file."""

    url: str
    path: Path

    @property
    def environment(self) -> dict[str, str]:
        return {"DATABASE_URL": self.url, "OADB_KEYRING_FILE": str(self.path)}

    def open(self) -> Database:
        return Database(Config.from_env(self.environment))

    def oadb(self, *arguments: str) -> "subprocess.CompletedProcess[str]":
        return command_line.oadb("keys", *arguments, url=self.url, OADB_KEYRING_FILE=str(self.path))


@dataclass
class SecretHolder:
    """A user with a secret of every kind; ``works`` says of each whether it is usable."""

    user_id: int
    works: Callable[[Database], list[bool]]


def with_secrets(db: Database) -> SecretHolder:
    user = users.create(db, "asha", "asha@example.in").user_id
    password, access = Secret("correct horse"), Secret("what the broker gave")
    users.set_password(db, user, password)
    made = sessions.create(db, account(db, user))
    kept = api_keys.create(db, user, "kept", order_mode="auto", keep_token=True)
    shown = api_keys.create(db, user, "shown", order_mode="auto").token
    broker_tokens.put(db, user, "zerodha", Tokens(access, parameters={"pin": password}))
    smtp_settings.update(db, by=user, password=password)
    alert = strategies.create(db, user, "strategy").webhook
    scan = chartink.create(db, user, "scan").webhook
    factor = second_factors.enroll(db, user, account="asha")
    assert factor is not None
    authenticator = TOTP(factor.secret.reveal())
    # A code is accepted once, so each call uses the code of another time step.
    steps = iter((-30, 0, 30))

    def code_of_now() -> Secret:
        return Secret(authenticator.at(time() + next(steps)))

    def works(db: Database) -> list[bool]:
        token = broker_tokens.open(db, user, "zerodha")
        return [
            users.verify_password(db, "asha", password) is not None,
            isinstance(sessions.verify(db, made.token), Session),
            isinstance(api_keys.verify(db, kept.token), VerifiedKey),
            isinstance(api_keys.verify(db, shown), VerifiedKey),
            api_keys.open_kept(db, user, kept.key.api_key_id) == kept.token,
            isinstance(token, BrokerToken) and token.tokens.access == access,
            isinstance(token, BrokerToken) and token.tokens.parameters == {"pin": password},
            isinstance(strategies.verify_webhook(db, alert), Strategy),
            isinstance(chartink.verify_webhook(db, scan), Strategy),
            bool(second_factors.verify(db, user, code_of_now(), keep=made.session.session_id)),
            smtp_settings.open(db).password == password,
        ]

    return SecretHolder(user, works)


def rewrapped(db: Database, ring: Ring) -> dict[str, int]:
    reports = tool.rewrap(db, keyring_file.read(ring.path), lambda _: None)
    return {report.table: report.rows for report in reports}
