"""How a password may travel: what libpq is told where DATABASE_URL leaves it open.

Beyond this machine it is never sent in clear without TLS, and in production the server must prove
who it is. Only DATABASE_URL itself loosens that, by the name of the keyword.
"""

import os
from collections.abc import Mapping
from ipaddress import ip_address
from itertools import zip_longest

from psycopg import pq

REFUSING_LIBPQ = 160000
"""The first version of libpq that can refuse how a server asks it to sign in (require_auth)."""

WITH_TLS = frozenset({"require", "verify-ca", "verify-full"})
"""The values of sslmode with which nothing is sent without TLS."""


def defaults(keywords: Mapping[str, str], *, is_production: bool) -> dict[str, str]:
    """Return the keywords of libpq that *keywords* may replace, each by its name.

    A libpq before 16 cannot refuse to send a password in clear, so TLS is required instead.
    """
    can_refuse = pq.version() >= REFUSING_LIBPQ
    if not leads_beyond_loopback(keywords):
        return {}
    if is_production:
        return {"sslmode": "verify-full"} | (
            {"require_auth": "scram-sha-256"} if can_refuse else {}
        )
    if (keywords.get("sslmode") or os.environ.get("PGSSLMODE")) in WITH_TLS:
        return {}
    if not can_refuse:
        return {"sslmode": "require"}
    if _refuses_passwords(os.environ.get("PGREQUIREAUTH", "")):
        return {}
    return {"require_auth": "!password"}


def leads_beyond_loopback(keywords: Mapping[str, str]) -> bool:
    """Say whether libpq may connect to another machine.

    Sockets, localhost and addresses of loopback are here. Any other name is elsewhere, whatever it
    resolves to today, as is what a service file may name.
    """
    variables = {"host": "PGHOST", "hostaddr": "PGHOSTADDR", "service": "PGSERVICE"}
    given = {key: keywords.get(key) or os.environ.get(name, "") for key, name in variables.items()}
    if given["service"]:
        return True
    targets = zip_longest(given["host"].split(","), given["hostaddr"].split(","), fillvalue="")
    return not all(_is_here(address or host) for host, address in targets)


def _is_here(host: str) -> bool:
    """Say whether a host is this machine; an empty one is a socket."""
    if not host or host.startswith(("/", "@")) or host.lower() == "localhost":
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False


def _refuses_passwords(methods: str) -> bool:
    """Say whether a value of require_auth forbids a password in clear."""
    listed = {method.strip() for method in methods.split(",")} - {""}
    if any(method.startswith("!") for method in listed):
        return "!password" in listed
    return bool(listed) and "password" not in listed
