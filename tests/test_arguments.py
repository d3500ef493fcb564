"""Arguments of a wrong type: refused by name before anything is sent, and never shown."""

from datetime import UTC, date, datetime, time, timedelta
from typing import Any
from uuid import UUID

import pytest

from oadb import Database, Secret
from oadb.accounts import api_keys, sessions, users
from oadb.accounts.broker_tokens import Tokens
from oadb.bans import ip_bans
from oadb.engine.binding.operations import Operation
from oadb.errors import ParameterError
from oadb.trading import strategies
from tests.support.declared import MODULES, module
from tests.support.each import for_each

CANARY = "canary-4711"
VALUES: dict[type, object] = {
    int: 1, str: "x", bool: True, float: 1.5, dict: {}, UUID: UUID(int=1), date: date(2026, 1, 1),
    datetime: datetime(2026, 1, 1, tzinfo=UTC), time: time(9), timedelta: timedelta(hours=1),
    Secret: Secret(CANARY),
}  # fmt: skip  # a table
OPERATIONS: dict[str, Operation[..., Any]] = {
    f"{domain}.{name}": found
    for domain in MODULES
    for name, found in vars(module(domain)).items()
    if isinstance(found, Operation) and not name.startswith("_")
}
SECRETS = [
    (label, name)
    for label, operation in OPERATIONS.items()
    for name, kind in operation.kinds.items()
    if kind.python is Secret
]


def arguments(operation: Operation[..., Any]) -> dict[str, Any]:
    """Return a value of the right type for each parameter, an address for one that must be."""
    values = {name: VALUES.get(kind.python) for name, kind in operation.kinds.items()}
    if "ip" in values:
        values["ip"] = "192.0.2.1"
    return {
        name: [value] if operation.kinds[name].array else value for name, value in values.items()
    }


def test_operations_with_secrets_are_found() -> None:
    assert {
        ("api_keys.verify", "token"), ("sessions.verify", "token"), ("takeover.adopt_key", "token"),
        ("users.set_password", "password"), ("users.verify_password", "password"),
        ("login_attempts.sign_in", "password"),
        ("second_factors.verify", "code"), ("strategies.verify_webhook", "webhook"),
        ("chartink.verify_webhook", "webhook"), ("smtp_settings.update", "password"),
        ("trackers.track_bad_key", "key"),
    } <= {*SECRETS}  # fmt: skip  # a table


@pytest.mark.parametrize("given", [CANARY, CANARY.encode(), 4711], ids=["str", "bytes", "int"])
@for_each("parameter", SECRETS)
def test_a_secret_that_is_not_wrapped_is_refused_and_not_shown(
    shared_db: Database, parameter: tuple[str, str], given: object
) -> None:
    label, name = parameter
    operation = OPERATIONS[label]
    with pytest.raises(ParameterError) as refused:
        operation(shared_db, **{**arguments(operation), name: given})

    kind = type(given).__name__
    hint = "; wrap it: Secret(...)" if kind == "str" else ""
    expected = operation.kinds[name]
    assert str(refused.value) == f"{operation.label}: {name} must be {expected}, not {kind}{hint}"


@pytest.mark.parametrize("given", [None, b"x", 7, Secret(CANARY)], ids=repr)
def test_a_secret_can_only_hold_a_text(given: Any) -> None:
    with pytest.raises(ParameterError, match=r"^Secret: value must be str, not "):
        Secret(given)


@pytest.mark.parametrize(
    ("given", "where"),
    [
        ({"access": CANARY}, "access"), ({"access": None}, "access"),
        ({"access": Secret(""), "refresh": CANARY}, "refresh"),
        ({"access": Secret(""), "feed": CANARY}, "feed"),
        ({"access": Secret(""), "parameters": {"pin": CANARY}}, "parameters"),
    ],
)  # fmt: skip  # a table
def test_tokens_of_a_broker_are_secrets(given: Any, where: str) -> None:
    with pytest.raises(
        ParameterError, match=rf"^Tokens: {where} must be Secret.*, not "
    ) as refused:
        Tokens(**given)

    assert CANARY not in str(refused.value)


def test_positional_and_named_arguments_are_checked_alike(shared_db: Database) -> None:
    wrong: Any = CANARY
    nothing: Any = None
    for call, said in (
        (lambda: api_keys.verify(shared_db, wrong), r"^api_keys\.verify: token must be Secret"),
        (
            lambda: sessions.verify(shared_db, token=wrong),
            r"^sessions\.verify: token must be Secret",
        ),
        (
            lambda: users.verify_password(shared_db, "asha", wrong),
            r"^users\.verify_password: password must be Secret, not str; wrap it",
        ),
        (
            lambda: strategies.verify_webhook(shared_db, wrong),
            r"^strategies\.verify_webhook: webhook must be Secret",
        ),
        (
            lambda: ip_bans.ban(shared_db, "192.0.2.1", "x", duration=wrong, by=None),
            r"^ip_bans\.ban: duration must be timedelta \| None, not str",
        ),
        (
            lambda: ip_bans.ban(shared_db, "192.0.2.1", "x", by=wrong),
            r"^ip_bans\.ban: by must be int \| None, not str",
        ),
        (
            lambda: ip_bans.ban(shared_db, "192.0.2.1", nothing, by=None),
            r"^ip_bans\.ban: reason must be str, not NoneType",
        ),
        (
            lambda: ip_bans.ban(shared_db, nothing, "x", by=None),
            r"^ip_bans\.ban: ip must be str, not NoneType",
        ),
    ):
        with pytest.raises(ParameterError, match=said):
            call()


def test_a_time_with_a_zone_is_refused_with_the_reason(shared_db: Database) -> None:
    with pytest.raises(ParameterError, match=r"start_time must be time without a time zone \| N"):
        strategies.create(shared_db, 1, "x", start_time=time(9, tzinfo=UTC))
    with pytest.raises(ParameterError, match=r"start_time must be time without a time zone \| N"):
        strategies.update(shared_db, 1, UUID(int=1), start_time=time(9, tzinfo=UTC))
