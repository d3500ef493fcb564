"""Plants secrets everywhere, and searches for them where a thief would."""

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
from oadb.trading import strategies, strategy_kinds, webhooks
from tests.support.accounts import account
from tests.support.error_texts import error_texts_and_variables
from tests.trust.ground import Measured, key, require, server

PEOPLE = 40
# People whose secrets also go through every error; an unreachable server takes seconds.
_MISUSING = 4

_NOWHERE = "postgresql://localhost:1/none"

# With these settings, which a thief may set, the server logs every statement and its values.
_LOUD = (
    "alter system set log_statement = 'all'",
    "alter system set log_min_error_statement = 'debug5'",
    "alter system set log_error_verbosity = 'verbose'",
    "select pg_reload_conf()",
)


def scan() -> list[Measured]:
    """Plant at least 200 secrets, use and misuse them, and search for each."""
    ring = KeyRing([key(1)])
    texts: list[str] = []
    with server(ring) as (running, config), _logged() as log, Database(config) as db:
        _execute(config, *_LOUD)
        proof.prove(db)
        planted = [secret for number in range(PEOPLE) for secret in _plant(db, number, texts)]
        planted += [Secret(each.root.reveal().hex()) for each in ring.keys.values()]
        planted += _plant_mail(db, texts)
        planted += _misread(texts)
        _execute(config, "checkpoint")
        folder = Path(running.keywords["host"])
        places = {
            "pg_dump": [_dump(running.keywords)],
            "data directory with WAL": _files(folder / "data"),
            "server log (every statement and value logged)": [(folder / "log").read_bytes()],
            "application logs (DEBUG)": [log.getvalue().encode()],
            "exceptions: text, repr, traceback with variables": [_bytes(text) for text in texts],
        }
        return [_looked(place, contents, planted) for place, contents in places.items()]


def _plant(db: Database, number: int, texts: list[str]) -> Iterator[Secret]:
    """Give a person every kind of secret; yield each."""
    user = users.create(db, f"person{number}", f"person{number}@example.in").user_id
    password, access, refresh, feed, extra = (Secret(f"canary-{token_hex(16)}") for _ in range(5))
    users.set_password(db, user, password)
    login_attempts.sign_in(db, f"person{number}", password, ip=f"192.0.2.{number}")
    session = sessions.create(db, account(db, user))
    kept = api_keys.create(db, user, "kept", order_mode="auto", keep_token=True)
    shown = api_keys.create(db, user, "shown", order_mode="auto")
    broker_tokens.put(db, user, "zerodha", Tokens(access, refresh, feed, {"pin": extra}))
    factor = second_factors.enroll(db, user, account="account")
    assert factor is not None
    alert = strategies.create(db, user, "alert")
    rotated = webhooks.rotate(db, user, alert.strategy.strategy_id)
    assert rotated is not None
    tokens = [session.token, kept.token, shown.token, alert.webhook, rotated]
    sessions.verify(db, session.token)
    api_keys.verify(db, shown.token)
    broker_tokens.open(db, user, "zerodha")
    strategies.verify_webhook(db, rotated)
    if number < _MISUSING:
        _misuse(db, user, password, access, tokens, texts)
        yield _misenroll(db, user, texts)
    yield from [password, access, refresh, feed, extra, factor.secret, *tokens]
    yield from (Secret(sha256(token.reveal().encode()).hexdigest()) for token in tokens)


def _misuse(
    db: Database,
    user: int,
    password: Secret,
    access: Secret,
    tokens: list[Secret],
    texts: list[str],
) -> None:
    """Provoke every error in which a secret could appear; keep its texts."""
    elsewhere = Database(Config.from_env({"DATABASE_URL": _NOWHERE}))
    odd = Secret(password.reveal() * 40)
    wrongly: list[Callable[[], object]] = [
        lambda: users.set_password(db, user, odd),
        lambda: users.set_password(db, user, Secret(password.reveal() + "\udc80")),
        lambda: users.set_password(elsewhere, user, password),
        lambda: broker_tokens.put(db, user, "Not A Broker", Tokens(access)),
        lambda: broker_tokens.put(db, -1, "zerodha", Tokens(access)),
        lambda: broker_tokens.put(db, user, "a\0b", Tokens(access, parameters={"x": password})),
        lambda: broker_tokens.open(db, user, access),  # type: ignore[call-overload]  # a misuse
        lambda: api_keys.create(db, -1, "x", order_mode="auto", keep_token=True),
        lambda: api_keys.verify(elsewhere, tokens[1]),
        lambda: api_keys._find_by_digest(db, tokens),  # type: ignore[call-overload]  # a misuse
        lambda: sessions.verify(elsewhere, tokens[0]),
        lambda: strategies.verify_webhook(elsewhere, tokens[4]),
        lambda: strategy_kinds._find_by_digest(db, tokens[4]),  # type: ignore[call-overload]  # a misuse
        lambda: strategies.create(db, -1, "x"),
        lambda: sessions.create(
            db,
            account(db, user),
            data={"x": {1, 2}},  # type: ignore[dict-item]  # a misuse
        ),
        lambda: sessions.create(db, account(db, user), broker="b" * 51),
        lambda: second_factors.verify(elsewhere, user, password),
        lambda: login_attempts.sign_in(db, "x", password, ip="nowhere"),
        lambda: login_attempts.sign_in(elsewhere, "x", password, ip="::1", code=access),
        lambda: login_attempts.sign_in_with_oauth(db, -1, ip="::1", code=access),
    ]
    texts.extend(map(_answer, wrongly))


def _plant_mail(db: Database, texts: list[str]) -> list[Secret]:
    """Give the application two passwords, one after the other, and misuse them."""
    elsewhere = Database(Config.from_env({"DATABASE_URL": _NOWHERE}))
    first, second = (Secret(f"canary-{token_hex(16)}") for _ in range(2))
    for each in (first, second):
        smtp_settings.update(db, by=None, password=each)
    smtp_settings.open(db)
    wrongly: list[Callable[[], object]] = [
        lambda: smtp_settings.update(db, by=None, port=0, password=first),
        lambda: smtp_settings.update(elsewhere, by=None, password=first),
        lambda: smtp_settings.update(
            db,
            by=None,
            password=first,
            use_tls=None,  # type: ignore[arg-type]  # a misuse
        ),
    ]
    texts.extend(map(_answer, wrongly))
    return [first, second]


def _misenroll(db: Database, user: int, texts: list[str]) -> Secret:
    """Let enrollments fail with a secret that is chosen here, and return it."""
    elsewhere = Database(Config.from_env({"DATABASE_URL": _NOWHERE}))
    secret = Secret(random_base32())
    wrongly: list[Callable[[], object]] = [
        lambda: second_factors.enroll(db, -1, account="account"),
        lambda: second_factors.enroll(elsewhere, user, account="account"),
        lambda: second_factors.enroll(db, user, account=""),
        lambda: second_factors.enroll(db, user, account="account", issuer="is:suer"),
        lambda: second_factors.enroll(db, user, account="\udc80"),
    ]
    with patch.object(second_factors, "random_base32", secret.reveal):
        texts.extend(map(_answer, wrongly))
    return secret


def _misread(texts: list[str]) -> list[Secret]:
    """Read bad key rings from files and variables; return the roots in them."""
    first, second = key(1), key(2, "decrypt-only")
    text = KeyRing([first, second]).to_json()
    root = urlsafe_b64encode(first.root.reveal()).rstrip(b"=").decode()
    bad = [
        text[:-4],
        text + root,
        root,
        text.replace('"primary"', '"first"'),
        text.replace('"primary"', '"retired"'),
        text.replace(root, root + "="),
        text.replace(root, root[:-4]),
        text.replace('"1"', '"2"'),
        text.replace('"1"', f'"{root}"'),
        text.replace('"state"', '"status"'),
        text.replace("T", " at "),
        re.sub(r'("root": )"[^"]*"', rf'\1"{root}"', text),
    ]
    with tempfile.NamedTemporaryFile() as file:
        for each in (*bad, " " * 1024 * 1024 + text):
            Path(file.name).write_text(each)
            texts.append(_answer(partial(keyring_file.read, Path(file.name))))
    for each in bad:
        environment = {"DATABASE_URL": _NOWHERE, keyring_file.TEXT: each}
        texts.append(_answer(partial(Config.from_env, environment)))
    return [Secret(each.root.reveal().hex()) for each in (first, second)]


def _answer(wrong: Callable[[], object]) -> str:
    """Return all texts and variables that an error tracker would collect of a misuse."""
    try:
        wrong()
    except (Error, psycopg.Error, TypeError) as error:
        return error_texts_and_variables(error)
    raise AssertionError("a misuse was accepted")


def _looked(place: str, contents: list[bytes], planted: list[Secret]) -> Measured:
    forms = {form for secret in planted for form in _forms(secret.reveal())}
    require(_count(b"a" + min(forms) + b"a", forms) == 1, "the search finds a planted secret")
    found = sum(_count(content, forms) for content in contents)
    size = sum(map(len, contents))
    require(size > 1000, f"{place} has content")
    promise = f"{len(planted)} planted secrets, found in {place}"
    require(found == 0, f"{promise}: {found}")
    if place.startswith(("pg_dump", "data", "server")):
        require(
            any(b"person7@example.in" in content for content in contents),
            "the search finds an e-mail address",
        )
    return Measured(promise, f"{found} (of {size / 1e3:,.0f} kB)")


def _count(content: bytes, forms: set[bytes]) -> int:
    """Count the occurrences of *forms* in *content*; grep searches for thousands at once."""
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
    """Yield the forms of a text: plain, hexadecimal, and both kinds of base64.

    For hexadecimal digits of a root or a digest, the same forms of their bytes as well.
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
    """Keep all log records from level DEBUG, with their arguments."""
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
