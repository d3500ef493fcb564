"""Every mistake in an argument has one answer, in all public functions: the table is made here.

A wrong type, a word that is no member, an invalid address, an empty duration, an invalid limit or
cursor, a window that ends before it begins and a number of more than 64 bits are a ParameterError
that names function and parameter, before anything is sent. A user who does not
exist is a NoRowError, of the owner as of the actor.
"""

import inspect
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

from oadb import Config, Database, Secret
from oadb.accounts.broker_tokens import Tokens
from oadb.accounts.key_uses import KeyUses
from oadb.accounts.sessions import Session
from oadb.accounts.users import SignedInUser
from oadb.engine.binding.declarations import Declaration
from oadb.engine.binding.objects import ObjectType
from oadb.engine.binding.operations import Operation
from oadb.engine.binding.values import ValueType
from oadb.errors import NoRowError, ParameterError
from oadb.logs.analyzer_logs import Analysis
from oadb.logs.api_logs import Call
from oadb.logs.latency import Timing
from oadb.logs.traffic import Request
from oadb.settings import user_settings
from oadb.trading import pending_orders
from tests.conftest import RING, configured
from tests.support.accounts import new_user
from tests.support.each import for_each
from tests.test_public_api import CALLS

NOBODY = 2**62

THEME = user_settings.declare("bad.arguments.theme", str, default="light")

VALUES: dict[type, object] = {
    int: 7, str: "zerodha", bool: True, float: 0.5, bytes: b"x", dict: {}, UUID: UUID(int=1),
    date: date(2026, 1, 1), datetime: datetime(2026, 1, 1, tzinfo=UTC), time: time(9),
    timedelta: timedelta(hours=1), Decimal: Decimal(1), Secret: Secret("x"),
}  # fmt: skip  # a table

NOW = datetime(2026, 1, 1, tzinfo=UTC)
ASHA = SignedInUser(7, "asha", "asha@example.in", None, None, False, 1, NOW, NOW, None, 1)
SESSION = Session(7, UUID(int=1), None, None, None, {}, NOW, NOW, NOW, NOW, 1)

# Values of parameters that have a rule, or that the engine leaves to the function.
NAMED: dict[str, object] = {
    "ip": "203.0.113.7", "network": "203.0.113.7", "time_zone": "Asia/Kolkata",
    "uses": KeyUses(), "tokens": Tokens(Secret("x")), "rows": [], "pairs": [("NSE", "INFY")],
    "account": ASHA, "session": SESSION, "call": Call(endpoint="/", method="GET", status=200),
    "analysis": Analysis(api_type="x", request={}, response={}), "mappings": [],
    "request": Request(ip="::1", method="GET", path="/", status=200, duration_ms=1.0),
    "timing": Timing(total_ms=1.0, outcome="succeeded"), "path": Path("x.csv"),
    "exchanges": None, "email": "a@example.in", "cursor": None,
}  # fmt: skip  # a table

# Arguments that a call needs to get as far as the user.
SPECIAL: dict[str, dict[str, Any]] = {
    "api_keys.create": {"order_mode": "auto"}, "one_time_tokens.create": {"purpose": "activation"},
    "broker_tokens.put": {"broker": "zerodha"},
    "users.set_password": {"password": Secret("correct horse battery")},
    "app_settings.set_trading_mode": {"mode": "live"}, "user_settings.get": {"key": THEME},
    "app_settings.update_security": {"not_found_threshold": 77},
    "smtp_settings.update": {"port": 26},
}  # fmt: skip  # a table

Kinds = dict[str, ValueType | ObjectType]


@dataclass(frozen=True, slots=True)
class Mistake:
    """A wrong value of one parameter of a public function, and what the error says of it."""

    label: str
    name: str
    what: str
    value: Any
    said: str

    def __str__(self) -> str:
        return f"{self.label.removeprefix('oadb.')}-{self.name}-{self.what}"


def kinds(label: str) -> Kinds:
    value = CALLS[label].value
    if not isinstance(value, Declaration | Operation):
        return {}
    variadic = inspect.Parameter.VAR_POSITIONAL  # which the function checks itself
    parameters = inspect.signature(value).parameters
    return {n: kind for n, kind in value.kinds.items() if parameters[n].kind is not variadic}


def is_needed(parameter: inspect.Parameter) -> bool:
    empty, variadic = parameter.empty, (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD)
    return parameter.default is empty and parameter.kind not in variadic


def arguments(label: str) -> dict[str, Any]:
    """Return a value for each parameter that a call must give."""
    signature = inspect.signature(CALLS[label].value)
    return {
        p.name: sample(p.name, kinds(label).get(p.name))
        for p in signature.parameters.values()
        if p.name != "db" and is_needed(p)
    }


def sample(name: str, kind: ValueType | ObjectType | None) -> Any:
    if isinstance(kind, ValueType) and kind.choices:
        return [kind.choices[0]] if kind.array else kind.choices[0]
    if name in NAMED and not (name == "account" and isinstance(kind, ValueType)):
        return NAMED[name]
    value = VALUES.get(kind.python) if kind else None
    return [value] if kind and kind.array else value


def mistakes() -> Iterator[Mistake]:
    for label in CALLS:
        for name, kind in kinds(label).items():
            yield Mistake(label, name, "type", object(), f"{name} must be ")
            if isinstance(kind, ObjectType):
                continue
            if kind.choices:
                yield from wrong_members(label, name, kind)
            if kind.rule is not None:
                yield from against_rules(label, name, kind)
            if kind.python is int and not kind.array and kind.rule is None:
                said = f"{name} must be a whole number of at most 64 bits"
                yield Mistake(label, name, "size", 2**63, said)
            if kind.python is datetime:
                said = f"{name} must be from 0001-01-02 to 9999-12-31 UTC"
                yield Mistake(label, name, "moment", datetime.max.replace(tzinfo=UTC), said)
            if name == "cursor":
                yield Mistake(label, name, "cursor", "nonsense", "cursor is not one of this list")
        if {"since", "until"} <= kinds(label).keys():
            yield Mistake(label, "since", "window", datetime(2027, 1, 1, tzinfo=UTC), "since is ")


def wrong_members(label: str, name: str, kind: ValueType) -> Iterator[Mistake]:
    wrong = "nonsense" if isinstance(kind.choices[0], str) else 777
    value = [wrong] if kind.array else wrong
    yield Mistake(label, name, "member", value, f"{name} must be one of {kind.choices[0]}")


# For each type with a rule: values that no rule of the type allows.
AGAINST: dict[type, list[object]] = {
    str: ["no\nwhere"],
    int: [0],
    timedelta: [timedelta(), timedelta.max],
}


def against_rules(label: str, name: str, kind: ValueType) -> Iterator[Mistake]:
    is_label = kind.rule is not None and kind.rule.text == "a text that is not blank"
    for value in ["", " \u200b"] if is_label else AGAINST[kind.python]:
        yield Mistake(label, name, "rule", [value] if kind.array else value, f"{name} must be ")


MISTAKES = [*mistakes()]


def test_all_kinds_of_mistakes_are_in_the_table() -> None:
    found = {mistake.what for mistake in MISTAKES}

    assert found == {"type", "member", "rule", "size", "moment", "cursor", "window"}
    assert len(MISTAKES) > 400


@pytest.fixture(scope="module")
def unreachable() -> Iterator[Database]:
    """Give a database that fails with another error if anything is sent."""
    environ = {"DATABASE_URL": "postgresql://127.0.0.1:1/none", "OADB_KEYRING": RING.to_json()}
    with pytest.MonkeyPatch.context():
        yield Database(Config.from_env(environ))


@for_each("mistake", MISTAKES)
def test_a_mistake_is_refused_by_name_before_anything_is_sent(
    unreachable: Database, mistake: Mistake
) -> None:
    given = {**arguments(mistake.label), mistake.name: mistake.value}
    if mistake.what == "window":
        given["until"] = datetime(2026, 1, 1, tzinfo=UTC)

    with pytest.raises(ParameterError) as refused:
        called(CALLS[mistake.label].value, unreachable, given)

    text, short = str(refused.value), ".".join(mistake.label.split(".")[-2:])
    assert text.startswith(f"{short}: {mistake.said}")
    assert not re.search(r"nonsense|no\nwhere|object at", text)
    assert refused.value.__context__ is None
    if mistake.what == "type":
        assert text.endswith(", not object")
    if mistake.what not in {"window", "cursor"}:
        assert refused.value.field.startswith(mistake.name)
        assert refused.value.limit


def called(function: Callable[..., Any], db: Database, given: dict[str, Any]) -> Any:
    """Call with named arguments; a stream is read."""
    result = function(db, **given)
    return next(result) if inspect.isgenerator(result) else result


# Users who do not exist --------------------------------------------------------------------------

# What cannot be done for nobody; elsewhere nothing is found or changed.
NEEDS_OWNER = {
    "api_keys.create", "broker_tokens.put", "second_factors.enroll", "users.update",
    "users.set_password", "users.set_username", "login_attempts.sign_in_with_oauth",
    "user_settings.put", "pending_orders.create", "strategies.create", "chartink.create",
    "users.disable", "users.enable", "one_time_tokens.create",
}  # fmt: skip  # a list

OF_A_USER = [
    label for label in CALLS if "user_id" in arguments(label) and not label.startswith("oadb.logs.")
]


@pytest.fixture(scope="module")
def db(url: str) -> Iterator[Database]:
    with Database(configured(url)) as db:
        yield db


@pytest.mark.usefixtures("cheap_hashing")
@for_each("label", OF_A_USER)
def test_an_owner_who_does_not_exist_is_an_error_or_has_nothing(db: Database, label: str) -> None:
    short = ".".join(label.split(".")[-2:])
    given = {**arguments(label), "user_id": NOBODY, **SPECIAL.get(short, {})}
    given |= {"by": None} if "by" in given else {}
    choices = [THEME.to("dark")] if short == "user_settings.put" else []

    if short in NEEDS_OWNER:
        said = rf"^{re.escape(short)}: there is no user {NOBODY}$"
        with pytest.raises(NoRowError, match=said):
            CALLS[label].value(db, given.pop("user_id"), *choices, **given)
    else:
        assert not CALLS[label].value(db, **given) or short in {
            "user_settings.get",
            "user_settings.get_all",
        }


ACTORS = [label for label in CALLS if "by" in inspect.signature(CALLS[label].value).parameters]


@for_each("label", ACTORS)
def test_an_actor_who_does_not_exist_is_an_error(db: Database, label: str) -> None:
    short = ".".join(label.split(".")[-2:])
    user_id = new_user(db)
    order = pending_orders.create(db, user_id, "placeorder", {})
    given = {**arguments(label), "by": NOBODY, **SPECIAL.get(short, {})}
    given |= {"user_id": user_id} if "user_id" in given else {}
    given |= {"pending_order_id": order.pending_order_id} if "pending_order_id" in given else {}
    choices = {"user_settings.put": [THEME.to("dark")], "user_settings.reset": [THEME]}
    owner = [given.pop("user_id")] if "user_id" in given else []

    with pytest.raises(NoRowError, match=rf"^{re.escape(short)}: there is no user {NOBODY}$"):
        CALLS[label].value(db, *owner, *choices.get(short, []), **given)
