"""No tool that looks into objects, frames or errors finds a secret or a key.

An error collector walks the frames of an error and its contexts, takes every local, and looks into
it: repr, vars, slots, ``__getstate__``, ``dataclasses.asdict``, copies, pickles, and what is in it.
"""

import copy
import dataclasses
import inspect
import pickle
import re
import secrets
from base64 import b32encode, b64encode, urlsafe_b64encode
from collections.abc import Callable, Iterator
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from types import FrameType
from typing import Any

import pytest

from oadb import Config, Database, Secret
from oadb.accounts import api_keys, broker_tokens, second_factors, sessions, users
from oadb.accounts.api_keys import NewApiKey
from oadb.accounts.broker_tokens import Tokens
from oadb.engine.binding.values import ValueType
from oadb.errors import Error, ParameterError
from oadb.security.keyring import Key, KeyRing
from oadb.security.sealing import SealedColumn
from oadb.security.secret import SecretBytes
from oadb.security.tokens import TokenKind
from oadb.settings import smtp_settings
from tests.support.accounts import NOBODY as NOBODY_SIGNED_IN
from tests.support.each import for_each
from tests.test_bad_arguments import arguments, kinds
from tests.test_public_api import CALLS

CANARY = b32encode(secrets.token_bytes(20)).decode()
ROOT = secrets.token_bytes(32)
KEY = Key(1, "primary", datetime(2026, 1, 1, tzinfo=UTC), ROOT)

HOLDERS: dict[str, Any] = {
    "a secret": Secret(CANARY),
    "bytes": SecretBytes(ROOT),
    "a key": KEY,
    "a ring": KeyRing([KEY]),
    "tokens": Tokens(Secret(CANARY), parameters={"feed": Secret(CANARY)}),
    "a new key": NewApiKey(Secret(CANARY), None),  # type: ignore[arg-type]  # only the token matters
    "a list": [Secret(CANARY), {"x": (Secret(CANARY), KEY)}],
}

DEEPEST = 5


def looked_into(value: object, depth: int = 0) -> Iterator[str]:
    """Yield all that a tool sees of a value."""
    for way in (repr, str, "{}".format):
        with suppress(Exception):
            yield way(value)
    if depth < DEEPEST:
        for inner in inside(value):
            yield from looked_into(inner, depth + 1)


def inside(value: object) -> Iterator[object]:
    """Yield what is in a value, as far as attributes and methods of Python lead to it."""
    if isinstance(value, str | bytes | int | type | FrameType) or inspect.ismodule(value):
        return
    if inspect.isroutine(value) or type(value).__module__.startswith(("_pytest", "pytest")):
        return
    for way in (vars, slots, object.__getattribute__, dataclasses.asdict, copy.copy, pickle.dumps):
        with suppress(Exception):
            found = way(value) if way is not object.__getattribute__ else value.__getstate__()
            if found is not value:
                yield found
    if isinstance(value, dict):
        yield from [*value, *value.values()]
    elif isinstance(value, list | tuple | set | frozenset):
        yield from value


def slots(value: object) -> dict[str, object]:
    names = [name for kind in type(value).__mro__ for name in getattr(kind, "__slots__", ())]
    return {name: getattr(value, name) for name in names if hasattr(value, name)}


def planted_in(texts: Iterator[str]) -> list[str]:
    """Return what of the secret and of the root is in texts, in any spelling."""
    spelled = [
        CANARY,
        repr(ROOT)[2:-1],
        ROOT.hex(),
        *(code(ROOT).rstrip(b"=").decode() for code in (b64encode, urlsafe_b64encode)),
    ]
    return [text for text in texts for part in spelled if part in text]


@pytest.mark.parametrize("name", HOLDERS)
def test_looking_into_an_object_shows_nothing(name: str) -> None:
    assert planted_in(looked_into(HOLDERS[name])) == []


def test_looking_into_what_is_not_hidden_finds_it() -> None:
    plain = dataclasses.make_dataclass("Plain", ["text"], slots=True)(CANARY)

    assert planted_in(looked_into([plain])) != []
    assert planted_in(looked_into({"root": ROOT})) != []


@pytest.mark.parametrize("name", ["a secret", "bytes", "a key", "a ring"])
@pytest.mark.parametrize("way", [pickle.dumps, lambda held: held.__reduce_ex__(2)])
def test_nothing_of_it_is_pickled(name: str, way: Callable[[Any], object]) -> None:
    with suppress(TypeError):
        assert planted_in(looked_into(way(HOLDERS[name]))) == []
    with pytest.raises(TypeError):
        pickle.dumps(HOLDERS[name])


# Frames ------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def unreachable() -> Database:
    environ = {
        "DATABASE_URL": f"postgresql://app:{CANARY}@127.0.0.1:1/none",
        "OADB_KEYRING": KeyRing([KEY]).to_json(),
        "DB_POOL_TIMEOUT": "0.05",
    }
    return Database(Config.from_env(environ))


def walked(error: BaseException | None) -> Iterator[str]:
    """Yield all that a collector sees of an error: its frames with locals, and its contexts."""
    while error is not None:
        yield from (str(error), repr(error.args))
        trace = error.__traceback__
        while trace is not None:
            if not is_ours(trace.tb_frame):
                for value in trace.tb_frame.f_locals.values():
                    yield from looked_into(value, DEEPEST - 2)
            trace = trace.tb_next
        error = error.__cause__ or error.__context__


def is_ours(frame: FrameType) -> bool:
    return Path(frame.f_code.co_filename).is_relative_to(Path(__file__).parents[1])


SECRET = [
    (label, name)
    for label in CALLS
    for name, kind in kinds(label).items()
    if isinstance(kind, ValueType) and kind.python is Secret
]


def planted(label: str) -> str:
    """Return a secret that a call takes to the database: of tokens those of the right form."""
    prefixes = {
        "api_keys": "oak",
        "authorization": "oak",
        "sessions": "oas",
        "elevation": "oas",
        "one_time_tokens": "oat",
    }
    prefix = prefixes.get(label.split(".")[-2], "oaw")
    kind = TokenKind(prefix, SealedColumn("x", "y"))
    finds = re.search("verify(_webhook)?$|by_token|authorize$|elevation|one_time_tokens", label)
    return kind.new(1).reveal() if finds else CANARY


@pytest.mark.long("walks through all frames of many calls")
@pytest.mark.usefixtures("cheap_hashing")
@for_each("case", SECRET)
def test_the_frames_of_a_failed_call_show_nothing(
    unreachable: Database, case: tuple[str, str]
) -> None:
    label, name = case
    secret = Secret(planted(label))
    given = {**arguments(label), name: secret}
    if "token" in given:  # of the right form, so that the call gets as far as the other secrets
        given["token"] = secret if name == "token" else Secret(planted(label))
    with pytest.raises(Error) as failed:
        CALLS[label].value(unreachable, **given)

    texts = [*walked(failed.value)]
    assert len(texts) > 20
    assert planted_in(iter(texts)) == []
    assert not any(secret.reveal() in text for text in texts)


NOBODY = 2**62
HIDDEN = Secret(CANARY)
STORING: dict[str, Callable[[Database], object]] = {
    "a password": lambda db: users.set_password(db, NOBODY, HIDDEN),
    "tokens": lambda db: broker_tokens.put(
        db, NOBODY, "zerodha", Tokens(HIDDEN, HIDDEN, HIDDEN, {"client": HIDDEN})
    ),
    "an account": lambda db: smtp_settings.update(db, by=NOBODY, password=HIDDEN),
    "an API key": lambda db: api_keys.create(db, NOBODY, "x", order_mode="auto", keep_token=True),
    "a session": lambda db: sessions.create(db, NOBODY_SIGNED_IN),
    "a second factor": lambda db: second_factors.enroll(db, NOBODY, account="x"),
}


@pytest.mark.usefixtures("cheap_hashing")
@pytest.mark.parametrize("what", STORING)
def test_the_frames_of_a_refused_write_show_nothing(
    db: Database, what: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("oadb.security.tokens._base62", lambda *_: CANARY)
    monkeypatch.setattr("oadb.accounts.second_factors.random_base32", lambda *_: CANARY)
    with pytest.raises(Error) as failed:
        STORING[what](db)

    texts = [*walked(failed.value)]
    assert len(texts) > 20
    assert planted_in(iter(texts)) == []


# Texts in place of secrets -----------------------------------------------------------------------


@for_each("case", SECRET)
def test_a_text_is_no_secret(unreachable: Database, case: tuple[str, str]) -> None:
    label, name = case
    with pytest.raises(ParameterError, match=rf"{name} must be Secret.*, not str; wrap it"):
        CALLS[label].value(unreachable, **{**arguments(label), name: "hunter2"})


@pytest.mark.parametrize(
    "given", [{"access": "hunter2"}, {"access": Secret("x"), "refresh": "hunter2"}], ids=str
)
def test_a_text_among_tokens_is_no_secret(given: dict[str, Any]) -> None:
    with pytest.raises(ParameterError, match="must be Secret") as refused:
        Tokens(**given)

    assert "hunter2" not in str(refused.value)


def test_a_ring_is_read_from_a_secret_alone() -> None:
    with pytest.raises(ParameterError, match=r"^KeyRing\.parse: text must be Secret, not str$"):
        KeyRing.parse("{}")  # type: ignore[arg-type]  # the mistake
