"""What a service chooses of an integration; one set of settings for all frameworks."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from oadb.engine.config import Config
from oadb.engine.telling import Observers
from oadb.errors import ParameterError
from oadb.integrations.client_address import TrustedProxies

_TOKEN = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")


@dataclass(frozen=True, slots=True, kw_only=True)
class WebSettings:
    """How a web service uses oadb.

    Attributes:
        config: The database; None: that of the environment, read when the service starts. Of the
            environment, OADB_LOG_DATABASE_URL is where requests are logged.
        proxies: Who may say which address a client has; by default nobody.
        session_cookie: The name of the cookie with the token of a session. A name with ``__Host-``
            is accepted by browsers over TLS alone, and cannot be set by other hosts of a domain.
        key_header: The header with an API key; of ``Authorization``, the bearer token is the key.
        bans: Whether banned networks are refused, and wrong API keys count towards a ban.
        log_requests: Whether each request is logged, by the template of its route.
        health_path, ready_path: Where containers and load balancers ask whether the process is
            alive, and whether it can work; None: nowhere.
        observer: Hears what the Database and the log do; see oadb.engine.observing.
        sentences: What to tell clients of violated constraints, by their names.
    """

    config: Config | None = None
    proxies: TrustedProxies = field(default_factory=TrustedProxies)
    session_cookie: str = "__Host-session"
    key_header: str = "X-API-Key"
    bans: bool = True
    log_requests: bool = True
    health_path: str | None = "/health"
    ready_path: str | None = "/ready"
    observer: Observers = None
    sentences: Mapping[str, str] = field(default_factory=dict[str, str])

    def __post_init__(self) -> None:
        """Refuse names and paths that no request could have.

        Raises:
            ParameterError: one of them; the text names the setting.
        """
        for name in ("session_cookie", "key_header"):
            if not _TOKEN.fullmatch(getattr(self, name)):
                raise ParameterError(f"WebSettings: {name} must be a name of letters, digits, -, _")
        for name in ("health_path", "ready_path"):
            path = getattr(self, name)
            if path is not None and not path.startswith("/"):
                raise ParameterError(f"WebSettings: {name} must begin with /, or be None")
