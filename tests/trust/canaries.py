"""Planting secrets everywhere and looking for them where a thief would."""

import io
import logging
import os
import re
import subprocess
import tempfile
from base64 import b64encode, urlsafe_b64encode
from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager
from functools import partial
from hashlib import sha256
from pathlib import Path
from secrets import token_hex
from unittest.mock import patch

import psycopg
from pyotp import random_base32

from oadb import Config, Database, Secret
from oadb.accounts import api_keys, broker_tokens, login_attempts, second_factors, sessions, users
from oadb.accounts.broker_tokens import Tokens
from oadb.embedded import embedded_server
from oadb.errors import Error
from oadb.keys import proof
from oadb.security import keyring_file
from oadb.security.keyring import KeyRing
from oadb.settings import smtp_settings
from oadb.trading import strategies, webhooks
from tests.security.said import everything_shown
from tests.support.accounts import account
from tests.trust.ground import Measured, key, require, server

PEOPLE = 40
# Whose secrets also go through every error; one of an unreachable server takes seconds.
_CLUMSY = 4

_NOWHERE = "postgresql://localhost:1/none"

# A thief may set these; here the server itself logs every statement with its values.
_LOUD = (
    "alter system set log_statement = 'all'",
    "alter system set log_min_error_statement = 'debug5'",
    "alter system set log_error_verbosity = 'verbose'",
    "select pg_reload_conf()",
)


def scan() -> list[Measured]:
    """Plant at least 200 secrets, use them rightly and wrongly, and look for each one."""
    ring = KeyRing([key(1)])
    said: list[str] = []
    with server(ring) as (running, config), _logged() as log, Database(config) as db:
        _execute(config, *_LOUD)
        proof.prove(db)
        planted = [secret for number in range(PEOPLE) for secret in _plant(db, number, said)]
        planted += [Secret(each.root.hex()) for each in ring.keys.values()]
        planted += _plant_mail(db, said)
        planted += _misread(said)
        _execute(config, "checkpoint")
        folder = Path(running.keywords["host"])
        places = {
            "pg_dump": [_dump(running.keywords)],
            "data directory with WAL": _files(folder / "data"),
            "server log (every statement and value logged)": [(folder / "log").read_bytes()],
            "application logs (DEBUG)": [log.getvalue().encode()],
            "exceptions: text, repr, traceback with variables": [_bytes(text) for text in said],
        }
        return [_looked(place, contents, planted) for place, contents in places.items()]


def _plant(db: Database, number: int, said: list[str]) -> Iterator[Secret]:
    """Give one person every kind of secret; yield each."""
    user = users.create(db, f"person{number}", f"person{number}@example.in").user_id
    password, access, refresh, feed, extra = (Secret(f"canary-{token_hex(16)}") for _ in range(5))
    users.set_password(db, user, password)
    login_attempts.sign_in(db, f"person{number}", password, ip=f"192.0.2.{number}")
    session = sessions.create(db, account(db, user))
    kept = api_keys.issue(db, user, "kept", order_mode="auto", keep=True)
    shown = api_keys.issue(db, user, "shown", order_mode="auto")
    broker_tokens.put(db, user, "zerodha", Tokens(access, refresh, feed, {"pin": extra}))
    factor = second_factors.enroll(db, user, "account")
    assert factor is not None
    alert = strategies.create(db, user, "alert")
    rotated = webhooks.rotate(db, user, alert.strategy.strategy_id)
    assert rotated is not None
    tokens = [session.token, kept.token, shown.token, alert.webhook, rotated]
    sessions.find(db, session.token)
    api_keys.verify(db, shown.token)
    broker_tokens.get(db, user, "zerodha")
    strategies.find_by_webhook(db, rotated)
    if number < _CLUMSY:
        _misuse(db, user, password, access, tokens, said)
        yield _misenroll(db, user, said)
    yield from [password, access, refresh, feed, extra, factor.secret, *tokens]
    yield from (Secret(sha256(token.reveal().encode()).hexdigest()) for token in tokens)


def _misuse(
    db: Database,
    user: int,
    password: Secret,
    access: Secret,
    tokens: list[Secret],
    said: list[str],
) -> None:
    """Provoke every error that a secret could appear in; keep what is said."""
    elsewhere = Database(Config.from_env({"DATABASE_URL": _NOWHERE}))
    odd = Secret(password.reveal() * 40)
    wrongly: list[Callable[[], object]] = [
        lambda: users.set_password(db, user, odd),
        lambda: users.set_password(db, user, Secret(password.reveal() + "\udc80")),
        lambda: users.set_password(elsewhere, user, password),
        lambda: broker_tokens.put(db, user, "Not A Broker", Tokens(access)),
        lambda: broker_tokens.put(db, -1, "zerodha", Tokens(access)),
        lambda: broker_tokens.put(db, user, "a\0b", Tokens(access, parameters={"x": password})),
        lambda: broker_tokens.get(db, user, access),  # type: ignore[call-overload]
        lambda: api_keys.issue(db, -1, "x", order_mode="auto", keep=True),
        lambda: api_keys.verify(elsewhere, tokens[1]),
        lambda: api_keys._find_by_digest(db, tokens),  # type: ignore[call-overload]
        lambda: sessions.find(elsewhere, tokens[0]),
        lambda: strategies.find_by_webhook(elsewhere, tokens[4]),
        lambda: strategies._find_by_digest(db, tokens[4]),  # type: ignore[call-overload]
        lambda: strategies.create(db, -1, "x"),
        lambda: sessions.create(db, account(db, user), data={"x": {1, 2}}),  # type: ignore[dict-item]
        lambda: sessions.create(db, account(db, user), broker="b" * 51),
        lambda: second_factors.verify(elsewhere, user, password),
        lambda: login_attempts.sign_in(db, "x", password, ip="nowhere"),
    ]
    said.extend(map(_answer, wrongly))


def _plant_mail(db: Database, said: list[str]) -> list[Secret]:
    """Give the application two passwords, one after the other, and use them wrongly."""
    elsewhere = Database(Config.from_env({"DATABASE_URL": _NOWHERE}))
    first, second = (Secret(f"canary-{token_hex(16)}") for _ in range(2))
    for each in (first, second):
        smtp_settings.set_account(db, changed_by=None, password=each)
    smtp_settings.get_account(db)
    wrongly: list[Callable[[], object]] = [
        lambda: smtp_settings.set_account(db, changed_by=None, port=0, password=first),
        lambda: smtp_settings.set_account(elsewhere, changed_by=None, password=first),
        lambda: smtp_settings.set_account(db, changed_by=None, password=first, cleared=("x",)),  # type: ignore[arg-type]
    ]
    said.extend(map(_answer, wrongly))
    return [first, second]


def _misenroll(db: Database, user: int, said: list[str]) -> Secret:
    """Let enrollments fail with a secret that is known to us, and return it."""
    elsewhere = Database(Config.from_env({"DATABASE_URL": _NOWHERE}))
    secret = Secret(random_base32())
    wrongly: list[Callable[[], object]] = [
        lambda: second_factors.enroll(db, -1, "account"),
        lambda: second_factors.enroll(elsewhere, user, "account"),
        lambda: second_factors.enroll(db, user, ""),
        lambda: second_factors.enroll(db, user, "account", "is:suer"),
        lambda: second_factors.enroll(db, user, "\udc80"),
    ]
    with patch.object(second_factors, "random_base32", secret.reveal):
        said.extend(map(_answer, wrongly))
    return secret


def _misread(said: list[str]) -> list[Secret]:
    """Have every bad key ring read from where rings are kept; return the roots in them."""
    first, second = key(1), key(2, "decrypt-only")
    text = KeyRing([first, second]).to_json()
    root = urlsafe_b64encode(first.root).rstrip(b"=").decode()
    bad = [
        text[:-4], text + root, root, text.replace('"primary"', '"first"'),
        text.replace('"primary"', '"retired"'), text.replace(root, root + "="),
        text.replace(root, root[:-4]), text.replace('"1"', '"2"'), text.replace('"1"', f'"{root}"'),
        text.replace('"state"', '"status"'), text.replace("T", " at "),
        re.sub(r'("root": )"[^"]*"', rf'\1"{root}"', text),
    ]  # fmt: skip
    with tempfile.NamedTemporaryFile() as file:
        for each in (*bad, " " * 1024 * 1024 + text):
            Path(file.name).write_text(each)
            said.append(_answer(partial(keyring_file.read, Path(file.name))))
    for each in bad:
        environment = {"DATABASE_URL": _NOWHERE, keyring_file.TEXT: each}
        said.append(_answer(partial(Config.from_env, environment)))
    return [Secret(each.root.hex()) for each in (first, second)]


def _answer(wrong: Callable[[], object]) -> str:
    """Return all that an error tracker would collect of a misuse."""
    try:
        wrong()
    except (Error, psycopg.Error, TypeError) as error:
        return everything_shown(error)
    raise AssertionError("a misuse was accepted")


def _looked(place: str, contents: list[bytes], planted: list[Secret]) -> Measured:
    forms = {form for secret in planted for form in _forms(secret.reveal())}
    require(_count(b"a" + min(forms) + b"a", forms) == 1, "what is there is found")
    found = sum(_count(content, forms) for content in contents)
    size = sum(map(len, contents))
    require(size > 1000, f"something to look through in {place}")
    promise = f"{len(planted)} planted secrets, found in {place}"
    require(found == 0, f"{promise}: {found}")
    if place.startswith(("pg_dump", "data", "server")):
        require(any(b"person7@example.in" in content for content in contents), "the scan works")
    return Measured(promise, f"{found} (of {size / 1e3:,.0f} kB)")


def _count(content: bytes, forms: set[bytes]) -> int:
    """Count what of *forms* is in *content*; grep looks for thousands at once."""
    lines = {form for form in forms if b"\n" not in form}
    with tempfile.NamedTemporaryFile() as patterns:
        patterns.write(b"\n".join(lines))
        patterns.flush()
        command = ["grep", "-aoFf", patterns.name]
        done = subprocess.run(
            command,
            input=content,
            env={**os.environ, "LC_ALL": "C"},
            capture_output=True,
            check=False,
        )
    require(done.returncode in {0, 1} and not done.stderr, f"grep: {done.stderr!r}")
    return len(done.stdout.splitlines()) + sum(form in content for form in forms - lines)


def _forms(text: str) -> Iterator[bytes]:
    """Yield how a text may be written: as it is, in hexadecimal digits, in either base64.

    What is given in hexadecimal digits, a root or a digest, also as the bytes that it stands for.
    """
    raw = text.encode()
    yield from (raw, raw.hex().encode(), b64encode(raw)[:-4], urlsafe_b64encode(raw)[:-4])
    if len(text) == 64 and all(digit in "0123456789abcdef" for digit in text):
        raw = bytes.fromhex(text)
        yield from (raw, b64encode(raw)[:-4], urlsafe_b64encode(raw)[:-4], repr(raw)[2:-1].encode())


def _files(folder: Path) -> list[bytes]:
    return [path.read_bytes() for path in folder.rglob("*") if path.is_file()]


def _dump(keywords: dict[str, str]) -> bytes:
    command = [str(embedded_server.binaries() / "pg_dump")]
    environment = {**os.environ, **_environment(keywords)}
    return subprocess.run(command, env=environment, check=True, capture_output=True).stdout


def _environment(keywords: dict[str, str]) -> dict[str, str]:
    names = {"host": "PGHOST", "port": "PGPORT", "user": "PGUSER", "dbname": "PGDATABASE"}
    return {names[name]: value for name, value in keywords.items()}


def _execute(config: Config, *statements: str) -> None:
    with psycopg.connect(**config.connection_keywords(), autocommit=True) as connection:
        for statement in statements:
            connection.execute(statement.encode())


@contextmanager
def _logged() -> Generator[io.StringIO]:
    """Keep all that is logged, at level DEBUG, with its arguments."""
    kept = io.StringIO()
    handler = logging.StreamHandler(kept)
    handler.setFormatter(logging.Formatter("%(name)s %(message)s %(args)s"))
    root = logging.getLogger()
    level = root.level
    root.addHandler(handler)
    root.setLevel(logging.DEBUG)
    logging.getLogger("oadb.trust").debug("%s", "x" * 1000)
    try:
        yield kept
    finally:
        root.setLevel(level)
        root.removeHandler(handler)


def _bytes(text: str) -> bytes:
    return text.encode(errors="surrogatepass")
