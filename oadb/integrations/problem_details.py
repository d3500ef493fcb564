"""Problem details (RFC 9457): the body and the headers of an answer that is an error."""

import json
from dataclasses import dataclass
from http import HTTPStatus

from oadb.errors import Error

__all__ = ["ProblemDetails", "RequestRefusedError"]

CLIENT_GONE = 499
"""The status in the log of a request whose client did not wait for the answer."""

MEDIA_TYPE = "application/problem+json"

_TEXT = {"type": "string"}

SCHEMA: dict[str, object] = {
    "title": "Problem",
    "description": "Why a request was not answered as it was meant to be (RFC 9457).",
    "type": "object",
    "required": ["type", "title", "status", "detail", "reason"],
    "properties": {
        "type": _TEXT,
        "title": _TEXT,
        "status": {"type": "integer"},
        "detail": {"description": "A sentence for people.", **_TEXT},
        "reason": {"description": "A word for programs.", **_TEXT},
        "constraint": {"description": "The constraint of the schema, if any.", **_TEXT},
        "field": {"description": "What of the request is at fault, if known.", **_TEXT},
    },
}
"""The body of an answer as OpenAPI describes it."""


@dataclass(frozen=True, slots=True)
class ProblemDetails:
    """Why a request was not answered as it was meant to be.

    Attributes:
        status: From 400 to 599.
        reason: A word for programs, such as ``revoked`` or ``busy``; never changed once released.
        detail: A sentence for people, without secrets and without values.
        constraint: The constraint of the schema that was violated, if any.
        field: What of the request is at fault, if that is known: ``email``.
        retry_after: Seconds until the request may succeed; None: not known.
        challenge: How to authenticate (WWW-Authenticate), with status 401.
    """

    status: int
    reason: str
    detail: str
    constraint: str = ""
    retry_after: int | None = None
    challenge: str = ""
    field: str = ""

    @property
    def body(self) -> bytes:
        """The JSON to send."""
        members: dict[str, object] = {
            "type": "about:blank",
            "title": phrase(self.status),
            "status": self.status,
            "detail": self.detail,
            "reason": self.reason,
        }
        if self.constraint:
            members["constraint"] = self.constraint
        if self.field:
            members["field"] = self.field
        return json.dumps(members).encode()

    @property
    def headers(self) -> list[tuple[str, str]]:
        """The headers to send, without the length; no cache may keep the answer."""
        found = [("Content-Type", MEDIA_TYPE), ("Cache-Control", "no-store")]
        if self.retry_after is not None:
            found.append(("Retry-After", str(self.retry_after)))
        if self.challenge:
            found.append(("WWW-Authenticate", self.challenge))
        return found


class RequestRefusedError(Error):
    """A request is refused; the integration answers with its problem.

    A service may raise one of its own.
    """

    def __init__(self, problem: ProblemDetails) -> None:
        super().__init__(f"{problem.status} {problem.reason}: {problem.detail}")
        self.problem = problem


def phrase(status: int) -> str:
    """Return the words of a status, as in the first line of an answer."""
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return "Client Closed Request" if status == CLIENT_GONE else "Error"
