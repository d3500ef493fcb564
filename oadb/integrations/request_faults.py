"""Answers requests that do not fit the parameters of a path, as other errors are answered.

FastAPI's own answer shows what was sent, which may be a password, and fails where JSON cannot say
it, such as NaN. The description of the application (OpenAPI) says what is answered instead.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import cast

from fastapi import FastAPI
from fastapi.exception_handlers import request_validation_exception_handler
from fastapi.exceptions import RequestValidationError
from fastapi.requests import Request
from fastapi.responses import Response

from oadb.integrations.problem_details import MEDIA_TYPE, SCHEMA, ProblemDetails

_LONGEST = 100
"""Characters of the name of a field, which a client may have made up."""


_FASTAPIS = {"application/json": {"schema": {"$ref": "#/components/schemas/HTTPValidationError"}}}
"""What FastAPI says that it answers to a request that does not fit."""

_NAME = "OadbProblem"
"""Of the schema: an application may have a ProblemDetails of its own."""


def answer_faults(app: FastAPI) -> None:
    """Have an application answer 422 with the first fault, unless it has an answer of its own."""
    current = app.exception_handlers.get(RequestValidationError)
    if current is request_validation_exception_handler:
        app.add_exception_handler(RequestValidationError, _answer)
        _describe_answers(app)


def _describe_answers(app: FastAPI) -> None:
    """Have its description say so; what the application itself says of a path stays."""
    describe = app.openapi

    def described() -> dict[str, object]:
        description: dict[str, object] = describe()
        if app.exception_handlers.get(RequestValidationError) is _answer:
            _correct(description)
        return description

    setattr(app, "openapi", described)  # noqa: B010  # as FastAPI documents it; it is a method


def _correct(description: dict[str, object]) -> None:
    """Replace FastAPI's answer in a description, which FastAPI keeps: once is enough."""
    found = [each for each in _answers(description) if each.get("content") == _FASTAPIS]
    if not found:
        return
    for answer in found:
        answer["description"] = "The request does not fit, or a value is not allowed"
        answer["content"] = {MEDIA_TYPE: {"schema": {"$ref": f"#/components/schemas/{_NAME}"}}}
    schemas = _member(_member(description, "components"), "schemas")
    schemas[_NAME] = SCHEMA
    for name in ("HTTPValidationError", "ValidationError"):  # the first refers to the second
        if f'"#/components/schemas/{name}"' not in json.dumps(description):
            schemas.pop(name, None)


def _answers(description: dict[str, object]) -> Iterator[dict[str, object]]:
    """Yield what the paths of a description answer with 422."""
    for path in _member(description, "paths").values():
        for operation in cast("dict[str, object]", path).values():
            if isinstance(operation, dict):  # beside them a path may have a list of parameters
                yield _member(_member(cast("dict[str, object]", operation), "responses"), "422")


def _member(parent: dict[str, object], name: str) -> dict[str, object]:
    return cast("dict[str, object]", parent.get(name, {}))


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
