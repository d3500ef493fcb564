"""Answers requests that do not fit the parameters of a path, as other errors are answered.

FastAPI's own answer shows what was sent, which may be a password, and fails where JSON cannot say
it, such as NaN.
"""

from collections.abc import Mapping, Sequence
from typing import cast

from fastapi import FastAPI
from fastapi.exception_handlers import request_validation_exception_handler
from fastapi.exceptions import RequestValidationError
from fastapi.requests import Request
from fastapi.responses import Response

from oadb.integrations.problem_details import ProblemDetails

_LONGEST = 100
"""Characters of the name of a field, which a client may have made up."""


def answer_faults(app: FastAPI) -> None:
    """Have an application answer 422 with the first fault, unless it has an answer of its own."""
    current = app.exception_handlers.get(RequestValidationError)
    if current is request_validation_exception_handler:
        app.add_exception_handler(RequestValidationError, _answer)


async def _answer(_: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)  # noqa: S101  # for type checkers
    problem = problem_of_faults(error.errors())
    return Response(problem.body, problem.status, dict(problem.headers))


def problem_of_faults(faults: Sequence[Mapping[str, object]]) -> ProblemDetails:
    """Return how to answer faults as pydantic says them; never what was sent."""
    first = faults[0]
    if first["type"] == "json_invalid":
        return ProblemDetails(422, "invalid", "The body is not JSON.")
    place = cast("tuple[str | int, ...]", first["loc"])
    field = ".".join(map(str, place[1:]))[:_LONGEST]
    return ProblemDetails(422, "invalid", f"{field or 'body'}: {first['msg']}", field=field)
