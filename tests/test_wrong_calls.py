"""Wrong calls of every public function: the executor, missing and unknown arguments.

Each is a TypeError that names function, parameter and class, before anything is sent, and shows no
value. Values of wrong types are in tests/test_bad_arguments.py.
"""

import asyncio
import inspect
import re
import warnings
from collections.abc import Callable
from typing import Any

import psycopg
import pytest

from oadb import AsyncDatabase, Config, Database
from oadb.accounts import users
from tests.conftest import RING
from tests.support.each import for_each
from tests.test_bad_arguments import arguments
from tests.test_public_api import CALLS

URL = "postgresql://asha:hunter2@db.example.in/trading"
ENVIRON = {"DATABASE_URL": "postgresql://127.0.0.1:1/none", "OADB_KEYRING": RING.to_json()}
CONFIG = Config.from_env(ENVIRON)

# What is given instead of an executor, and what the error says of it.
WRONG: dict[str, tuple[object, str]] = {
    "nothing": (None, "not NoneType"),
    "an id": (7, "not int"),
    "a URL": (URL, "not str; a URL is opened by Database.from_url()"),
    "a configuration": (CONFIG, "not Config; open it: Database(config)"),
    "a class": (Database, "not the class Database; open it: Database.from_env()"),
    "a connection": (
        object.__new__(psycopg.Connection),
        "not Connection; pass the Database or the transaction, which have connections",
    ),
}

FUNCTIONS: dict[str, Callable[..., Any]] = {label: each.value for label, each in CALLS.items()}

# Functions that Python itself calls, in its words.
PLAIN = {label for label, function in FUNCTIONS.items() if inspect.isfunction(function)}


def short(label: str) -> str:
    return ".".join(label.split(".")[-2:])


def refusal(function: Callable[..., Any], *args: object, **kwargs: object) -> str:
    with pytest.raises(TypeError) as refused:
        function(*args, **kwargs)
    assert refused.value.__context__ is None
    assert "hunter2" not in str(refused.value)
    return str(refused.value)


@pytest.fixture(scope="module")
def unreachable() -> Database:
    """Give a database that fails with another error if anything is sent."""
    return Database(CONFIG)


@for_each("label", [*FUNCTIONS])
def test_a_wrong_executor_is_told_first(label: str) -> None:
    function = FUNCTIONS[label]
    for given, said in WRONG.values():
        expected = f"{short(label)}(): the first argument is a Database, a transaction or a batch, "
        assert refusal(function, given, **arguments(label)) == expected + said
    moved = [*arguments(label).values()]  # the executor is forgotten
    if moved and label not in PLAIN:
        assert refusal(function, *moved).startswith(f"{short(label)}(): the first argument is ")


@for_each("label", [*FUNCTIONS])
def test_missing_arguments_are_listed(unreachable: Database, label: str) -> None:
    function, needed = FUNCTIONS[label], [*arguments(label)]
    text = refusal(function) if not needed else refusal(function, unreachable)

    assert text.startswith(f"{short(label)}()")
    for name in needed:
        assert f"'{name}'" in text


def misspelt(name: str) -> str:
    return name[:-1] + name[-1] * 2


@for_each("label", [*FUNCTIONS])
def test_an_unknown_argument_is_named_with_the_one_that_was_meant(
    unreachable: Database, label: str
) -> None:
    function = FUNCTIONS[label]
    given = {**arguments(label), "nonsense_": 1}
    assert re.match(
        rf"{re.escape(short(label))}\(\):? got an unexpected keyword argument 'nonsense_'",
        refusal(function, unreachable, **given),
    )
    for name in () if label in PLAIN else [*arguments(label)]:
        values = {misspelt(n) if n == name else n: v for n, v in arguments(label).items()}
        assert refusal(function, unreachable, **values) == (
            f"{short(label)}(): got an unexpected keyword argument '{misspelt(name)}'; "
            f"did you mean '{name}'?"
        )


@for_each("label", [*FUNCTIONS])
def test_too_many_arguments_are_refused(unreachable: Database, label: str) -> None:
    takes_any = inspect.Parameter.VAR_POSITIONAL
    parameters = inspect.signature(FUNCTIONS[label]).parameters.values()
    if not any(each.kind is takes_any for each in parameters):
        text = refusal(FUNCTIONS[label], unreachable, *(None,) * 30)
        assert re.match(rf"{re.escape(short(label))}\(\):? (too many|takes)", text)


def test_a_call_that_nobody_awaits_is_a_warning() -> None:
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        users.create(AsyncDatabase(CONFIG), "asha", "asha@example.in")  # type: ignore[unused-coroutine]  # the fault

    assert [str(each.message) for each in told] == ["coroutine 'users.create' was never awaited"]


def test_the_other_kind_of_database_is_told_by_with_and_await() -> None:
    async def opened() -> None:
        async with Database(CONFIG):  # type: ignore[attr-defined]  # the fault
            pass

    with pytest.raises(TypeError, match="Database' object does not support the asynch"):
        asyncio.run(opened())
    with (
        pytest.raises(TypeError, match="AsyncDatabase' object does not support the context"),
        AsyncDatabase(CONFIG),  # type: ignore[attr-defined]  # the fault
    ):
        pass
