"""A request as the integrations see it, whatever the framework: its client, route and time."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from time import perf_counter

from oadb.integrations.problem_details import CLIENT_GONE, ProblemDetails
from oadb.logs import traffic

BANNED = ProblemDetails(403, "banned", "This network is banned.")

GONE = ProblemDetails(CLIENT_GONE, "client_gone", "The client did not wait for the answer.")

REPLACED_LOG = "%s %s: the answer %d was not sent, because its transaction was not committed"
"""For answers that a failed COMMIT, or a swallowed error, has made untrue."""

SUCCESS_ENDS = 400
"""From this status on, what a request has written is rolled back."""


def segments(templates: Iterable[str]) -> set[str]:
    """Return the segments of templates of routes, which the log may show: they are code."""
    return {part for template in templates for part in template.split("/") if part}


@dataclass(slots=True)
class SeenRequest:
    """A request in progress.

    Attributes:
        ip: The address of the client, see TrustedProxies.
        route: The template of the route that matched, such as /users/{user_id}; None: none did.
        user_id: The user of the session or the key, once it was verified.
        status: That of the answer; 500 until there is one.
        error: Why it was refused or failed, if the integration has answered.
    """

    ip: str
    method: str
    path: str
    host: str | None
    route: str | None = None
    user_id: int | None = None
    status: int = 500
    error: str | None = None
    _began_at: float = field(default_factory=perf_counter)

    def row(self) -> traffic.Request:
        """Return what is logged of it: the template of its route, not its path if it has one."""
        return traffic.Request(
            ip=self.ip,
            method=self.method,
            path=self.route or self.path,
            status=self.status,
            duration_ms=(perf_counter() - self._began_at) * 1000.0,
            endpoint=self.route,
            host=self.host,
            user_id=self.user_id,
            error=self.error,
        )
