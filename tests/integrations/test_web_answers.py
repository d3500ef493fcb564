"""What all integrations of web frameworks share: settings, credentials, problems."""

import importlib
import json
import sys
from datetime import timedelta

import psycopg
import pytest
from psycopg import errors

from oadb.accounts.login_attempts import SignIn
from oadb.errors import (
    ConfigError,
    OutcomeUnknownError,
    ParameterError,
    PoolTimeoutError,
    TransactionError,
)
from oadb.integrations import credentials
from oadb.integrations.error_map import problem_of
from oadb.integrations.missing_extras import missing_extra
from oadb.integrations.problem_details import ProblemDetails, RequestRefusedError, phrase
from oadb.integrations.web_settings import WebSettings
from oadb.security.secret import Secret


@pytest.mark.parametrize(
    ("error", "status", "retry_after"),
    [
        (PoolTimeoutError("x"), 503, 1),
        (OutcomeUnknownError("x"), 500, None),
        (ParameterError("f: x must be above 0"), 422, None),
        (errors.UniqueViolation("x"), 409, None),
        (errors.ForeignKeyViolation("x"), 409, None),
        (errors.ExclusionViolation("x"), 409, None),
        (errors.CheckViolation("x"), 422, None),
        (errors.NotNullViolation("x"), 422, None),
        (errors.NumericValueOutOfRange("x"), 422, None),
        (errors.SerializationFailure("x"), 503, 1),
        (errors.DeadlockDetected("x"), 503, 1),
        (errors.LockNotAvailable("x"), 503, 1),
        (errors.QueryCanceled("x"), 503, 1),
        (errors.TooManyConnections("x"), 503, 1),
    ],
)
def test_errors_that_a_client_can_act_on_have_a_status(
    error: Exception, status: int, retry_after: int | None
) -> None:
    problem = problem_of(error, {})

    assert problem is not None
    assert (problem.status, problem.retry_after) == (status, retry_after)


@pytest.mark.parametrize(
    "error",
    [
        TransactionError("swallowed"),
        ConfigError("x"),
        errors.UndefinedTable("x"),
        errors.InsufficientPrivilege("x"),
        psycopg.OperationalError("x"),
        ValueError("x"),
    ],
)
def test_errors_of_the_service_itself_are_left_to_its_framework(error: Exception) -> None:
    assert problem_of(error, {}) is None


def test_a_problem_is_json_without_members_that_are_empty() -> None:
    problem = ProblemDetails(429, "locked", "Wait.", retry_after=3)

    assert json.loads(problem.body) == {
        "type": "about:blank",
        "title": "Too Many Requests",
        "status": 429,
        "detail": "Wait.",
        "reason": "locked",
    }
    assert ("Retry-After", "3") in problem.headers


def test_every_status_has_words() -> None:
    assert [phrase(status) for status in (404, 499, 599)] == [
        "Not Found",
        "Client Closed Request",
        "Error",
    ]


@pytest.mark.parametrize(
    ("header", "found"),
    [
        ("", None),
        ("session=a", "a"),
        ("x=1; session=a;session=b", "a"),
        ('session="a"', "a"),
        ("sessions=a; asession=b", None),
        ("session", ""),
        (";;==;\x00session=a; session=c", "c"),
    ],
)
def test_a_cookie_is_found_by_its_whole_name(header: str, found: str | None) -> None:
    token = credentials.cookie_of(header, "session")

    assert (token and token.reveal()) == found or (token is None and found is None)


@pytest.mark.parametrize(
    ("value", "header", "found"),
    [
        ("k", "X-API-Key", "k"),
        (" k ", "X-API-Key", "k"),
        ("  ", "X-API-Key", None),
        ("Bearer k", "Authorization", "k"),
        ("bearer  k", "authorization", "k"),
        ("Basic k", "Authorization", None),
        ("Bearer", "Authorization", None),
    ],
)
def test_a_key_is_the_value_of_its_header(value: str, header: str, found: str | None) -> None:
    token = credentials.key_in(value, header)

    assert (token.reveal() if token else None) == found


@pytest.mark.parametrize(
    ("method", "site", "refused"),
    [
        ("POST", "cross-site", True),
        ("POST", "", False),
        ("POST", "same-site", False),
        ("DELETE", "same-origin", False),
        ("GET", "cross-site", False),
    ],
)
def test_a_page_of_another_site_changes_nothing(method: str, site: str, *, refused: bool) -> None:
    if refused:
        with pytest.raises(RequestRefusedError, match="403 cross_site"):
            credentials.refuse_other_sites(method, site)
    else:
        credentials.refuse_other_sites(method, site)


@pytest.mark.parametrize(
    ("result", "status", "reason"),
    [
        (SignIn(None, timedelta()), 401, "wrong"),
        (SignIn(None, timedelta(seconds=1.2)), 429, "locked"),
        (SignIn(None, timedelta(), needs_code=True), 401, "code_needed"),
        (SignIn(None, timedelta(seconds=2), needs_code=True), 429, "locked"),
    ],
)
def test_a_sign_in_that_failed_says_what_to_do(result: SignIn, status: int, reason: str) -> None:
    with pytest.raises(RequestRefusedError) as caught:
        credentials.signed_in(result)

    assert (caught.value.problem.status, caught.value.problem.reason) == (status, reason)
    assert caught.value.problem.retry_after in {None, 2}


@pytest.mark.parametrize(
    ("setting", "value"),
    [("session_cookie", "a b"), ("session_cookie", ""), ("key_header", "X:"), ("ready_path", "r")],
)
def test_settings_that_no_request_could_have_are_refused(setting: str, value: str) -> None:
    with pytest.raises(ParameterError, match=setting):
        WebSettings(**{setting: value})  # type: ignore[arg-type]  # one of them at a time


def test_a_missing_extra_is_named() -> None:
    missing = ModuleNotFoundError("No module named 'fastapi'", name="fastapi")

    assert str(missing_extra("fastapi", missing)) == (
        "oadb.integrations.fastapi needs fastapi, which is not installed: "
        "pip install 'oadb[fastapi]'"
    )


@pytest.mark.parametrize("extra", ["flask", "fastapi", "starlette", "celery"])
def test_an_integration_without_its_library_says_how_to_install_it(
    extra: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in [name for name in sys.modules if name.startswith("oadb.integrations.")]:
        monkeypatch.delitem(sys.modules, name)
    frameworks = ("flask", "fastapi", "starlette", "celery")
    missing = [name for name in sys.modules if name.startswith(frameworks)]
    for name in {*missing, *frameworks, "starlette.applications"}:
        monkeypatch.setitem(sys.modules, name, None)
    with pytest.raises(ImportError, match=r"pip install 'oadb\[(flask|fastapi|celery)\]'"):
        importlib.import_module(f"oadb.integrations.{extra}")


def test_a_secret_of_a_header_does_not_show_itself() -> None:
    assert "oak_" not in repr(credentials.key_in("oak_secret", "X-API-Key"))
    assert isinstance(credentials.key_in("x", "X-API-Key"), Secret)
